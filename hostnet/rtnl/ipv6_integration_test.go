//go:build integration

package rtnl

import (
	"os"
	"slices"
	"testing"

	"github.com/vishvananda/netlink"

	own "weft/hostnet/netlink"
	"weft/hostnet/object"
)

// addressesOf are the IPv6 addresses of a link.
func addressesOf(t *testing.T, name string) (list []string) {
	t.Helper()
	l, err := netlink.LinkByName(name)
	must(t, err)
	all, err := netlink.AddrList(l, netlink.FAMILY_V6)
	must(t, err)
	for _, a := range all {
		list = append(list, a.IPNet.String())
	}
	return list
}

func (h *host) observedLink(name string) *object.Link {
	h.t.Helper()
	found, err := h.Observe(h.t.Context(), []object.Key{{Kind: object.KindLink, Name: name}})
	if err != nil || len(found) != 1 {
		h.t.Fatalf("observed of %s: %v, %v", name, found, err)
	}
	return found[0].(*object.Link)
}

// TestIPv6IsOffBeforeTheLinkIsUp: a device whose MTU is too small for IPv6 has none until Weft sets the MTU.
func TestIPv6IsOffBeforeTheLinkIsUp(t *testing.T) {
	h := startHost(t, Config{})
	l := addVeth(t, "tap6")
	must(t, netlink.LinkSetMTU(l, 1000))
	h.awaitDevice("tap6", "the device with its MTU", func(l own.Link, _ qdiscState, ok bool) bool { return ok && l.MTU == 1000 })
	if !h.observedLink("tap6").NoIPv6 {
		t.Error("a link with an MTU of 1000 is observed with IPv6")
	}
	peer, err := netlink.LinkByName("tap6p")
	must(t, err)
	must(t, netlink.LinkSetUp(peer))

	want := &object.Link{Name: "tap6", MTU: 1500, NoIPv6: true, Up: true}
	apply := func() {
		t.Helper()
		have := h.observedLink("tap6")
		must(t, h.Apply(t.Context(), []object.Change{{Op: object.Update, Desired: want, Observed: have}})[0])
		if d := want.Diff(h.observedLink("tap6")); len(d) > 0 {
			t.Errorf("after it was applied it differs by %v", d)
		}
		if got := addressesOf(t, "tap6"); len(got) > 0 {
			t.Errorf("the host has addresses on tap6: %v", got)
		}
	}
	apply()

	must(t, os.WriteFile("/proc/sys/net/ipv6/conf/tap6/disable_ipv6", []byte("0"), 0))
	h.await("that IPv6 was switched on", func(e object.Event) bool {
		return slices.Contains(e.Keys, want.Key()) && !h.observedLink("tap6").NoIPv6
	})
	if len(addressesOf(t, "tap6")) == 0 {
		t.Fatal("IPv6 that was switched on gives no address: this test shows nothing")
	}
	apply()

	other := *want
	other.NoIPv6 = false
	if d := other.Diff(h.observedLink("tap6")); len(d) > 0 {
		t.Errorf("where Weft does not want it off, that it is off differs: %v", d)
	}
}
