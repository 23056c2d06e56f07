//go:build integration

package routing

import (
	"context"
	"errors"
	"net/netip"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"weft/hostnet/netns"
	"weft/hostnet/object"
	"weft/reconcile/plan"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const eventDeadline = 10 * time.Second

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// host is a network namespace that plays a host. Its driver takes it for the host's own namespace.
type host struct {
	*Driver
	t      testing.TB
	dir    string // of the driver's namespaces
	names  *netns.Directory
	ns     *netns.Space
	events chan object.Event
}

// newHost makes a host without a driver. All of it ends with the test.
func newHost(t testing.TB) *host {
	t.Helper()
	root := t.TempDir()
	names, err := netns.OpenDirectory(filepath.Join(root, "hosts"))
	must(t, err)
	h := &host{t: t, dir: filepath.Join(root, "netns"), names: names}
	t.Cleanup(func() {
		ours, err := netns.OpenDirectory(h.dir)
		if err == nil {
			err = errors.Join(ours.Dismantle(""), ours.Close())
		}
		if err := errors.Join(err, names.Dismantle(""), names.Close()); err != nil {
			t.Error(err)
		}
	})
	h.ns = h.namespace("host")
	return h
}

// namespace makes another namespace, for a guest or for the world outside.
func (h *host) namespace(name string) *netns.Space {
	h.t.Helper()
	s, err := h.names.Make(name, func() error {
		lo, err := netlink.NewHandle(unix.NETLINK_ROUTE)
		if err != nil {
			return err
		}
		defer lo.Close()
		return lo.LinkSetUp(&netlink.Device{LinkAttrs: netlink.LinkAttrs{Index: 1}})
	})
	must(h.t, err)
	h.t.Cleanup(func() { _ = s.Close() })
	return s
}

// start opens a driver and follows it. stop ends it.
func (h *host) start() (stop func()) {
	h.t.Helper()
	var dir *netns.Directory
	must(h.t, h.ns.Do(func() (err error) { dir, err = netns.OpenDirectory(h.dir); return err }))
	d, err := New(Config{Directory: dir})
	must(h.t, err)
	h.Driver = d
	h.events = make(chan object.Event, 10000)
	events := h.events
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- d.Watch(ctx, func(e object.Event) { events <- e }) }()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := errors.Join(<-done, d.Close(), dir.Close()); err != nil {
			h.t.Error(err)
		}
	}
	h.t.Cleanup(stop)
	h.await("the first resync", func(e object.Event) bool { return e.Resync })
	must(h.t, d.Sync(h.t.Context()))
	return stop
}

// await takes events until one satisfies the function.
func (h *host) await(what string, satisfies func(object.Event) bool) {
	h.t.Helper()
	deadline := time.After(eventDeadline)
	for {
		select {
		case e := <-h.events:
			if satisfies(e) {
				return
			}
		case <-deadline:
			h.t.Fatalf("no event for %s", what)
		}
	}
}

// forget drops the events of the driver's own changes.
func (h *host) forget() {
	for len(h.events) > 0 {
		<-h.events
	}
}

func (h *host) awaitKey(what string, k object.Key) {
	h.t.Helper()
	h.await(what+": "+k.String(), func(e object.Event) bool { return slices.Contains(e.Keys, k) })
}

// diff plans the steps from what the cache holds to what is desired.
func (h *host) diff(want []object.Object, remove bool) plan.Plan {
	h.t.Helper()
	desired := map[object.Key]object.Object{}
	keys, err := h.Ours(h.t.Context())
	must(h.t, err)
	for _, o := range want {
		desired[o.Key()] = o
		keys = append(keys, o.Key())
	}
	slices.SortFunc(keys, object.Key.Compare)
	found, err := h.Observe(h.t.Context(), slices.Compact(keys))
	must(h.t, err)
	observed := map[object.Key]object.Object{}
	for _, o := range found {
		observed[o.Key()] = o
	}
	return plan.Diff(desired, observed, func(object.Key) bool { return remove }, nil)
}

// maxPasses bounds how often the host is planned again, because things depend on others that were made again.
const maxPasses = 5

// converge makes the host as desired, removes everything else of ours, and reads the host again. It returns the number of
// changes.
func (h *host) converge(want ...object.Object) (made int) {
	h.t.Helper()
	for range maxPasses {
		p := h.diff(want, true)
		if p.Empty() {
			must(h.t, h.Sync(h.t.Context()))
			if h.diff(want, true).Empty() {
				return made
			}
			continue
		}
		for _, stage := range p.Stages() {
			var changes []object.Change
			for _, s := range stage {
				changes = append(changes, s.Change)
			}
			made += len(changes)
			must(h.t, errors.Join(h.Apply(h.t.Context(), changes)...))
		}
	}
	h.t.Fatalf("still to do after %d passes:\n%s", maxPasses, h.diff(want, true))
	return made
}

// in runs a command inside a namespace.
func in(t testing.TB, path string, command ...string) string {
	t.Helper()
	out, err := try(path, command...)
	if err != nil {
		t.Fatalf("%s: %v: %s", strings.Join(command, " "), err, out)
	}
	return out
}

func try(path string, command ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, "nsenter", append([]string{"--net=" + path}, command...)...).CombinedOutput()
	return string(out), err
}

