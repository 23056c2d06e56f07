//go:build integration

package ovs

import (
	"context"
	"log/slog"
	"slices"
	"testing"
	"time"

	"weft/hostnet/netlink"
	"weft/hostnet/object"
	"weft/hostnet/ovs/ovstest"
)

// testbed is a host with Open vSwitch and a driver that watches it.
type testbed struct {
	*ovstest.Host
	*eventLog
	t testing.TB
	d *Driver
}

// newWatchedTestbed is a testbed with our bridge, whose flow monitor works.
func newWatchedTestbed(t testing.TB) *testbed {
	t.Helper()
	b := newTestbed(t)
	b.sync()
	b.must(create(ourBridge()))
	b.watch()
	b.live("br-int")
	return b
}

func newTestbed(t testing.TB) *testbed {
	t.Helper()
	return newTestbedOn(t, ovstest.Start(t), "netdev")
}

// newTestbedOn is a testbed on running daemons, with bridges of the given datapath type.
func newTestbedOn(t testing.TB, h *ovstest.Host, datapath string) *testbed {
	b := &testbed{Host: h, eventLog: newEventLog(t), t: t}
	var links *netlink.Links
	err := h.Inside(func() (err error) {
		links, err = netlink.OpenLinks(slog.New(slog.DiscardHandler))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { links.Close() })
	b.d = New(Config{Links: links, RunDir: b.RunDir, DatapathType: datapath, Inside: h.Inside, Log: slog.New(slog.DiscardHandler)})
	t.Cleanup(b.d.Close)
	return b
}

// watch starts Watch. It ends with the test.
func (b *testbed) watch() { b.follow(b.d) }

// drifted accepts the event after which the object is not as desired.
func (b *testbed) drifted(desired object.Object) func(object.Event) bool {
	return func(e object.Event) bool {
		if !slices.Contains(e.Keys, desired.Key()) {
			return false
		}
		o := b.observe(desired.Key())
		return o == nil || len(desired.Diff(o)) > 0
	}
}

// live waits until the flow monitor of the bridge works.
func (b *testbed) live(bridge string) {
	b.t.Helper()
	b.await(0, "resync", func(e object.Event) bool {
		v := b.d.flowCacheOf(bridge)
		if v == nil {
			return false
		}
		live, _ := v.state()
		return live && e.Resync
	})
}

// awaitStale waits until the cache of the bridge's flows says that it may be behind.
func (b *testbed) awaitStale(bridge string) {
	b.t.Helper()
	v, timeout := b.d.flowCacheOf(bridge), time.After(deadline)
	for {
		_, changed := v.state()
		if v.stale() != "" {
			return
		}
		select {
		case <-changed:
		case <-timeout:
			b.t.Fatal("the cache of a dead switch counts as current")
		}
	}
}

// appeared waits until the driver's cache holds what somebody else made. The database reports it later to us than to its maker.
func (b *testbed) appeared(k object.Key) object.Object {
	b.t.Helper()
	var o object.Object
	b.until(k.String()+" is seen", func() bool { o = b.observe(k); return o != nil })
	return o
}

// until waits until holds is true of the driver's cache. It checks at every change of the database.
func (b *testbed) until(what string, holds func() bool) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	if err := b.d.database().Await(ctx, holds); err != nil {
		b.t.Fatalf("waited until %s: %v", what, err)
	}
}

func (b *testbed) apply(changes ...object.Change) []error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	return b.d.Apply(ctx, changes)
}

// must applies changes that must succeed.
func (b *testbed) must(changes ...object.Change) {
	b.t.Helper()
	for i, err := range b.apply(changes...) {
		if err != nil {
			b.t.Fatalf("%s %s: %v", changes[i].Op, changes[i].Key(), err)
		}
	}
}

func (b *testbed) sync() {
	b.t.Helper()
	if err := b.d.Sync(b.t.Context()); err != nil {
		b.t.Fatal(err)
	}
}

// observe returns the object of a key, or nil.
func (b *testbed) observe(k object.Key) object.Object {
	b.t.Helper()
	o, err := b.d.Observe(b.t.Context(), []object.Key{k})
	if err != nil {
		b.t.Fatal(err)
	}
	if len(o) == 0 {
		return nil
	}
	return o[0]
}

func (b *testbed) ctl(args ...string) string {
	b.t.Helper()
	out, err := b.VSCtl(b.t.Context(), args...)
	if err != nil {
		b.t.Fatal(err)
	}
	return out
}

func (b *testbed) flows(bridge, command string, args ...string) string {
	b.t.Helper()
	out, err := b.OFCtl(b.t.Context(), bridge, command, args...)
	if err != nil {
		b.t.Fatal(err)
	}
	return out
}

// veth makes a pair. One end has the name.
func (b *testbed) veth(name string) {
	b.t.Helper()
	if _, err := b.Exec(b.t.Context(), "ip", "link", "add", name, "type", "veth", "peer", "name", "p"+name); err != nil {
		b.t.Fatal(err)
	}
}
