package control

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"weft/etcdschema"
	"weft/etcdschema/etcdserver"
	"weft/model"
	"weft/reconcile/control/cache"
	"weft/reconcile/control/internal/fixture"
	"weft/reconcile/control/kind"
)

// testbed is a real etcd with a follower, so that tests can wait for what they expect.
type testbed struct {
	t      testing.TB
	client *etcdschema.Client

	mu    sync.Mutex
	cond  *sync.Cond
	cache *cache.Cache
}

func newTestbed(t testing.TB) *testbed {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	e, err := etcdserver.Start(ctx, etcdserver.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	return newTestbedOn(t, e)
}

func newTestbedOn(t testing.TB, e *etcdserver.Server) *testbed {
	t.Helper()
	b := &testbed{t: t, client: openClient(t, e), cache: cache.New(kind.AllKinds().Cached())}
	b.cond = sync.NewCond(&b.mu)
	b.watch()
	return b
}

func openClient(t testing.TB, e *etcdserver.Server) *etcdschema.Client {
	t.Helper()
	c, err := etcdschema.Open(t.Context(), etcdschema.Config{Endpoints: e.Endpoints()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// watch keeps the testbed's own cache, which shows etcd as a third party sees it.
func (b *testbed) watch() {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	b.t.Cleanup(func() { cancel(); <-done })
	go func() {
		defer close(done)
		b.client.Follow(ctx, []etcdschema.Prefix{etcdschema.AllPrefix()}, func(batch etcdschema.Batch) error {
			b.mu.Lock()
			defer b.mu.Unlock()
			for _, ev := range batch.Events {
				if ev.Deleted {
					b.cache.Set(ev.Key, nil)
				} else {
					b.cache.Set(ev.Key, &cache.Entry{Data: ev.Value, ModRevision: ev.ModRevision, CreateRevision: ev.CreateRevision})
				}
			}
			b.cache.Revision, b.cache.ClusterID = batch.Revision, batch.ClusterID
			b.cond.Broadcast()
			return nil
		})
	}()
}

// await blocks until the condition holds for the testbed's cache.
func (b *testbed) await(what string, holds func(c *cache.Cache) bool) {
	b.t.Helper()
	late := time.AfterFunc(60*time.Second, func() { b.mu.Lock(); b.late(); b.mu.Unlock() })
	defer late.Stop()
	deadline := time.Now().Add(60 * time.Second)
	b.mu.Lock()
	defer b.mu.Unlock()
	for !holds(b.cache) {
		if time.Now().After(deadline) {
			b.t.Fatalf("never: %s\n%s", what, b.dump())
		}
		b.cond.Wait()
	}
}

func (b *testbed) late() { b.cond.Broadcast() }

// dump lists the keys, for failures.
func (b *testbed) dump() string {
	var keys []etcdschema.Key
	for k := range b.cache.Entries() {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, etcdschema.Key.Compare)
	s := ""
	for _, k := range keys[:min(len(keys), 80)] {
		s += k.String() + " " + string(b.cache.Entry(k).Data) + "\n"
	}
	return s
}

// status is the status of an object as the testbed sees it.
func statusOf(c *cache.Cache, id model.ID) etcdschema.Status {
	e := c.Entry(etcdschema.StatusKey(id))
	if e == nil {
		return etcdschema.Status{}
	}
	s, _ := etcdschema.Decode[etcdschema.Status](e.Data)
	return s
}

func (b *testbed) put(id model.ID, spec string) int64 {
	b.t.Helper()
	return b.putKey(etcdschema.Intent(id), spec)
}

func (b *testbed) putKey(k etcdschema.Key, value string) int64 {
	b.t.Helper()
	t := etcdschema.NewTxn()
	t.Put(k, []byte(value))
	return b.commit(t)
}

func (b *testbed) delete(keys ...etcdschema.Key) int64 {
	b.t.Helper()
	t := etcdschema.NewTxn()
	for _, k := range keys {
		t.Delete(k)
	}
	return b.commit(t)
}

func (b *testbed) commit(t *etcdschema.Txn) int64 {
	b.t.Helper()
	rev, ok, err := b.client.Commit(b.t.Context(), t)
	if err != nil || !ok {
		b.t.Fatalf("commit: %v %v", ok, err)
	}
	b.await("the testbed sees its own write", func(c *cache.Cache) bool { return c.Revision >= rev })
	return rev
}

// start runs a replica until the test ends or stop is called, which waits.
func (b *testbed) start(name string, change func(*Config)) (c *Controller, stop func()) {
	b.t.Helper()
	cfg := Config{Client: b.client, Name: name, SessionTTL: 2 * time.Second, Logger: slog.New(slog.DiscardHandler)}
	if testing.Verbose() {
		cfg.Logger = slog.New(slog.NewTextHandler(testWriter{b.t}, nil))
	}
	if change != nil {
		change(&cfg)
	}
	c, err := New(cfg)
	if err != nil {
		b.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := c.Run(ctx); err != nil {
			b.t.Error(err)
		}
	}()
	stop = func() { cancel(); <-done }
	b.t.Cleanup(stop)
	return c, stop
}

type testWriter struct{ t testing.TB }

func (w testWriter) Write(p []byte) (int, error) { w.t.Log(string(p)); return len(p), nil }

// region puts one project with a network, and two hosts.
func (b *testbed) region() {
	b.t.Helper()
	t := etcdschema.NewTxn()
	for id, spec := range fixture.RegionIntent() {
		t.Put(etcdschema.Intent(id), []byte(spec))
	}
	b.commit(t)
}
