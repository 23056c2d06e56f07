//go:build integration

package bridge

import (
	"context"
	"log/slog"
	"os/exec"
	"slices"
	"testing"
	"time"

	own "weft/hostnet/netlink"
	"weft/hostnet/netns"
	"weft/hostnet/object"
	"weft/integration/timescale"
)

// deadline bounds every wait of a test.
const deadline = 10 * time.Second

const networkUID = "aaaaaaaa-0000-4000-8000-000000000001"

// testbed is a network namespace with a driver that watches it.
type testbed struct {
	t      *testing.T
	space  *netns.Space
	d      *Driver
	events chan object.Event
}

// newTestbed makes a namespace without a name. It ends with the test.
func newTestbed(t *testing.T) *testbed {
	t.Helper()
	names, err := netns.OpenDirectory(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { names.Close() })
	b := &testbed{t: t, events: make(chan object.Event, 1024)}
	if b.space, err = names.Make("bridge", func() error { return nil }); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.space.Close(); _ = names.Dismantle("bridge") })
	b.d = b.open()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = b.space.Do(func() error { return b.d.Watch(ctx, func(e object.Event) { b.events <- e }) })
	}()
	t.Cleanup(func() { cancel(); <-done })
	b.await(func(e object.Event) bool { return e.Resync })
	b.sync(b.d)
	return b
}

// open makes a driver, as a new process would.
func (b *testbed) open() *Driver {
	b.t.Helper()
	var d *Driver
	err := b.space.Do(func() error {
		log := slog.New(slog.DiscardHandler)
		links, err := own.OpenLinks(log)
		if err != nil {
			return err
		}
		b.t.Cleanup(func() { links.Close() })
		d, err = New(Config{Links: links, Logger: log})
		return err
	})
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { d.Close() })
	return d
}

func (b *testbed) sync(d *Driver) {
	b.t.Helper()
	if err := d.Sync(b.t.Context()); err != nil {
		b.t.Fatal(err)
	}
}

func (b *testbed) await(wants func(object.Event) bool) {
	b.t.Helper()
	timeout := time.After(timescale.Bound(deadline))
	for {
		select {
		case e := <-b.events:
			if wants(e) {
				return
			}
		case <-timeout:
			b.t.Fatal("the event did not come")
		}
	}
}

// run runs a command as somebody else would.
func (b *testbed) run(args ...string) {
	b.t.Helper()
	err := b.space.Do(func() error {
		out, err := exec.CommandContext(b.t.Context(), args[0], args[1:]...).CombinedOutput()
		if err != nil {
			b.t.Logf("%v: %s", args, out)
		}
		return err
	})
	if err != nil {
		b.t.Fatalf("%v: %v", args, err)
	}
}

// device makes a guest's device and lets the driver see it.
func (b *testbed) device(name string) {
	b.t.Helper()
	b.run("ip", "link", "add", name, "type", "dummy")
	b.until("device "+name, func() bool { _, there := b.d.find(name); return there })
}

// until waits for what the driver learns from events.
func (b *testbed) until(what string, holds func() bool) {
	b.t.Helper()
	timeout := time.After(timescale.Bound(deadline))
	for !holds() {
		select {
		case <-b.events:
		case <-timeout:
			b.t.Fatalf("in vain: %s", what)
		}
	}
}

func (b *testbed) apply(changes ...object.Change) []error {
	b.t.Helper()
	return b.d.Apply(b.t.Context(), changes)
}

func (b *testbed) must(changes ...object.Change) {
	b.t.Helper()
	for i, err := range b.apply(changes...) {
		if err != nil {
			b.t.Fatalf("%s %s: %v", changes[i].Op, changes[i].Key(), err)
		}
	}
}

func (b *testbed) observe(d *Driver, k object.Key) object.Object {
	b.t.Helper()
	found, err := d.Observe(b.t.Context(), []object.Key{k})
	if err != nil {
		b.t.Fatal(err)
	}
	if len(found) == 0 {
		return nil
	}
	return found[0]
}

// same checks that the object is what a new process finds. It also checks that the driver that applied it sees the same, as soon
// as it has received everything that happened before.
func (b *testbed) same(want object.Object) {
	b.t.Helper()
	fresh := b.open()
	b.sync(fresh)
	if have := b.observe(fresh, want.Key()); have == nil || len(want.Diff(have)) > 0 {
		b.t.Errorf("a new process sees %s as %+v", want.Key(), have)
	}
	b.until(want.Key().String()+" as it was applied", func() bool {
		have := b.observe(b.d, want.Key())
		return have != nil && len(want.Diff(have)) == 0
	})
	ours, err := b.d.Ours(b.t.Context())
	if err != nil || !slices.Contains(ours, want.Key()) {
		b.t.Errorf("%s is not among ours: %v, %v", want.Key(), ours, err)
	}
}

func create(o object.Object) object.Change { return object.Change{Op: object.Create, Desired: o} }
func update(o object.Object) object.Change { return object.Change{Op: object.Update, Desired: o} }
func remove(o object.Object) object.Change { return object.Change{Op: object.Delete, Observed: o} }

func ourBridge() *object.LinuxBridge {
	return &object.LinuxBridge{OwnerUID: networkUID, Name: "wfb1", MAC: object.MAC{2, 0, 0, 0, 0, 9}, MTU: 1400}
}

func guestPortOf(device string, macs ...object.MAC) *object.BridgePort {
	return &object.BridgePort{Device: device, Bridge: "wfb1", MACs: macs}
}
