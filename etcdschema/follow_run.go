package etcdschema

import (
	"context"
	"errors"
	"hash/maphash"
	"net"
	"sync/atomic"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/grpc"
)

// relistSpread is the time over which the new lists of many followers are distributed.
const relistSpread = time.Second

// Follower reports the changes of some prefixes to its owner, on a connection of its own.
type Follower struct {
	client   *Client
	config   FollowerConfig
	conn     *link
	dials    atomic.Int64
	redialed chan struct{} // holds a token after a connection was made
	contact  atomic.Int64  // Unix nanoseconds
	restarts atomic.Int64

	// Only the goroutine of Run touches these.
	known  map[string]stamp // by relative key: what was reported to the owner
	last   mark             // the newest change reported; the zero value when unknown
	seed   maphash.Seed
	seen   Seen
	listed bool // known is complete up to seen
	relist bool // a new list is needed before watching
}

// NewFollower makes a follower; Run does the work.
func (c *Client) NewFollower(config FollowerConfig) *Follower {
	if config.ProgressInterval == 0 {
		config.ProgressInterval = DefaultProgressInterval
	}
	return &Follower{client: c, config: config, redialed: make(chan struct{}, 1), known: map[string]stamp{},
		seed: maphash.MakeSeed(), seen: config.Seen, relist: true}
}

// LastContact is when etcd last answered, with events or with its revision. The cache is at most this old. It is the zero time
// before the first answer. It may be called from any goroutine.
func (f *Follower) LastContact() time.Time {
	if n := f.contact.Load(); n != 0 {
		return time.Unix(0, n)
	}
	return time.Time{}
}

// Restarts counts how often the watch had to be made again. It may be called from any goroutine.
func (f *Follower) Restarts() int64 { return f.restarts.Load() }

// Run lists the prefixes at one revision, then watches from the next one. It ends when ctx ends and returns nil, or when fn fails
// and returns its error. It survives compaction, loss of the quorum and loss of the connection. fn is called from one goroutine,
// that of Run. Run may be called once.
func (f *Follower) Run(ctx context.Context, fn func(Batch) error) error {
	if len(f.config.Prefixes) == 0 {
		return errors.New("follow: no prefixes")
	}
	var err error
	if f.conn, err = f.client.connect(ctx, grpc.WithContextDialer(f.dial)); err != nil {
		return err
	}
	defer f.conn.Close()
	var wait spread
	var failed *ownerError
	for down := false; ; down = true {
		err := f.follow(ctx, fn, func() {
			if down {
				f.client.log.Info("following etcd again", "prefix", f.config.Prefixes[0].path)
			}
			down = false
			wait.reset()
		})
		switch {
		case errors.As(err, &failed):
			return failed.error
		case ctx.Err() != nil:
			return nil
		case !down:
			f.client.log.Warn("following etcd was interrupted", "prefix", f.config.Prefixes[0].path, "error", err)
		}
		f.restarts.Add(1)
		if f.relist && f.listed { // what makes one follower list again makes all of them do so
			wait.widen(relistSpread)
		}
		wait.sleep(ctx)
	}
}

// ownerError is an error of fn, which ends Run.
type ownerError struct{ error }

// dial counts connections, because a new connection may lead to another, older etcd.
func (f *Follower) dial(ctx context.Context, address string) (net.Conn, error) {
	network, address := dialTarget(address)
	conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
	if err == nil {
		f.dials.Add(1)
		select {
		case f.redialed <- struct{}{}:
		default:
		}
	}
	return conn, err
}

func (f *Follower) touch() { f.contact.Store(time.Now().UnixNano()) }

// follow lists if needed, and watches. It returns when watching cannot go on. It calls ready when the watch works again.
func (f *Follower) follow(ctx context.Context, fn func(Batch) error, ready func()) error {
	if !f.relist {
		if err := f.sameHistory(ctx); err != nil {
			return err
		}
	}
	if f.relist {
		if err := f.reach(ctx); err != nil {
			return err
		}
	}
	dials := f.dials.Load() // before the list: a connection made after it is checked
	if f.relist {
		batch, err := f.resync(ctx)
		if err != nil {
			return err
		}
		f.touch()
		if err := fn(batch); err != nil {
			return &ownerError{err}
		}
		f.noteAll(batch.Events) // while the owner takes them in
	}
	return f.watch(ctx, dials, fn, ready)
}

// reach makes sure that there is a connection.
func (f *Follower) reach(ctx context.Context) error {
	ctx, cancel := withDeadline(ctx)
	defer cancel()
	_, err := f.conn.Get(ctx, f.client.FullPrefix(f.config.Prefixes[0])+"_", clientv3.WithCountOnly())
	return explain(err)
}
