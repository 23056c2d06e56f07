//go:build integration

package attack

import (
	"net/netip"
	"testing"

	"weft/hostnet/object"
	"weft/model"
	"weft/model/desired"
)

// virtual is the MAC of a virtual router (RFC 9568 7.3).
var virtual = object.MAC{0, 0, 0x5e, 0, 1, 0x33}

// pairUse is one use of an allowed address pair by guest a. miss is the same frame a little beside the pair.
type pairUse struct {
	name      string
	use, miss []byte
	at        where
}

// pairsOf are the pairs that the uses need.
func pairsOf(g *guest) (list []desired.AddressPair) {
	add := func(block string, m object.MAC) {
		list = append(list, desired.AddressPair{Address: model.AddressBlock{Prefix: netip.MustParsePrefix(block)}, MAC: model.MAC(m)})
	}
	add("10.1.0.77/32", g.mac)
	add("10.1.0.96/28", g.mac)
	add("172.16.5.0/24", g.mac)
	add("fd00:1::77/128", g.mac)
	add("2001:db8:5::/64", g.mac)
	add("10.1.0.78/32", virtual)
	add("fd00:1::78/128", virtual)
	return list
}

// pairUses are frames of every kind from both families, from the guest's own MAC and from another MAC.
func (st *stage) pairUses() (list []pairUse) {
	a, b := st.a, st.b
	at := netip.MustParseAddr
	v4 := func(m object.MAC, src string) []byte {
		return eth(m, b.mac, 0x0800, ipv4(at(src), b.v4, 17, udp(5000, 5001, []byte("pair"))))
	}
	v6 := func(m object.MAC, src string) []byte {
		return eth(m, b.mac, 0x86dd, ipv6(at(src), b.v6, 17, udp(5000, 5001, []byte("pair"))))
	}
	add := func(name string, at where, use, miss []byte) { list = append(list, pairUse{name, use, miss, at}) }
	add("IPv4", atPeer, v4(a.mac, "10.1.0.77"), v4(a.mac, "10.1.0.76"))
	add("IPv4 of a block", atPeer, v4(a.mac, "10.1.0.111"), v4(a.mac, "10.1.0.112"))
	add("IPv4 behind the guest", atPeer, v4(a.mac, "172.16.5.200"), v4(a.mac, "172.16.6.0"))
	add("IPv6", atPeer, v6(a.mac, "fd00:1::77"), v6(a.mac, "fd00:1::76"))
	add("IPv6 behind the guest", atPeer, v6(a.mac, "2001:db8:5::9"), v6(a.mac, "2001:db8:5:1::9"))
	add("IPv4 from the other MAC", atPeer, v4(virtual, "10.1.0.78"), v4(virtual, "10.1.0.77"))
	add("IPv6 from the other MAC", atPeer, v6(virtual, "fd00:1::78"), v6(virtual, "fd00:1::77"))
	add("IPv4 of the other MAC", 0, nil, v4(a.mac, "10.1.0.78"))

	for _, m := range []struct {
		name, four, six string
		mac, wrong      object.MAC
	}{{"", "10.1.0.77", "fd00:1::77", a.mac, virtual}, {" from the other MAC", "10.1.0.78", "fd00:1::78", virtual, a.mac}} {
		four, six := at(m.four), at(m.six)
		add("ARP announcement"+m.name, atBoth, arp(m.mac, 1, m.mac, four, four), arp(m.mac, 1, m.wrong, four, four))
		add("ARP reply"+m.name, atBoth, arp(m.mac, 2, m.mac, four, b.v4), arp(m.mac, 2, m.mac, at("10.1.0.79"), b.v4))
		add("ARP probe"+m.name, atBoth, arp(m.mac, 1, m.mac, any4, four), arp(m.mac, 1, m.mac, any4, at("10.1.0.79")))
		add("ARP request"+m.name, atBoth, arp(m.mac, 1, m.mac, four, b.v4), arp(m.wrong, 1, m.wrong, four, b.v4))
		add("NA"+m.name, atBoth, icmp6Frame(m.mac, six, 136, 0, nd(0x20, six, lladdr(2, m.mac))), icmp6Frame(m.mac, six, 136, 0, nd(0x20, at("fd00:1::79"), lladdr(2, m.mac))))
		add("NA without a MAC"+m.name, atBoth, icmp6Frame(m.mac, six, 136, 0, nd(0x20, six)), icmp6Frame(m.mac, six, 136, 0, nd(0x20, at("fd00:1::79"))))
		add("NS"+m.name, atBoth, icmp6Frame(m.mac, six, 135, 0, nd(0, b.v6, lladdr(1, m.mac))), icmp6Frame(m.mac, six, 135, 0, nd(0, b.v6, lladdr(1, b.mac))))
		add("DAD"+m.name, atBoth, icmp6Frame(m.mac, any6, 135, 0, nd(0, six)), icmp6Frame(m.mac, any6, 135, 0, nd(0, at("fd00:1::79"))))
	}
	add("VRRP from the other MAC with the guest's own address", atBoth,
		eth(virtual, object.MAC{1, 0, 0x5e, 0, 0, 18}, 0x0800, ipv4(a.v4, at("224.0.0.18"), 112, []byte{0x31, 51, 100, 1, 0, 100, 0, 0, 10, 1, 0, 78})),
		eth(virtual, object.MAC{1, 0, 0x5e, 0, 0, 18}, 0x0800, ipv4(b.v4, at("224.0.0.18"), 112, []byte{0x31, 51, 100, 1, 0, 100, 0, 0, 10, 1, 0, 78})))
	return list
}

// pairsHold: guest a may use its pairs and nothing beside them, and only while it has them. That another guest has them is no use to it.
func (st *stage) pairsHold(t *testing.T) {
	t.Helper()
	own := arp(st.a.mac, 1, st.a.mac, st.a.v4, st.b.v4)
	refused := func(when string) {
		for _, u := range st.pairUses() {
			if u.use != nil {
				st.try(t, attempt{when + ": " + u.name, u.use, own, atBoth})
			}
		}
	}
	st.config.Network(netRed).AddressPairs = true
	st.port(st.b).AddressPairs = pairsOf(st.b)
	st.converge(t)
	refused("of another guest")

	st.port(st.a).AddressPairs = pairsOf(st.a)
	st.converge(t)
	for _, u := range st.pairUses() {
		st.try(t, attempt{"beside the pair: " + u.name, u.miss, u.use, u.at})
	}

	st.port(st.a).AddressPairs = nil
	st.converge(t)
	refused("taken back")
	st.nobodyElseHeard(t)
}

// TestAddressPairs: what a guest may do with allowed address pairs, and what it may not do without.
func TestAddressPairs(t *testing.T) {
	t.Parallel()
	newStage(t).pairsHold(t)
}
