package etcdschema

import (
	"context"
	"errors"
	"net"
	"sync/atomic"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/grpc"
)

// Follower keeps its owner up to date about some prefixes, on a connection of its own.
type Follower struct {
	client  *Client
	config  FollowerConfig
	conn    *clientv3.Client
	dials   atomic.Int64
	contact atomic.Int64 // Unix nanoseconds

	// Only the goroutine of Run touches these.
	known map[string]int64 // mod revision by relative key: what the owner has been told
	seen  Seen
}

// NewFollower makes a follower; Run does the work.
func (c *Client) NewFollower(config FollowerConfig) *Follower {
	if config.ProgressInterval == 0 {
		config.ProgressInterval = DefaultProgressInterval
	}
	return &Follower{client: c, config: config, known: map[string]int64{}, seen: config.Seen}
}

// LastContact is when etcd last answered, about the prefixes or with its revision: the cache is at most this old. It
// is the zero time before the first answer. It may be called from any goroutine.
func (f *Follower) LastContact() time.Time {
	if n := f.contact.Load(); n != 0 {
		return time.Unix(0, n)
	}
	return time.Time{}
}

// Run lists the prefixes at one revision, then watches from the next, until ctx ends (which returns nil) or fn fails
// (whose error it returns). It survives compaction, loss of quorum and of the connection. fn is called from one
// goroutine, Run's own. Run may be called once.
func (f *Follower) Run(ctx context.Context, fn func(Batch) error) error {
	if len(f.config.Prefixes) == 0 {
		return errors.New("follow: no prefixes")
	}
	var err error
	if f.conn, err = f.client.connect(ctx, grpc.WithContextDialer(f.dial)); err != nil {
		return err
	}
	defer f.conn.Close()
	var wait backoff
	var failed *ownerError
	for {
		err := f.follow(ctx, fn, wait.reset)
		switch {
		case errors.As(err, &failed):
			return failed.error
		case ctx.Err() != nil:
			return nil
		}
		f.client.log.Warn("following etcd was interrupted, listing again", "prefix", f.config.Prefixes[0].path, "error", err)
		wait.sleep(ctx)
	}
}

// ownerError is an error of fn, which ends Run.
type ownerError struct{ error }

// dial counts connections: on a new one etcd may be another, older one.
func (f *Follower) dial(ctx context.Context, address string) (net.Conn, error) {
	network, address := dialTarget(address)
	conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
	if err == nil {
		f.dials.Add(1)
	}
	return conn, err
}

func (f *Follower) touch() { f.contact.Store(time.Now().UnixNano()) }

// follow lists and watches once. It returns when watching cannot go on.
func (f *Follower) follow(ctx context.Context, fn func(Batch) error, listed func()) error {
	batch, err := f.resync(ctx)
	if err != nil {
		return err
	}
	dials := f.dials.Load()
	f.touch()
	listed()
	if err := fn(batch); err != nil {
		return &ownerError{err}
	}
	return f.watch(ctx, dials, fn)
}
