//go:build integration

package attack

import (
	"net/netip"
	"slices"
	"testing"

	"weft/hostnet/object"
	"weft/model"
	"weft/model/desired"
)

// upstream is the MAC of a machine on the physical network, which would route to a management network.
var upstream = object.MAC{0x52, 0x54, 0, 1, 2, 3}

// manage keeps the guests from two prefixes. Guest a has allowed address pairs of these prefixes, as nobody can declare, and of others.
func (st *stage) manage(t *testing.T) *stage {
	t.Helper()
	for _, p := range []string{"192.0.2.0/24", "2001:db8:5::/64"} {
		st.config.Host().ManagementCIDRs = append(st.config.Host().ManagementCIDRs, model.Prefix{Prefix: netip.MustParsePrefix(p)})
	}
	st.config.Network(netRed).AddressPairs = true
	for _, p := range []string{"192.0.2.0/24", "192.0.3.0/24", "2001:db8:5::/64", "2001:db8:6::/64"} {
		st.port(st.a).AddressPairs = append(st.port(st.a).AddressPairs,
			desired.AddressPair{Address: model.AddressBlock{Prefix: netip.MustParsePrefix(p)}, MAC: model.MAC(st.a.mac)})
	}
	st.converge(t)
	return st
}

// managementAttempts are frames to and from a management network, and the same frames beside it.
func (st *stage) managementAttempts() []attempt {
	a, b := st.a, st.b
	at, data := netip.MustParseAddr, []byte("to the API")
	v4 := func(next object.MAC, src, dst netip.Addr) []byte {
		return eth(a.mac, next, 0x0800, ipv4(src, dst, 17, udp(5000, 2379, data)))
	}
	v6 := func(next object.MAC, src, dst netip.Addr) []byte {
		return eth(a.mac, next, 0x86dd, ipv6(src, dst, 17, udp(5000, 2379, data)))
	}
	dad := func(dst netip.Addr) []byte {
		return eth(a.mac, upstream, 0x86dd, ipv6Hops(any6, dst, 58, 255, icmp6(any6, dst, 135, 0, nd(0, a.v6))))
	}
	first, last, beside := at("192.0.2.0"), at("192.0.2.255"), at("192.0.3.0")
	first6, last6, beside6 := at("2001:db8:5::"), at("2001:db8:5:0:ffff:ffff:ffff:ffff"), at("2001:db8:5:1::")
	return []attempt{
		{"IPv4 by a forged next hop", v4(upstream, a.v4, first), v4(upstream, a.v4, beside), atUplink},
		{"IPv4 to the last address", v4(upstream, a.v4, last), v4(upstream, a.v4, at("192.0.1.255")), atUplink},
		{"IPv4 through another guest", v4(b.mac, a.v4, first), v4(b.mac, a.v4, beside), atPeer},
		{"IPv4 to everybody", v4(broadcast, a.v4, first), v4(broadcast, a.v4, beside), atBoth},
		{"IPv4 by another protocol", eth(a.mac, upstream, 0x0800, ipv4(a.v4, first, 47, data)), eth(a.mac, upstream, 0x0800, ipv4(a.v4, beside, 47, data)), atUplink},
		{"IPv4 by a later fragment", eth(a.mac, upstream, 0x0800, ipv4Frag(a.v4, first, 17, 185, false, data)), eth(a.mac, upstream, 0x0800, ipv4Frag(a.v4, beside, 17, 185, false, data)), atUplink},
		{"IPv4 from there", v4(b.mac, first, b.v4), v4(b.mac, beside, b.v4), atPeer},
		{"IPv4 from there to the network", v4(upstream, last, at("198.51.100.1")), v4(upstream, beside, at("198.51.100.1")), atUplink},
		{"IPv6 by a forged next hop", v6(upstream, a.v6, first6), v6(upstream, a.v6, beside6), atUplink},
		{"IPv6 to the last address", v6(upstream, a.v6, last6), v6(upstream, a.v6, beside6), atUplink},
		{"IPv6 through another guest", v6(b.mac, a.v6, first6), v6(b.mac, a.v6, beside6), atPeer},
		{"IPv6 from the guest's link-local address", v6(upstream, a.ll, first6), v6(upstream, a.ll, beside6), atUplink},
		{"IPv6 from a link-local address of its choice", v6(upstream, at("fe80::1234:1"), first6), v6(upstream, at("fe80::1234:1"), beside6), atUplink},
		{"IPv6 by a later fragment", eth(a.mac, upstream, 0x86dd, ipv6(a.v6, first6, 44, fragment(17, 185, false, data))),
			eth(a.mac, upstream, 0x86dd, ipv6(a.v6, beside6, 44, fragment(17, 185, false, data))), atUplink},
		{"duplicate address detection that is sent there", dad(first6), dad(beside6), atUplink},
		{"IPv6 from there", v6(b.mac, first6, b.v6), v6(b.mac, at("2001:db8:6::1"), b.v6), atPeer},
		{"IPv6 from there to the network", v6(upstream, last6, at("2001:db8:9::1")), v6(upstream, at("2001:db8:6::1"), at("2001:db8:9::1")), atUplink},
	}
}

// TestManagementIsClosed: a guest sends nothing to or from a management network.
func TestManagementIsClosed(t *testing.T) {
	t.Parallel()
	newStage(t).managementIsClosed(t)
}

// managementIsClosed also checks that the frames arrive when there is no management network, so that the checks can fail.
func (st *stage) managementIsClosed(t *testing.T) {
	t.Helper()
	st.manage(t).tryAll(t, (*stage).managementAttempts)
	st.config.Host().ManagementCIDRs = nil
	st.converge(t)
	for _, c := range st.managementAttempts() {
		if len(st.faults(t, attempt{c.name, nil, c.bad, c.at})) > 0 {
			t.Errorf("%s: without a management network it does not arrive either", c.name)
		}
	}
}

// TestEveryManagementRuleIsNeeded: without one of the flows, some frame gets through.
func TestEveryManagementRuleIsNeeded(t *testing.T) {
	t.Parallel()
	st := newStage(t).manage(t)
	all, _ := st.compile(t)
	rules := 0
	for i, o := range all {
		set, ok := o.(*object.FlowSet)
		if !ok {
			continue
		}
		for j, f := range set.Flows {
			named := slices.ContainsFunc(st.config.Host().ManagementCIDRs, func(p model.Prefix) bool { return f.Match.IPSrc == p.Prefix || f.Match.IPDst == p.Prefix })
			if !named || !refuses(f) {
				continue
			}
			rules++
			without := *set
			without.Flows = slices.Delete(slices.Clone(set.Flows), j, j+1)
			st.apply(t, append(slices.Delete(slices.Clone(all), i, i+1), &without))
			if !slices.ContainsFunc(st.managementAttempts(), func(c attempt) bool { return len(st.faults(t, c)) > 0 }) {
				t.Errorf("without %s nothing gets through", f)
			}
		}
	}
	if rules != 4 {
		t.Errorf("there are %d flows about management networks, expected 2 for each of 2 prefixes", rules)
	}
}