// ip runs ip(8) on the host or, with a name, inside a namespace of the driver's.
func (h *host) ip(namespace string, args ...string) {
	h.t.Helper()
	path := filepath.Join(h.dir, namespace)
	if namespace == "" {
		path = h.path("host")
	}
	in(h.t, path, append([]string{"ip"}, args...)...)
}

func (h *host) path(name string) string { return filepath.Join(filepath.Dir(h.dir), "hosts", name) }

// guest is a namespace whose eth0 is connected to the device of the host by a bridge.
func (h *host) guest(name, device, mac, gateway4, gateway6 string, addresses ...string) string {
	h.t.Helper()
	h.namespace(name)
	path := h.path(name)
	h.ip("", "link", "add", "t-"+name, "type", "veth", "peer", "name", "eth0", "netns", path, "address", mac)
	h.ip("", "link", "add", "b-"+name, "type", "bridge")
	for _, d := range []string{"t-" + name, device} {
		h.ip("", "link", "set", d, "master", "b-"+name)
	}
	for _, d := range []string{"t-" + name, "b-" + name} {
		h.ip("", "link", "set", d, "up")
	}
	in(h.t, path, "ip", "link", "set", "eth0", "up")
	for _, a := range addresses {
		args := []string{"ip", "addr", "add", a, "dev", "eth0"}
		if strings.Contains(a, ":") {
			args = append(args, "nodad")
		}
		in(h.t, path, args...)
	}
	in(h.t, path, "ip", "route", "add", "default", "via", gateway4)
	in(h.t, path, "ip", "-6", "route", "add", "default", "via", gateway6, "dev", "eth0")
	return path
}

const routerName = "weft-router-1"

var (
	prefix = netip.MustParsePrefix
	addr   = netip.MustParseAddr
	macA   = object.MAC{0xfa, 0x16, 0x3e, 0, 0, 1}
	macB   = object.MAC{0xfa, 0x16, 0x3e, 0, 0, 2}
)

// routerInterface is a pair from the host into a router's namespace, with its addresses.
func routerInterface(namespace, outer, inner string, prefixes ...netip.Prefix) []object.Object {
	v := &object.Veth{OwnerUID: "r1", Namespace: namespace, Name: inner, Peer: object.VethEnd{Name: outer},
		MAC: object.GatewayMAC, MTU: 1500}
	return []object.Object{v,
		&object.Addresses{Namespace: namespace, Device: inner, Prefixes: prefixes, After: []object.Key{v.Key()}}}
}

// router is a namespace with two router interfaces, a route, and the guests' entries.
func router() []object.Object {
	out := []object.Object{&object.Namespace{OwnerUID: "r1", Name: routerName}}
	out = append(out, routerInterface(routerName, "wl1", "n1", prefix("10.1.0.1/24"), prefix("fd01::1/64"))...)
	out = append(out, routerInterface(routerName, "wl2", "n2", prefix("10.2.0.1/24"), prefix("fd02::1/64"))...)
	for _, n := range []object.Neighbor{{Device: "n1", Address: addr("10.1.0.5"), MAC: macA}, {Device: "n1", Address: addr("fd01::5"), MAC: macA},
		{Device: "n2", Address: addr("10.2.0.5"), MAC: macB}, {Device: "n2", Address: addr("fd02::5"), MAC: macB}} {
		n.Namespace, n.After = routerName, []object.Key{{Kind: object.KindVeth, Name: routerName + "/" + n.Device}}
		out = append(out, &n)
	}
	after := []object.Key{{Kind: object.KindAddresses, Name: routerName + "/n2"}}
	return append(out,
		&object.Route{Namespace: routerName, Destination: prefix("0.0.0.0/0"), Via: addr("10.2.0.5"), Device: "n2", After: after},
		&object.Route{Namespace: routerName, Destination: prefix("::/0"), Via: addr("fd02::5"), Device: "n2", After: after},
		&object.Route{Namespace: routerName, Destination: prefix("198.51.100.7/32"), Via: addr("10.2.0.5"), Device: "n2", After: after},
		&object.Proxy{Namespace: routerName, Device: "n1", Address: addr("198.51.100.7"), After: after},
	)
}

func words(s string) []string { return strings.Fields(s) }

// somebody is the directory of the driver's namespaces, opened by somebody else.
func (h *host) somebody() *netns.Directory {
	h.t.Helper()
	d, err := netns.OpenDirectory(h.dir)
	must(h.t, err)
	h.t.Cleanup(func() { _ = d.Close() })
	return d
}

// hasRoute says whether ip(8) shows a route to the destination.
func (h *host) hasRoute(namespace, destination string) bool {
	h.t.Helper()
	return strings.Contains(in(h.t, filepath.Join(h.dir, namespace), "ip", "route"), destination)
}

func sortedText(lines []string) string {
	slices.Sort(lines)
	return strings.TrimSpace(strings.Join(lines, "\n"))
}

// settled waits until show returns the same as before. The kernel finishes and reports new IPv6 addresses in its own time.
func (h *host) settled(before string, show func() string, when string) {
	h.t.Helper()
	deadline := time.After(eventDeadline)
	for {
		now := show()
		if now == before {
			return
		}
		select {
		case <-h.events:
		case <-deadline:
			h.t.Fatalf("%s: the kernel keeps\n%s\nbefore it was\n%s", when, now, before)
		}
	}
}
