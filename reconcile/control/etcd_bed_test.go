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
	"weft/model/desired"
)

// bed is a real etcd with a follower, so that tests can wait for what they expect.
type bed struct {
	t      testing.TB
	client *etcdschema.Client

	mu    sync.Mutex
	cond  *sync.Cond
	cache *Cache
}

func newBed(t testing.TB) *bed {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	e, err := etcdserver.Start(ctx, etcdserver.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	return newBedOn(t, e)
}

func newBedOn(t testing.TB, e *etcdserver.Server) *bed {
	t.Helper()
	b := &bed{t: t, client: openClient(t, e), cache: NewCache()}
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

// watch keeps the bed's own cache, which shows etcd as a third party sees it.
func (b *bed) watch() {
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
					b.cache.set(ev.Key, nil)
				} else {
					b.cache.set(ev.Key, &entry{data: ev.Value, mod: ev.ModRevision, born: ev.CreateRevision})
				}
			}
			b.cache.Revision, b.cache.ClusterID = batch.Revision, batch.ClusterID
			b.cond.Broadcast()
			return nil
		})
	}()
}

// await blocks until the condition holds for the bed's cache.
func (b *bed) await(what string, holds func(c *Cache) bool) {
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

func (b *bed) late() { b.cond.Broadcast() }

// dump lists the keys, for failures.
func (b *bed) dump() string {
	var keys []etcdschema.Key
	for k := range b.cache.entries {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, compareKeys)
	s := ""
	for _, k := range keys[:min(len(keys), 80)] {
		s += k.String() + " " + string(b.cache.entries[k].data) + "\n"
	}
	return s
}

// status is the status of an object as the bed sees it.
func (c *Cache) statusOf(id model.ID) etcdschema.Status {
	e := c.entries[etcdschema.StatusKey(id)]
	if e == nil {
		return etcdschema.Status{}
	}
	s, _ := etcdschema.Decode[etcdschema.Status](e.data)
	return s
}

func (b *bed) put(id model.ID, spec string) int64 {
	b.t.Helper()
	return b.putKey(etcdschema.Intent(id), spec)
}

func (b *bed) putKey(k etcdschema.Key, value string) int64 {
	b.t.Helper()
	t := etcdschema.NewTxn()
	t.Put(k, []byte(value))
	return b.commit(t)
}

func (b *bed) delete(keys ...etcdschema.Key) int64 {
	b.t.Helper()
	t := etcdschema.NewTxn()
	for _, k := range keys {
		t.Delete(k)
	}
	return b.commit(t)
}

func (b *bed) commit(t *etcdschema.Txn) int64 {
	b.t.Helper()
	rev, ok, err := b.client.Commit(b.t.Context(), t)
	if err != nil || !ok {
		b.t.Fatalf("commit: %v %v", ok, err)
	}
	b.await("the bed sees its own write", func(c *Cache) bool { return c.Revision >= rev })
	return rev
}

// start runs a replica until the test ends or stop is called, which waits.
func (b *bed) start(name string, change func(*Config)) (c *Controller, stop func()) {
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

var (
	projectA = model.ID{Project: "_", Kind: model.KindProject, Name: "alpha"}
	physnet1 = model.ID{Project: "_", Kind: model.KindPhysicalNetwork, Name: "physnet1"}
	hostH1   = hostID("h1")
	hostH2   = hostID("h2")
	blue     = model.ID{Project: "alpha", Kind: model.KindNetwork, Name: "blue"}
)

func port(name string) model.ID { return model.ID{Project: "alpha", Kind: model.KindPort, Name: name} }

const (
	physnetSpec = `{"spec":{"vlanRanges":[{"minimum":100,"maximum":199}],"mtu":1500}}`
	hostSpec    = `{"spec":{"physicalNetworks":[{"name":"physnet1","interface":"eth1"}]}}`
	blueSpec    = `{"spec":{"type":"vlan","physicalNetwork":"physnet1","subnets":[{"cidr":"10.0.0.0/16"},{"cidr":"fd00:1::/64"}]}}`
	portOnH1    = `{"spec":{"network":"blue","host":"h1"}}`
)

// region puts one project with a network, and two hosts.
func (b *bed) region() {
	b.t.Helper()
	t := etcdschema.NewTxn()
	for id, spec := range regionIntent() {
		t.Put(etcdschema.Intent(id), []byte(spec))
	}
	b.commit(t)
}

func regionIntent() map[model.ID]string {
	return map[model.ID]string{
		projectA: `{"spec":{}}`, physnet1: physnetSpec, hostH1: hostSpec, hostH2: hostSpec, blue: blueSpec,
	}
}

func itemOn[T any](c *Cache, node string, id model.ID) (item T, ok bool) {
	a := c.accepted[id]
	if a == nil || c.nodes[node] == nil {
		return item, false
	}
	if e := c.nodes[node].items[desired.Key{Kind: itemKind(id.Kind), UID: a.UID}]; e != nil {
		item, ok = e.value.(T)
	}
	return item, ok
}
