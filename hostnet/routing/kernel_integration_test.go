//go:build integration

package routing

import (
	"path/filepath"
	"strings"
	"testing"

	"weft/hostnet/object"
)

// TestWhatTheKernelKeepsIsRestored: somebody removes rules and routes that the kernel itself made and on which ours depend. They
// are restored, and guests reach each other again. The result is the same as before.
func TestWhatTheKernelKeepsIsRestored(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	h.start()
	h.converge(router()...)
	a := h.guest("a", "wl1", macA.String(), "10.1.0.1", object.GatewayLinkLocal.String(), "10.1.0.5/24", "fd01::5/64")
	h.guest("b", "wl2", macB.String(), "10.2.0.1", object.GatewayLinkLocal.String(), "10.2.0.5/24", "fd02::5/64")
	path := filepath.Join(h.dir, routerName)
	kept := func() string {
		t.Helper()
		var all []string
		for _, show := range []string{"-4 rule", "-6 rule", "-4 route show table all proto kernel", "-6 route show table all proto kernel"} {
			for _, line := range strings.Split(in(t, path, append([]string{"ip"}, words(show)...)...), "\n") {
				// We need no anycast routes, and lo's address has a second route after it was added by hand.
				if !strings.Contains(line, "anycast") && !strings.HasPrefix(line, "::1 dev lo") {
					all = append(all, strings.Join(words(line), " "))
				}
			}
		}
		return sortedText(all)
	}
	reach := func(when string) {
		t.Helper()
		for _, target := range []string{"10.2.0.5", "fd02::5"} {
			if out, err := try(a, "ping", "-c1", "-w10", target); err != nil {
				t.Errorf("%s: %s does not answer: %s", when, target, out)
			}
		}
	}
	reach("before")
	before := kept()
	namespace, addresses, veth := key(object.KindNamespace, routerName), key(object.KindAddresses, routerName+"/n1"), key(object.KindVeth, routerName+"/n1")
	for _, c := range []struct {
		told   object.Key
		script string
	}{
		{namespace, "ip rule flush"},
		{namespace, "ip rule del pref 0"},
		{namespace, "ip -6 rule flush"},
		{namespace, "ip -6 rule del pref 0"},
		{namespace, "ip rule add pref 5 blackhole"},
		{namespace, "ip -6 rule add pref 5 from fd01::/64 prohibit"},
		{namespace, "ip rule add pref 7 iif n1 fwmark 3 ipproto udp lookup 99"},
		{addresses, "ip route flush table main"},
		{addresses, "ip -6 route flush table main"},
		{veth, "ip -6 route flush table main"},
		{addresses, "ip route flush table local"},
		{addresses, "ip -6 route flush table local"},
		{veth, "ip -6 route flush table local"},
		{addresses, "ip route del 10.1.0.0/24 dev n1"},
		{addresses, "ip -6 route del fd01::/64 dev n1"},
		{addresses, "ip route del local 10.1.0.1 table local"},
		{addresses, "ip route replace 10.1.0.0/24 via 10.2.0.5"},
		{veth, "ip -6 route del multicast ff00::/8 dev n1 table local"},
		{addresses, "ip addr flush dev n1"},
		{addresses, "ip -6 addr flush dev n1"},
		{veth, "ip link set n1 down"},
		{veth, "ip link set n1 arp off"},
		{veth, "ip link add b0 type bridge && ip link set n1 master b0"},
		{addresses, "sysctl -qw net.ipv6.conf.n1.disable_ipv6=1"},
		{namespace, "sysctl -qw net.ipv6.conf.all.disable_ipv6=1"},
		{namespace, "ip link set lo down"},
		{key(object.KindNeighbor, routerName+"/n2/10.2.0.5"), "ip neigh flush nud permanent"},
	} {
		h.forget()
		in(t, path, "sh", "-c", c.script)
		h.awaitKey(c.script, c.told)
		if h.converge(router()...) == 0 {
			t.Errorf("%s: nothing was repaired", c.script)
		}
		h.settled(before, kept, c.script)
		reach(c.script)
	}
}

// TestRefusedRouteSaysWhy: the kernel's own text is the same for all these cases.
func TestRefusedRouteSaysWhy(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	h.start()
	h.converge(router()...)
	path := filepath.Join(h.dir, routerName)
	for _, c := range []struct{ damage, via, says string }{
		{"true", "192.0.2.99", "no address of n1 and no route is on the link of next hop 192.0.2.99"},
		{"true", "2001:db8::99", "no address of n1 and no route is on the link of next hop 2001:db8::99"},
		{"ip route del 10.1.0.0/24 dev n1", "10.1.0.5", "n1 lacks the kernel's connected route 10.1.0.0/24"},
		{"ip rule flush", "10.1.0.5", "the IPv4 routing rule for table main is missing"},
		{"ip link set n1 down", "10.1.0.5", "n1 is down"},
	} {
		in(t, path, "sh", "-c", c.damage)
		r := &object.Route{Namespace: routerName, Destination: prefix("198.18.0.0/15"), Via: addr(c.via), Device: "n1"}
		if r.Via.Is6() {
			r.Destination = prefix("2001:db8:99::/48")
		}
		errs := h.Apply(t.Context(), []object.Change{{Op: object.Create, Desired: r}})
		if errs[0] == nil || !strings.Contains(errs[0].Error(), c.says) {
			t.Errorf("%s: the route is refused with %v, want %q", c.damage, errs[0], c.says)
		}
		h.converge(router()...)
	}
}
