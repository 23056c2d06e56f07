//go:build integration

package rtnl

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	own "weft/hostnet/netlink"
	"weft/hostnet/object"
)

// insideNamespace marks the process that runs the tests. The first process only makes a network namespace for it.
const insideNamespace = "WEFT_TEST_INSIDE_NAMESPACE"

func TestMain(m *testing.M) {
	if os.Getenv(insideNamespace) != "" {
		os.Exit(m.Run())
	}
	c := exec.Command("/proc/self/exe", os.Args[1:]...)
	c.Env = append(os.Environ(), insideNamespace+"=1")
	c.Stdout, c.Stderr = os.Stdout, os.Stderr
	c.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	if err := c.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "tests in a network namespace:", err)
		os.Exit(1)
	}
}

const eventDeadline = 10 * time.Second

// host is a driver with its watch running.
type host struct {
	*Driver
	t      *testing.T
	events chan object.Event
}

// openLinks opens a cache of links until the test ends.
func openLinks(t testing.TB) *own.Links {
	t.Helper()
	links, err := own.OpenLinks(slog.Default())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := links.Close(); err != nil {
			t.Errorf("close the cache of links: %v", err)
		}
	})
	return links
}

func startHost(t *testing.T, c Config) *host {
	c.Links = openLinks(t)
	d, err := New(c)
	must(t, err)
	h := &host{d, t, make(chan object.Event, 1000)}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- d.Watch(ctx, func(e object.Event) { h.events <- e }) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Watch: %v", err)
		}
		d.Close()
	})
	h.await("the first resync", func(e object.Event) bool { return e.Resync })
	if err := d.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	return h
}

// await takes events until one satisfies.
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

// awaitDevice takes events for the device until the cache satisfies.
func (h *host) awaitDevice(name, what string, satisfies func(l own.Link, q qdiscState, ok bool) bool) {
	h.t.Helper()
	h.await(what, func(e object.Event) bool {
		key := object.Key{Kind: object.KindLink, Name: name}
		return slices.Contains(e.Devices, name) && slices.Contains(e.Keys, key) && satisfies(h.find(name))
	})
}

