//go:build integration

package hostfilter

import (
	"context"
	"fmt"
	"log/slog"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"weft/hostnet/netns"
	"weft/hostnet/object"
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
	b.start()
	return b
}

// start opens a driver and lets it watch until the test ends.
func (b *testbed) start() {
	b.t.Helper()
	err := b.space.Do(func() (err error) {
		b.d, err = New(Config{Logger: slog.New(slog.DiscardHandler)})
		return err
	})
	if err != nil {
		b.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.t.Context())
	done := make(chan struct{})
	d := b.d
	go func() {
		defer close(done)
		_ = b.space.Do(func() error { return d.Watch(ctx, func(e object.Event) { b.events <- e }) })
	}()
	b.t.Cleanup(func() { cancel(); <-done; d.Close() })
	b.await(func(e object.Event) bool { return e.Resync })
	b.sync()
}

func (b *testbed) await(wants func(object.Event) bool) object.Event {
	b.t.Helper()
	timeout := time.After(deadline)
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

func (b *testbed) sync() {
	b.t.Helper()
	if err := b.d.Sync(b.t.Context()); err != nil {
		b.t.Fatal(err)
	}
}

// apply runs inside the namespace, so that the nft program is started there.
func (b *testbed) apply(changes ...object.Change) {
	b.t.Helper()
	var errs []error
	_ = b.space.Do(func() error {
		errs = b.d.Apply(b.t.Context(), changes)
		return nil
	})
	for _, err := range errs {
		if err != nil {
			b.t.Fatal(err)
		}
	}
}

// nft runs nft as somebody else would.
func (b *testbed) nft(args ...string) string {
	b.t.Helper()
	var out []byte
	err := b.space.Do(func() (err error) {
		out, err = exec.CommandContext(b.t.Context(), "nft", args...).CombinedOutput()
		return err
	})
	if err != nil {
		b.t.Fatalf("nft %v: %v: %s", args, err, out)
	}
	return string(out)
}

func (b *testbed) faults() string {
	b.t.Helper()
	found, err := b.d.Observe(b.t.Context(), []object.Key{(&object.HostFilter{}).Key()})
	if err != nil {
		b.t.Fatal(err)
	}
	if len(found) == 0 {
		return "there are no tables"
	}
	return found[0].(*object.HostFilter).Faults
}

func (b *testbed) silent(device string) bool {
	b.t.Helper()
	found, err := b.d.Observe(b.t.Context(), []object.Key{(&object.SilentDevice{Device: device}).Key()})
	if err != nil {
		b.t.Fatal(err)
	}
	return len(found) == 1
}

func create(o object.Object) object.Change { return object.Change{Op: object.Create, Desired: o} }

func device(name string) *object.SilentDevice { return &object.SilentDevice{Device: name} }

func TestTablesAndDevices(t *testing.T) {
	t.Parallel()
	b := newTestbed(t)
	if got := b.faults(); got != "there are no tables" {
		t.Fatalf("a fresh namespace: %s", got)
	}
	b.apply(create(&object.HostFilter{}), create(device("tap1")), create(device("tap2")))
	if got := b.faults(); got != "" || !b.silent("tap1") || !b.silent("tap2") || b.silent("tap3") {
		t.Fatalf("made: %q; tap1 %v, tap2 %v, tap3 %v", got, b.silent("tap1"), b.silent("tap2"), b.silent("tap3"))
	}
	b.apply(object.Change{Op: object.Delete, Observed: device("tap1")}, object.Change{Op: object.Delete, Observed: device("tap9")})
	if b.silent("tap1") || !b.silent("tap2") {
		t.Error("tap1 was to go, and tap2 to stay")
	}
	b.start() // a new process finds everything as it is
	if got := b.faults(); got != "" || !b.silent("tap2") {
		t.Errorf("after a restart: %q, tap2 %v", got, b.silent("tap2"))
	}
	b.apply(object.Change{Op: object.Delete, Observed: &object.HostFilter{}})
	if out := b.nft("list", "ruleset"); strings.TrimSpace(out) != "" {
		t.Errorf("left behind:\n%s", out)
	}
}

func TestWhatSomebodyChangesIsSeenAndMended(t *testing.T) {
	t.Parallel()
	b := newTestbed(t)
	b.nft("add", "table", "inet", "filter")
	b.apply(create(&object.HostFilter{}), create(device("tap1")))
	before := b.nft("list", "ruleset")
	for _, by := range []string{
		"delete table inet weft",
		"delete table arp weft",
		"flush table inet weft",
		"flush chain arp weft say",
		"add rule inet weft hear accept",
		"insert rule inet weft hear accept",
		"add chain inet weft more { type filter hook input priority 0; policy drop; }",
		"add chain inet weft hear { policy drop; }",
		"add table inet weft { flags dormant; }",
		"flush set arp weft silent",
		"delete element inet weft silent { tap1 }",
		"add element inet weft silent { eth0 }",
	} {
		e := func() object.Event {
			b.nft(strings.Fields(by)...)
			return b.await(func(e object.Event) bool { return len(e.Keys) > 0 })
		}()
		if !strings.HasPrefix(e.By, "nft[") {
			t.Errorf("%s: by %q", by, e.By)
		}
		if b.faults() == "" && b.silent("tap1") && !slices.Contains(e.Keys, device("eth0").Key()) {
			t.Errorf("%s: nothing is wrong", by)
		}
		b.apply(object.Change{Op: object.Update, Desired: &object.HostFilter{}}, create(device("tap1")),
			object.Change{Op: object.Delete, Observed: device("eth0")})
		if got := b.faults(); got != "" || !b.silent("tap1") {
			t.Errorf("%s: not mended: %q, tap1 %v", by, got, b.silent("tap1"))
		}
		if after := b.nft("list", "ruleset"); after != before {
			t.Errorf("%s: it was\n%s\nand is\n%s", by, before, after)
		}
	}
}

func TestManyDevicesInOneTransaction(t *testing.T) {
	t.Parallel()
	b := newTestbed(t)
	changes := []object.Change{create(&object.HostFilter{})}
	for i := range 1200 {
		changes = append(changes, create(device(fmt.Sprintf("tap%d", i))))
	}
	b.apply(changes...)
	b.apply(object.Change{Op: object.Update, Desired: &object.HostFilter{}}) // the tables are made again with all of them
	if !b.silent("tap0") || !b.silent("tap1199") || len(b.d.cache.names()) != 1200 {
		t.Errorf("%d of 1200 devices are silent", len(b.d.cache.names()))
	}
}
