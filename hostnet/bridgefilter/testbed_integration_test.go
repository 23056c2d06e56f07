//go:build integration

package bridgefilter

import (
	"context"
	"log/slog"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"weft/hostnet/netns"
	"weft/hostnet/object"
	"weft/integration/timescale"
)

// deadline bounds every wait of a test.
const deadline = 10 * time.Second

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
	if b.space, err = names.Make("filter", func() error { return nil }); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.space.Close(); _ = names.Dismantle("filter") })
	b.d = b.open()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = b.space.Do(func() error { return b.d.Watch(ctx, func(e object.Event) { b.events <- e }) })
	}()
	t.Cleanup(func() { cancel(); <-done })
	b.await(func(e object.Event) bool { return e.Resync })
	return b
}

// open makes a driver that has read the table, as a new process would.
func (b *testbed) open() *Driver {
	b.t.Helper()
	var d *Driver
	err := b.space.Do(func() (err error) {
		d, err = New(Config{Logger: slog.New(slog.DiscardHandler)})
		return err
	})
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { d.Close() })
	if err := d.Sync(b.t.Context()); err != nil {
		b.t.Fatal(err)
	}
	return d
}

func (b *testbed) await(wants func(object.Event) bool) object.Event {
	b.t.Helper()
	timeout := time.After(timescale.Bound(deadline))
	for {
		select {
		case e := <-b.events:
			if wants(e) {
				return e
			}
		case <-timeout:
			b.t.Fatal("the event did not come")
		}
	}
}

// apply runs inside the namespace, so that the nft program is started there.
func (b *testbed) apply(changes ...object.Change) []error {
	b.t.Helper()
	var errs []error
	_ = b.space.Do(func() error {
		errs = b.d.Apply(b.t.Context(), changes)
		return nil
	})
	return errs
}

// must applies changes one after the other, and each must succeed.
func (b *testbed) must(changes ...object.Change) {
	b.t.Helper()
	for _, c := range changes {
		if err := b.apply(c)[0]; err != nil {
			b.t.Fatal(err)
		}
	}
}

// nft runs nft as somebody else would.
func (b *testbed) nft(command string) string {
	b.t.Helper()
	var out []byte
	err := b.space.Do(func() (err error) {
		out, err = exec.CommandContext(b.t.Context(), "nft", command).CombinedOutput()
		return err
	})
	if err != nil {
		b.t.Fatalf("nft %s: %v: %s", command, err, out)
	}
	return string(out)
}

// same expects the objects to be as they should be, as this process knows it and as a new one reads it.
func (b *testbed) same(wanted ...object.Object) {
	b.t.Helper()
	for who, d := range map[string]*Driver{"this process": b.d, "a new one": b.open()} {
		for _, want := range wanted {
			if have := observed(b.t, d, want.Key()); have == nil {
				b.t.Errorf("%s does not see %s", who, want.Key())
			} else if diff := want.Diff(have); len(diff) > 0 {
				b.t.Errorf("%s: %s: %v", who, want.Key(), diff)
			}
		}
	}
}

func observed(t *testing.T, d *Driver, k object.Key) object.Object {
	t.Helper()
	found, err := d.Observe(t.Context(), []object.Key{k})
	if err != nil || len(found) > 1 {
		t.Fatalf("%s: %v, %v", k, found, err)
	}
	if len(found) == 0 {
		return nil
	}
	return found[0]
}

// ours are the keys that the driver has, in order, without those of the given objects.
func (b *testbed) oursWithout(known ...object.Object) string {
	b.t.Helper()
	keys, err := b.d.Ours(b.t.Context())
	if err != nil {
		b.t.Fatal(err)
	}
	var names []string
	for _, k := range keys {
		if !slices.ContainsFunc(known, func(o object.Object) bool { return o.Key() == k }) {
			names = append(names, k.String())
		}
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}

func create(o object.Object) object.Change { return object.Change{Op: object.Create, Desired: o} }
func update(o object.Object) object.Change {
	return object.Change{Op: object.Update, Desired: o, Observed: o}
}
func remove(o object.Object) object.Change { return object.Change{Op: object.Delete, Observed: o} }