func addVeth(t *testing.T, name string) netlink.Link {
	t.Helper()
	a := netlink.NewLinkAttrs()
	a.Name = name
	v := &netlink.Veth{LinkAttrs: a, PeerName: name + "p"}
	must(t, netlink.LinkAdd(v))
	t.Cleanup(func() { _ = netlink.LinkDel(v) })
	l, err := netlink.LinkByName(name)
	must(t, err)
	return l
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestLinkIsFollowedAndRepaired(t *testing.T) {
	h := startHost(t, Config{})
	first := addVeth(t, "tap1")
	h.awaitDevice("tap1", "the device that appeared", func(_ own.Link, _ qdiscState, ok bool) bool { return ok })

	want := &object.Link{Name: "tap1", MTU: 1450, Up: true}
	h.repair(want)
	must(t, netlink.LinkSetMTU(first, 1400))
	h.awaitDevice("tap1", "the changed mtu", func(l own.Link, _ qdiscState, _ bool) bool { return l.MTU == 1400 })
	h.repair(want)
	must(t, netlink.LinkSetDown(first))
	h.awaitDevice("tap1", "the link that went down", func(l own.Link, _ qdiscState, _ bool) bool { return !l.Up })
	h.repair(want)

	must(t, netlink.LinkDel(first))
	h.awaitDevice("tap1", "the device that vanished", func(_ own.Link, _ qdiscState, ok bool) bool { return !ok })
	second := addVeth(t, "tap1")
	h.awaitDevice("tap1", "the device that came back", func(l own.Link, _ qdiscState, ok bool) bool {
		return ok && l.Index == second.Attrs().Index && l.Index != first.Attrs().Index
	})
}

// repair applies what is desired as the engine would. It checks by a fresh reading that nothing is left to do.
func (h *host) repair(want object.Object) {
	h.t.Helper()
	observe := func() object.Object {
		got, err := h.Observe(h.t.Context(), []object.Key{want.Key()})
		must(h.t, err)
		if len(got) != 1 {
			h.t.Fatalf("%s: observed %d objects, want 1", want.Key(), len(got))
		}
		return got[0]
	}
	change := object.Change{Op: object.Update, Desired: want, Observed: observe()}
	for _, err := range h.Apply(h.t.Context(), []object.Change{change}) {
		must(h.t, err)
	}
	if d := want.Diff(observe()); len(d) > 0 {
		h.t.Fatalf("%s after Apply, in the cache: %v", want.Key(), d)
	}
	must(h.t, h.Sync(h.t.Context()))
	if d := want.Diff(observe()); len(d) > 0 {
		h.t.Fatalf("%s after Apply, on the host: %v", want.Key(), d)
	}
}

func TestForeignQdiscsAreRemoved(t *testing.T) {
	h := startHost(t, Config{})
	l := addVeth(t, "tap1")
	must(t, netlink.LinkSetUp(l))
	h.awaitDevice("tap1", "the device", func(l own.Link, _ qdiscState, _ bool) bool { return l.Up })
	index := l.Attrs().Index
	want := &object.Qdisc{Device: "tap1"}

	must(t, netlink.QdiscAdd(netlink.NewHtb(netlink.QdiscAttrs{LinkIndex: index,
		Handle: netlink.MakeHandle(1, 0), Parent: netlink.HANDLE_ROOT})))
	h.awaitDevice("tap1", "the root qdisc", func(_ own.Link, q qdiscState, _ bool) bool { return q.root == "htb" })
	h.repair(want)

	must(t, netlink.QdiscAdd(&netlink.Clsact{QdiscAttrs: netlink.QdiscAttrs{LinkIndex: index,
		Handle: netlink.MakeHandle(0xffff, 0), Parent: netlink.HANDLE_CLSACT}}))
	h.awaitDevice("tap1", "clsact", func(_ own.Link, q qdiscState, _ bool) bool { return q.ingress == "clsact" })
	h.repair(want)
}

func TestRoutesAreMarked(t *testing.T) {
	h := startHost(t, Config{EtcdAddresses: []netip.Addr{netip.MustParseAddr("198.51.100.7")}})
	l := addVeth(t, "eth9")
	must(t, netlink.LinkSetUp(l))
	peer, err := netlink.LinkByName("eth9p")
	must(t, err)
	must(t, netlink.LinkSetUp(peer))
	address, err := netlink.ParseAddr("192.0.2.1/24")
	must(t, err)
	must(t, netlink.AddrAdd(l, address))
	facts := func() object.LinkFacts {
		var f object.Facts
		h.Facts(&f)
		return f.Links["eth9"]
	}
	inEvent := func(e object.Event) bool { return slices.Contains(e.Devices, "eth9") }
	h.await("the address", func(e object.Event) bool {
		return inEvent(e) && slices.Contains(facts().Addresses, netip.MustParsePrefix("192.0.2.1/24"))
	})
	if f := facts(); f.DefaultRoute || f.EtcdRoute || f.Kind != "veth" {
		t.Fatalf("facts before any route: %+v", f)
	}
	must(t, netlink.RouteAdd(&netlink.Route{LinkIndex: l.Attrs().Index, Gw: net.IPv4(192, 0, 2, 254)}))
	h.await("the routes", func(e object.Event) bool { return inEvent(e) && facts().DefaultRoute && facts().EtcdRoute })
	// The kernel does not report the routes that are removed when a link is set down.
	must(t, netlink.LinkSetDown(l))
	h.await("the lost routes", func(e object.Event) bool { return inEvent(e) && !facts().DefaultRoute && !facts().EtcdRoute })
}

// TestLeavingABridgeIsNotVanishing: when a device leaves a bridge, the kernel sends RTM_DELLINK in the bridge family.
func TestLeavingABridgeIsNotVanishing(t *testing.T) {
	h := startHost(t, Config{})
	l := addVeth(t, "tap1")
	a := netlink.NewLinkAttrs()
	a.Name = "br9"
	bridge := &netlink.Bridge{LinkAttrs: a}
	must(t, netlink.LinkAdd(bridge))
	t.Cleanup(func() { _ = netlink.LinkDel(bridge) })
	master := func() string {
		var f object.Facts
		h.Facts(&f)
		return f.Links["tap1"].Master
	}
	must(t, netlink.LinkSetMaster(l, bridge))
	h.awaitDevice("tap1", "the bridge", func(own.Link, qdiscState, bool) bool { return master() == "br9" })
	must(t, netlink.LinkSetNoMaster(l))
	h.awaitDevice("tap1", "no bridge", func(_ own.Link, _ qdiscState, ok bool) bool { return ok && master() == "" })
	must(t, netlink.LinkSetMTU(l, 1400)) // this comes after all notifications about the bridge
	h.awaitDevice("tap1", "the mtu", func(l own.Link, _ qdiscState, ok bool) bool { return ok && l.MTU == 1400 })
}

func TestApplyRefusesWhatItCannotDo(t *testing.T) {
	h := startHost(t, Config{})
	addVeth(t, "tap1")
	for name, c := range map[string]object.Change{
		"device that is not there": {Op: object.Create, Desired: &object.Link{Name: "tap2"}},
		"a limit without a rate":   {Op: object.Update, Desired: &object.Qdisc{Device: "tap1", Root: "tbf"}},
		"another kind":             {Op: object.Update, Desired: &object.Qdisc{Device: "tap1", Root: "htb", Shaper: object.Shaper{Rate: 1}}},
		"a policer without a hook": {Op: object.Update, Desired: &object.Qdisc{Device: "tap1", FromGuest: object.Policer{Rate: 1}}},
		"bytes to the guest":       {Op: object.Update, Desired: &object.Qdisc{Device: "tap1", Ingress: "clsact", ToGuest: object.Policer{Rate: 1}}},
		"too high a rate":          {Op: object.Update, Desired: &object.Qdisc{Device: "tap1", Root: "tbf", Shaper: object.Shaper{Rate: 1 << 32}}},
	} {
		if err := h.apply(c); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if err := h.apply(object.Change{Op: object.Delete, Observed: &object.Link{Name: "tap1"}}); err != nil {
		t.Errorf("managing a device no longer: %v", err)
	}
}
