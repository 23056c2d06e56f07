//go:build integration

package nft

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"weft/hostnet/object"
)

// names makes names of namespaces. The process id in them keeps them apart from those of other test runs.
var names atomic.Int64

// testSpaces are the namespaces of one test. iproute2 makes them.
type testSpaces struct {
	t       testing.TB
	made    []string
	changes chan string
}

func newSpaces(t testing.TB) *testSpaces {
	return &testSpaces{t: t, changes: make(chan string, 16)}
}

// add makes a namespace. With ours set it is one of Weft's, with forwarding on.
func (s *testSpaces) add(ours bool) string {
	s.t.Helper()
	name := fmt.Sprintf("nft-%d-%d", os.Getpid(), names.Add(1))
	if ours {
		name = object.NamespacePrefix + "router-" + name
		s.made = append(s.made, name)
	}
	run(s.t, "ip", "netns", "add", name)
	s.t.Cleanup(func() { _ = exec.Command("ip", "netns", "del", name).Run() })
	inside(s.t, name, "ip", "link", "set", "lo", "up")
	if ours {
		inside(s.t, name, "sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1")
	}
	return name
}

func (s *testSpaces) List() ([]string, error) { return s.made, nil }

func (s *testSpaces) Inside(name string, fn func() error) error {
	f, err := os.Open("/run/netns/" + name)
	if err != nil {
		return err
	}
	defer f.Close()
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // the thread ends with the goroutine
		if err := unix.Setns(int(f.Fd()), unix.CLONE_NEWNET); err != nil {
			done <- fmt.Errorf("%s: %w: %w", name, fs.ErrNotExist, err)
			return
		}
		done <- fn()
	}()
	return <-done
}

func (s *testSpaces) Watch(ctx context.Context, ready func(), changed func(string)) error {
	ready()
	for {
		select {
		case <-ctx.Done():
			return nil
		case name := <-s.changes:
			changed(name)
		}
	}
}

func run(t testing.TB, args ...string) string {
	t.Helper()
	out, err := tryRun(args...)
	if err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

func tryRun(args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, args[0], args[1:]...).CombinedOutput()
	return string(out), err
}

func inside(t testing.TB, name string, args ...string) string {
	t.Helper()
	return run(t, append([]string{"ip", "netns", "exec", name}, args...)...)
}

// nftStdin runs nft with a script in a namespace.
func nftStdin(t testing.TB, name, script string) {
	t.Helper()
	cmd := exec.Command("ip", "netns", "exec", name, "nft", "-f", "-")
	cmd.Stdin = strings.NewReader(script)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		t.Fatalf("nft -f: %v\n%s\n%s", err, out.String(), script)
	}
}

func newDriver(t testing.TB, s Namespaces) *Driver {
	t.Helper()
	d, err := New(Config{Namespaces: s})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return d
}

// watched runs Watch and returns its events. The first is the resync that says that Watch runs.
func watched(t testing.TB, d *Driver) <-chan object.Event {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	events, done := make(chan object.Event, 10000), make(chan error, 1)
	go func() { done <- d.Watch(ctx, func(e object.Event) { events <- e }) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Watch: %v", err)
		}
	})
	for e := range events {
		if e.Resync {
			return events
		}
	}
	return events
}

// apply brings about the objects, starting from what is observed. Then it checks that they are as desired.
func apply(t testing.TB, d *Driver, desired ...object.Object) {
	t.Helper()
	var changes []object.Change
	for _, o := range desired {
		c := object.Change{Op: object.Create, Desired: o}
		if have := observe(t, d, o.Key()); have != nil {
			c.Op, c.Observed = object.Update, have
		}
		changes = append(changes, c)
	}
	commit(t, d, changes...)
	same(t, d, desired...)
}

func commit(t testing.TB, d *Driver, changes ...object.Change) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for i, err := range d.Apply(ctx, changes) {
		if err != nil {
			t.Fatalf("%s %s: %v", changes[i].Op, changes[i].Key(), err)
		}
	}
}

func same(t testing.TB, d *Driver, desired ...object.Object) {
	t.Helper()
	for _, o := range desired {
		have := observe(t, d, o.Key())
		if have == nil {
			t.Fatalf("%s: not there", o.Key())
		}
		if diff := o.Diff(have); len(diff) > 0 {
			t.Fatalf("%s: %v", o.Key(), diff)
		}
	}
}

func remove(t testing.TB, d *Driver, keys ...object.Key) {
	t.Helper()
	var changes []object.Change
	for _, k := range keys {
		changes = append(changes, object.Change{Op: object.Delete, Observed: observe(t, d, k)})
	}
	commit(t, d, changes...)
	for _, k := range keys {
		if have := observe(t, d, k); have != nil {
			t.Fatalf("%s: still there: %+v", k, have)
		}
	}
}

func observe(t testing.TB, d *Driver, k object.Key) object.Object {
	t.Helper()
	found, err := d.Observe(context.Background(), []object.Key{k})
	if err != nil {
		t.Fatal(err)
	}
	if len(found) == 0 {
		return nil
	}
	return found[0]
}

func addrs(list ...string) (all []netip.Addr) {
	for _, s := range list {
		all = append(all, netip.MustParseAddr(s))
	}
	return all
}

func routerTable(ns string) *object.NATTable {
	return &object.NATTable{OwnerUID: "router-uid", Namespace: ns, Role: object.NATRouter, Outside: "out",
		Sources: addrs("169.254.128.2", "fd00:5745:4654::2"), Limits: testLimits}
}

func mapping(ns, floating, fixed string, forwards ...object.NATForward) *object.NATMapping {
	m := &object.NATMapping{OwnerUID: "floating-uid", Namespace: ns, Floating: netip.MustParseAddr(floating), Forwards: forwards}
	if fixed != "" {
		m.Fixed = netip.MustParseAddr(fixed)
	}
	return m
}
