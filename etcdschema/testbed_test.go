package etcdschema

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	"weft/etcdschema/etcdserver"
)

func testContext(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func startTest(t *testing.T, c etcdserver.Config) *etcdserver.Server {
	t.Helper()
	if c.Dir == "" {
		c.Dir = t.TempDir()
	}
	e, err := etcdserver.Start(testContext(t), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	return e
}

func openTest(t *testing.T, e *etcdserver.Server) *Client {
	t.Helper()
	c, err := Open(t.Context(), Config{Endpoints: e.Endpoints(), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// commit runs a transaction that must succeed and returns its revision.
func commit(t *testing.T, c *Client, build func(*Txn)) int64 {
	t.Helper()
	tx := NewTxn()
	build(tx)
	rev, ok, err := c.Commit(t.Context(), tx)
	if err != nil || !ok {
		t.Fatalf("commit: %v %v", ok, err)
	}
	return rev
}

func put(t *testing.T, c *Client, path, value string) int64 {
	t.Helper()
	return commit(t, c, func(tx *Txn) { tx.Put(ParseKey(path), []byte(value)) })
}

// observer runs a follower and records what it reports.
type observer struct {
	follower *Follower
	stop     func() error // ends the follower and waits for it
	batches  chan Batch
	state    map[string]string
	seen     Batch // the last batch
}

func observe(t *testing.T, c *Client, config FollowerConfig) *observer {
	t.Helper()
	if config.ProgressInterval == 0 {
		config.ProgressInterval = 50 * time.Millisecond
	}
	o := &observer{follower: c.NewFollower(config), batches: make(chan Batch), state: map[string]string{}}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() {
		done <- o.follower.Run(ctx, func(b Batch) error {
			select {
			case o.batches <- b:
			case <-ctx.Done():
			}
			return nil
		})
	}()
	o.stop = sync.OnceValue(func() error {
		cancel()
		return <-done
	})
	t.Cleanup(func() {
		if err := o.stop(); err != nil {
			t.Errorf("follower: %v", err)
		}
	})
	return o
}

// next waits for a batch and applies it.
func (o *observer) next(t *testing.T) Batch {
	t.Helper()
	select {
	case b := <-o.batches:
		if b.Revision <= o.seen.Revision && !b.Snapshot {
			t.Errorf("revision %d after %d", b.Revision, o.seen.Revision)
		}
		for _, e := range b.Events {
			if e.Deleted {
				delete(o.state, e.Key.path)
			} else {
				o.state[e.Key.path] = string(e.Value)
			}
		}
		o.seen = b
		return b
	case <-testContext(t).Done():
		t.Fatalf("no batch after revision %d", o.seen.Revision)
		return Batch{}
	}
}

// until takes batches up to the revision and returns them.
func (o *observer) until(t *testing.T, revision int64) []Batch {
	t.Helper()
	var out []Batch
	for o.seen.Revision < revision {
		out = append(out, o.next(t))
	}
	return out
}
