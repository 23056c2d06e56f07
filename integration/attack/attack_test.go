//go:build integration

package attack

import (
	"context"
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"weft/hostnet/object"
	"weft/integration/timescale"
	"weft/reconcile/compile"
)

// where says where a legitimate frame must arrive.
type where uint8

const (
	atPeer   where = 1 << iota // guest b
	atUplink                   // the uplink, tagged
	atBoth   = atPeer | atUplink
)

// attempt is one attack and the most similar legitimate frame. Guest a sends both.
type attempt struct {
	name string
	bad  []byte
	good []byte
	at   where
}

var serial atomic.Uint32

// closing is a frame that a guest is always allowed to send. It differs each time.
func closing(g *guest) []byte {
	var mark [18]byte
	binary.BigEndian.PutUint32(mark[:], serial.Add(1))
	return arp(g.mac, 1, g.mac, g.v4, netip.AddrFrom4([4]byte{10, 1, 0, 99}), mark[:]...)
}

// try reports every fault of an attempt.
func (st *stage) try(t *testing.T, c attempt) {
	t.Helper()
	for _, fault := range st.faults(t, c) {
		t.Errorf("%s: %s", c.name, fault)
	}
}

// faults sends the attack, the legitimate frame and a closing frame, and checks what arrived before the closing frame.
func (st *stage) faults(t *testing.T, c attempt) (faults []string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), timescale.Bound(10*time.Second))
	defer cancel()
	end := closing(st.a)
	for _, f := range [][]byte{c.bad, c.good, end} {
		if f != nil {
			st.a.send(t, f)
		}
	}
	for _, r := range []struct {
		tap  *tap
		at   where
		seen func([]byte) []byte
	}{{st.b.tap, atPeer, plain}, {st.uplink, atUplink, onUplink}} {
		got, err := r.tap.until(ctx, r.seen(end))
		if err != nil {
			return append(faults, err.Error())
		}
		if c.bad != nil && holds(got, r.seen(c.bad)) {
			faults = append(faults, "the attack arrived at "+r.tap.name)
		}
		if c.good == nil {
			continue
		}
		if arrived, want := holds(got, r.seen(c.good)), c.at&r.at != 0; arrived != want {
			faults = append(faults, fmt.Sprintf("the legitimate frame at %s: arrived %v, want %v", r.tap.name, arrived, want))
		}
	}
	return faults
}

func plain(frame []byte) []byte { return frame }

// onUplink is a frame of network red as it is on the uplink.
func onUplink(frame []byte) []byte { return tagged(frame, 0x8100, vidRed) }

func holds(frames [][]byte, sent []byte) bool {
	for _, f := range frames {
		if contains(f, sent) {
			return true
		}
	}
	return false
}

func TestHostileGuest(t *testing.T) {
	t.Parallel()
	newStage(t).tryAll(t, (*stage).attempts)
}

// tryAll tries every attempt of a list. Ports that are not concerned must receive nothing.
func (st *stage) tryAll(t *testing.T, list func(*stage) []attempt) {
	t.Helper()
	for _, c := range list(st) {
		st.try(t, c)
	}
	st.nobodyElseHeard(t)
}

func (st *stage) attempts() []attempt {
	return slices.Concat(st.sourceAttempts(), st.arpAttempts(), st.neighborAttempts(), st.routerAttempts(),
		st.dhcpAttempts(), st.tagAttempts(), st.reservedAttempts(), st.metadataAttempts())
}

// For each rule that drops a guest's frames: without the rule some attack gets through. So every rule is needed, and the attacks find its
// absence.
func TestEveryGuestRuleStopsAnAttack(t *testing.T) {
	t.Parallel()
	st := newStage(t)
	all, _ := st.compile(t)
	red, _ := compile.NetworkNumber(netRed)
	for i, o := range all {
		set, ok := o.(*object.FlowSet)
		if !ok {
			continue
		}
		for j, f := range set.Flows {
			// Other tests prove the tables' defaults, the uplink's tables, and the rules of the other network.
			own := f.Match.Metadata.Mask == 0 || f.Match.Metadata.Value == red
			if !refuses(f) || f.Priority <= 50 || f.Table >= 30 || !own || onlyUncounted(f) {
				continue
			}
			without := *set
			without.Flows = slices.Delete(slices.Clone(set.Flows), j, j+1)
			st.apply(t, append(slices.Delete(slices.Clone(all), i, i+1), &without))
			if !slices.ContainsFunc(st.attempts(), func(c attempt) bool { return len(st.faults(t, c)) > 0 }) {
				t.Errorf("without %s every attack is stopped all the same", f)
			}
		}
	}
}

// refuses says that the flow lets no frame pass: it drops, or it counts a rejected frame.
func refuses(f object.Flow) bool {
	return len(f.Actions) == 0 || slices.ContainsFunc(f.Actions, func(a object.Action) bool { return a == object.Action(object.Goto{Table: 70}) })
}

// onlyUncounted says that without the flow the frame would be rejected too, and only be counted, or counted for another reason: table 10, at the
// priority of what is allowed or of the reason, and table 1. Scenario rejected-frames proves what is counted.
func onlyUncounted(f object.Flow) bool {
	return f.Table == 10 && (f.Priority == 100 && len(f.Actions) == 0 || f.Priority == 60) || f.Table == 1
}

// nobodyElseHeard checks that another network, a standby port and a port without intent have received nothing.
func (st *stage) nobodyElseHeard(t *testing.T) {
	t.Helper()
	for _, g := range []*guest{st.c, st.s, st.x} {
		if got := g.drain(); len(got) > 0 {
			t.Errorf("guest %s heard %d frames, the first %x", g.name, len(got), got[0])
		}
	}
}

func (st *stage) sourceAttempts() []attempt {
	a, b := st.a, st.b
	data := []byte("data of a guest")
	v4 := func(eth_ object.MAC, src netip.Addr) []byte {
		return eth(eth_, b.mac, 0x0800, ipv4(src, b.v4, 17, udp(5000, 5001, data)))
	}
	v6 := func(src netip.Addr) []byte {
		return eth(a.mac, b.mac, 0x86dd, ipv6(src, b.v6, 17, udp(5000, 5001, data)))
	}
	out := func(src netip.Addr) []byte {
		return eth(a.mac, object.MAC{0x52, 0x54, 0, 1, 2, 3}, 0x0800, ipv4(src, netip.MustParseAddr("198.51.100.1"), 17, udp(5000, 5001, data)))
	}
	random, stolen := netip.MustParseAddr("fe80::1234:5678:9abc:def0"), b.ll
	return []attempt{
		{"source MAC of another", v4(b.mac, a.v4), v4(a.mac, a.v4), atPeer},
		{"source MAC that nobody has", v4(object.MAC{2, 0, 0, 0, 0, 9}, a.v4), v4(a.mac, a.v4), atPeer},
		{"IPv4 source of another", v4(a.mac, b.v4), v4(a.mac, a.v4), atPeer},
		{"IPv4 source elsewhere, to the network", out(netip.MustParseAddr("203.0.113.9")), out(a.v4), atUplink},
		{"IPv4 source 0.0.0.0", v4(a.mac, any4), v4(a.mac, a.v4), atPeer},
		{"IPv4 multicast", eth(a.mac, object.MAC{1, 0, 0x5e, 1, 1, 1}, 0x0800, ipv4(b.v4, netip.MustParseAddr("239.1.1.1"), 17, udp(1, 2, data))),
			eth(a.mac, object.MAC{1, 0, 0x5e, 1, 1, 1}, 0x0800, ipv4(a.v4, netip.MustParseAddr("239.1.1.1"), 17, udp(1, 2, data))), atBoth},
		{"IPv4 broadcast", eth(a.mac, broadcast, 0x0800, ipv4(b.v4, all4, 17, udp(1, 2, data))),
			eth(a.mac, broadcast, 0x0800, ipv4(a.v4, all4, 17, udp(1, 2, data))), atBoth},
		{"IPv6 source of another", v6(b.v6), v6(a.v6), atPeer},
		{"IPv6 source elsewhere", v6(netip.MustParseAddr("2001:db8::9")), v6(a.v6), atPeer},
		{"IPv6 source ::", v6(any6), v6(a.ll), atPeer},
		{"link-local address of another", v6(stolen), v6(random), atPeer},
		{"link-local address of a guest elsewhere", v6(remoteLL), v6(random), atPeer},
		{"link-local address of a guest elsewhere whose MAC has the chosen prefix", v6(derived(chosen)), v6(random), atPeer},
		{"IPv4 header cut off", eth(a.mac, b.mac, 0x0800, ipv4(a.v4, b.v4, 17, nil)[:15]), v4(a.mac, a.v4), atPeer},
	}
}

func (st *stage) arpAttempts() []attempt {
	a, b := st.a, st.b
	other := object.MAC{2, 0, 0, 0, 0, 9}
	good := arp(a.mac, 1, a.mac, a.v4, b.v4)
	return []attempt{
		{"ARP sender MAC of another", arp(a.mac, 1, other, a.v4, b.v4), good, atBoth},
		{"ARP sender address of another", arp(a.mac, 1, a.mac, b.v4, b.v4), good, atBoth},
		{"ARP reply for another's address", arp(a.mac, 2, a.mac, b.v4, a.v4), arp(a.mac, 2, a.mac, a.v4, b.v4), atBoth},
		{"ARP from another's MAC", arp(other, 1, a.mac, a.v4, b.v4), good, atBoth},
		{"ARP probe for another's address", arp(a.mac, 1, a.mac, any4, b.v4), arp(a.mac, 1, a.mac, any4, a.v4), atBoth},
		{"ARP reply from 0.0.0.0", arp(a.mac, 2, a.mac, any4, a.v4), arp(a.mac, 1, a.mac, any4, a.v4), atBoth},
		{"ARP opcode of InARP", arp(a.mac, 8, a.mac, a.v4, b.v4), good, atBoth},
		{"ARP opcode beyond a byte", arp(a.mac, 0x101, a.mac, a.v4, b.v4), good, atBoth},
		{"RARP", eth(a.mac, broadcast, 0x8035, good[14:]), good, atBoth},
		{"ARP for the DHCP server's address", arp(a.mac, 1, a.mac, a.v4, netip.MustParseAddr("10.1.0.2")), good, atBoth},
	}
}

func (st *stage) neighborAttempts() []attempt {
	a, b := st.a, st.b
	other := object.MAC{2, 0, 0, 0, 0, 9}
	ns := func(src, target netip.Addr, options ...[]byte) []byte {
		return icmp6Frame(a.mac, src, 135, 0, nd(0, target, options...))
	}
	na := func(src, target netip.Addr, options ...[]byte) []byte {
		return icmp6Frame(a.mac, src, 136, 0, nd(0x20, target, options...))
	}
	unknown := netip.MustParseAddr("fe80::dead:beef")
	mine := netip.MustParseAddr("fe80::aaaa:1")
	return []attempt{
		{"NS with another's link-layer address", ns(a.v6, b.v6, lladdr(1, b.mac)), ns(a.v6, b.v6, lladdr(1, a.mac)), atBoth},
		{"NS without link-layer address", ns(a.v6, b.v6), ns(a.ll, b.v6, lladdr(1, a.mac)), atBoth},
		{"NS with two link-layer addresses", ns(a.v6, b.v6, lladdr(1, a.mac), lladdr(1, other)), ns(a.v6, b.ll, lladdr(1, a.mac)), atBoth},
		{"NS with a long link-layer address", ns(a.v6, b.v6, append([]byte{1, 2}, make([]byte, 14)...)), ns(a.v6, b.ll, lladdr(1, a.mac)), atBoth},
		{"NS with a code", icmp6Frame(a.mac, a.v6, 135, 1, nd(0, b.v6, lladdr(1, a.mac))), ns(a.v6, b.v6, lladdr(1, a.mac)), atBoth},
		{"DAD for another's address", ns(any6, b.v6), ns(any6, a.v6), atBoth},
		{"DAD for the link-local address of a guest elsewhere", ns(any6, remoteLL), ns(any6, netip.MustParseAddr("fe80::78")), atBoth},
		{"DAD for the link-local address of a guest elsewhere, by the chosen prefix", ns(any6, derived(chosen)), ns(any6, netip.MustParseAddr("fe80::78")), atBoth},
		{"NA for the link-local address of a guest elsewhere, by the chosen prefix", na(a.ll, derived(chosen), lladdr(2, a.mac)), na(a.ll, a.ll, lladdr(2, a.mac)), atBoth},
		{"NA for the link-local address of a guest elsewhere", na(a.ll, remoteLL, lladdr(2, a.mac)), na(a.ll, a.ll, lladdr(2, a.mac)), atBoth},
		{"DAD for another's link-local address", ns(any6, b.ll), ns(any6, a.ll), atBoth},
		{"DAD for the server's link-local address", ns(any6, object.ServerLinkLocal), ns(any6, netip.MustParseAddr("fe80::77")), atBoth},
		{"DAD for the gateway's link-local address", ns(any6, object.GatewayLinkLocal), ns(any6, netip.MustParseAddr("fe80::77")), atBoth},
		{"NA with another's link-layer address", na(a.v6, a.v6, lladdr(2, b.mac)), na(a.v6, a.v6, lladdr(2, a.mac)), atBoth},
		{"NA for another's address", na(a.v6, b.v6, lladdr(2, a.mac)), na(a.v6, a.v6, lladdr(2, a.mac)), atBoth},
		{"NA for another's link-local address", na(a.ll, b.ll, lladdr(2, a.mac)), na(a.ll, a.ll, lladdr(2, a.mac)), atBoth},
		{"NA for a link-local address nobody used", na(a.ll, unknown, lladdr(2, a.mac)), na(a.v6, a.ll, lladdr(2, a.mac)), atBoth},
		{"NA for another's, without link-layer address", na(a.v6, b.v6), na(a.v6, a.v6), atBoth},
		{"NA with two link-layer addresses", na(a.v6, a.v6, lladdr(2, a.mac), lladdr(2, other)), na(a.v6, a.v6), atBoth},
		{"NA for the server", na(a.v6, object.ServerLinkLocal, lladdr(2, a.mac)), na(a.v6, a.ll, lladdr(2, a.mac)), atBoth},
		{"NA with a code", icmp6Frame(a.mac, a.v6, 136, 1, nd(0x20, a.v6, lladdr(2, a.mac))), na(a.v6, a.v6, lladdr(2, a.mac)), atBoth},
		{"NA with a long target option", na(a.v6, a.v6, option(2, 2, make([]byte, 14)...)), na(a.v6, a.v6), atBoth},
		{"NA with an option without length", na(a.v6, a.v6, option(2, 0, other[:]...)), na(a.v6, a.v6), atBoth},
		{"NA with an unknown option", na(a.v6, a.v6, option(200, 1, other[:]...)), na(a.v6, a.v6), atBoth},
		{"NA with an option behind its own", na(a.v6, a.v6, lladdr(2, a.mac), option(200, 1, other[:]...)), na(a.v6, a.v6, lladdr(2, a.mac)), atBoth},
		{"NA from another hop", icmp6Hops(a.mac, a.v6, 136, 0, 64, nd(0x20, a.v6, lladdr(2, a.mac))), na(a.v6, a.v6, lladdr(2, a.mac)), atBoth},
		{"NS from another hop", icmp6Hops(a.mac, a.v6, 135, 0, 254, nd(0, b.v6, lladdr(1, a.mac))), ns(a.v6, b.v6, lladdr(1, a.mac), nonce()), atBoth},
		{"NS with an option without length", ns(a.v6, b.v6, option(1, 0, a.mac[:]...)), ns(a.v6, b.v6, lladdr(1, a.mac)), atBoth},
		{"NS with three options", ns(a.v6, b.v6, lladdr(1, a.mac), nonce(), nonce()), ns(a.v6, b.v6, lladdr(1, a.mac), nonce()), atBoth},
		{"DAD with a link-layer address", ns(any6, a.v6, lladdr(1, other)), ns(any6, a.v6, nonce()), atBoth},
		{"DAD with two options", ns(any6, a.v6, nonce(), nonce()), ns(any6, a.v6, nonce()), atBoth},
		{"DAD from another hop", icmp6Hops(a.mac, any6, 135, 0, 64, nd(0, a.v6)), ns(any6, a.v6), atBoth},
		{"DAD for a link-local address, with a link-layer address", ns(any6, a.ll, lladdr(1, other)), ns(any6, a.ll, nonce()), atBoth},
		{"DAD for a link-local address, with two options", ns(any6, a.ll, nonce(), nonce()), ns(any6, a.ll), atBoth},
		{"DAD of a length that is not there", cut(ns(any6, b.v6), 4), ns(any6, a.v6), atBoth},
		// The first frame from a link-local address of the guest's choice makes it the guest's. Then the guest may advertise it.
		{"NS for the server", ns(mine, object.ServerLinkLocal, lladdr(1, a.mac)), ns(mine, b.v6, lladdr(1, a.mac)), atBoth},
		{"NA for another's from an own choice", na(mine, b.ll, lladdr(2, a.mac)), na(mine, mine, lladdr(2, a.mac)), atBoth},
		{"fragmented NS", icmp6Fragmented(a, 135, nd(0, b.v6, lladdr(1, a.mac))), icmp6Fragmented(a, 128, make([]byte, 28)), atBoth},
		{"fragmented NA", icmp6Fragmented(a, 136, nd(0, a.v6, lladdr(2, a.mac))), icmp6Fragmented(a, 129, make([]byte, 28)), atBoth},
		{"NS behind an authentication header", eth(a.mac, allNodesM, 0x86dd, ipv6(a.v6, allNodes, 51, authenticated(58, icmp6(a.v6, allNodes, 135, 0, nd(0, b.v6, lladdr(1, other)))))),
			eth(a.mac, allNodesM, 0x86dd, ipv6(a.v6, allNodes, 51, authenticated(6, make([]byte, 20)))), atBoth},
	}
}

// cut removes bytes at a frame's end.
func cut(frame []byte, n int) []byte { return frame[:len(frame)-n] }

// icmp6Fragmented is the first fragment of an ICMPv6 message. It contains the whole message.
func icmp6Fragmented(g *guest, kind uint8, body []byte) []byte {
	return eth(g.mac, allNodesM, 0x86dd, ipv6Hops(g.v6, allNodes, 44, 64, fragment(58, 0, true, icmp6(g.v6, allNodes, kind, 0, body))))
}

func (st *stage) routerAttempts() []attempt {
	a := st.a
	ra := icmp6(a.ll, allNodes, 134, 0, make([]byte, 12))
	echo := icmp6(a.ll, allNodes, 128, 0, []byte("12345678"))
	wrap := func(next uint8, payload []byte) []byte {
		return eth(a.mac, allNodesM, 0x86dd, ipv6(a.ll, allNodes, next, payload))
	}
	v4 := func(payload []byte) []byte { return eth(a.mac, broadcast, 0x0800, ipv4(a.v4, all4, 1, payload)) }
	// Hosts send pings, fragmented or not, with hop limits that differ from those of ND and MLD.
	pieces := func(hops uint8, payload []byte) []byte {
		return eth(a.mac, allNodesM, 0x86dd, ipv6Hops(a.ll, allNodes, 44, hops, payload))
	}
	ping := pieces(64, fragment(58, 0, true, echo))
	return []attempt{
		{"router advertisement", wrap(58, ra), wrap(58, echo), atBoth},
		{"router advertisement behind destination options", wrap(60, extension(58, ra)), wrap(60, extension(58, echo)), atBoth},
		{"router advertisement behind hop-by-hop options", wrap(0, extension(58, ra)), wrap(0, extension(58, echo)), atBoth},
		{"router advertisement behind many extensions", wrap(60, extension(60, extension(60, extension(58, ra)))),
			wrap(60, extension(60, extension(60, extension(58, echo)))), atBoth},
		{"router advertisement in an atomic fragment", wrap(44, fragment(58, 0, false, ra)), wrap(44, fragment(58, 0, false, echo)), atBoth},
		{"router advertisement in a first fragment", wrap(44, fragment(58, 0, true, ra)), ping, atBoth},
		{"router advertisement in a first fragment, from another hop", pieces(64, fragment(58, 0, true, ra)), ping, atBoth},
		{"router advertisement behind options in a first fragment", wrap(44, fragment(60, 0, true, extension(58, ra))), ping, atBoth},
		{"first fragment with nothing behind its options", wrap(44, fragment(60, 0, true, extension(58, nil))), ping, atBoth},
		{"first fragment that ends inside its options", wrap(44, fragment(60, 0, true, []byte{58, 3, 1, 4, 0, 0, 0, 0})), ping, atBoth},
		// A second fragment may overwrite the echo request behind the options. What it writes there is valid only with these hop limits.
		{"echo behind options that a router advertisement may overlap", wrap(44, fragment(60, 0, true, extension(58, echo))), ping, atBoth},
		{"echo behind options that an MLD query may overlap", pieces(1, fragment(60, 0, true, extension(58, echo))), ping, atBoth},
		{"first fragment of nothing", wrap(44, fragment(58, 0, true, nil)), wrap(44, fragment(58, 3, false, echo)), atBoth},
		{"ICMPv6 cut off", wrap(58, ra[:3]), wrap(58, echo), atBoth},
		{"header chain that ends nowhere", wrap(60, []byte{58, 9, 1, 4, 0, 0, 0, 0}), wrap(58, echo), atBoth},
		{"redirect", wrap(58, icmp6(a.ll, allNodes, 137, 0, make([]byte, 36))), wrap(58, echo), atBoth},
		{"router solicitation", wrap(58, icmp6(a.ll, allNodes, 133, 0, make([]byte, 4))), wrap(58, echo), atBoth},
		{"MLD query", wrap(0, extension(58, icmp6(a.ll, allNodes, 130, 0, make([]byte, 20)))),
			wrap(0, extension(58, icmp6(a.ll, allNodes, 143, 0, make([]byte, 4)))), atBoth},
		{"router advertisement behind an authentication header", wrap(51, authenticated(58, ra)), wrap(51, authenticated(6, make([]byte, 20))), atBoth},
		{"multicast router advertisement", multicast(a, 151), multicast(a, 143), atBoth},
		{"multicast router solicitation", multicast(a, 152), multicast(a, 131), atBoth},
		{"multicast router termination", multicast(a, 153), multicast(a, 132), atBoth},
		{"IGMP query", grouped(a, 0x11, "224.0.0.1"), grouped(a, 0x22, "224.0.0.22"), atBoth},
		{"IGMP query to the guest", eth(a.mac, st.b.mac, 0x0800, igmp(0x11, a.v4, st.b.v4)), grouped(a, 0x16, "239.1.1.1"), atBoth},
		{"IGMP query in a fragment", eth(a.mac, object.MAC{1, 0, 0x5e, 1, 1, 1}, 0x0800, ipv4Frag(a.v4, netip.MustParseAddr("239.1.1.1"), 2, 0, true, make([]byte, 8))),
			grouped(a, 0x12, "239.1.1.1"), atBoth},
		{"multicast router advertisement, IPv4", grouped(a, 0x30, "224.0.0.106"), grouped(a, 0x16, "224.0.0.251"), atBoth},
		{"multicast router solicitation, IPv4", grouped(a, 0x31, "224.0.0.2"), grouped(a, 0x16, "239.1.1.2"), atBoth},
		{"multicast router termination, IPv4", grouped(a, 0x32, "224.0.0.106"), grouped(a, 0x12, "239.1.1.2"), atBoth},
		{"ICMP redirect", v4([]byte{5, 1, 0, 0, 0, 0, 0, 0}), v4([]byte{8, 0, 0, 0, 0, 0, 0, 1}), atBoth},
		{"ICMP router advertisement", v4([]byte{9, 0, 0, 0, 0, 0, 0, 0}), v4([]byte{8, 0, 0, 0, 0, 0, 0, 2}), atBoth},
	}
}

// multicast is a message of MLD or multicast router discovery.
func multicast(g *guest, kind uint8) []byte {
	return icmp6Hops(g.mac, g.ll, kind, 0, 1, make([]byte, 20))
}

// grouped is a message of IGMP or multicast router discovery to a group.
func grouped(g *guest, kind uint8, group string) []byte {
	to := netip.MustParseAddr(group)
	b := to.As4()
	return eth(g.mac, object.MAC{1, 0, 0x5e, b[1] & 0x7f, b[2], b[3]}, 0x0800, igmp(kind, g.v4, to))
}

func (st *stage) dhcpAttempts() []attempt {
	a, b := st.a, st.b
	data := make([]byte, 300)
	v4 := func(src, dst uint16) []byte {
		return eth(a.mac, broadcast, 0x0800, ipv4(a.v4, all4, 17, udp(src, dst, data)))
	}
	frag4 := func(payload []byte) []byte {
		return eth(a.mac, broadcast, 0x0800, ipv4Frag(a.v4, all4, 17, 0, true, payload))
	}
	v6 := func(src, dst uint16) []byte {
		return eth(a.mac, allNodesM, 0x86dd, ipv6(a.ll, allNodes, 17, udp(src, dst, data)))
	}
	frag6 := func(next uint8, payload []byte) []byte {
		return eth(a.mac, allNodesM, 0x86dd, ipv6(a.ll, allNodes, 44, fragment(next, 0, true, payload)))
	}
	return []attempt{
		{"DHCP server", v4(67, 68), v4(5067, 5068), atBoth},
		{"DHCP server from another port", v4(5000, 68), v4(5000, 5068), atBoth},
		{"DHCP client to another guest", eth(a.mac, b.mac, 0x0800, ipv4(a.v4, b.v4, 17, udp(68, 67, data))),
			eth(a.mac, b.mac, 0x0800, ipv4(a.v4, b.v4, 17, udp(68, 6767, data))), atPeer},
		{"DHCP client", v4(68, 67), v4(5068, 5067), atBoth},
		{"DHCP server, SNAP", snap(v4(67, 68)), v4(5067, 5069), atBoth},
		{"DHCP server, fragmented", frag4(udp(67, 68, data[:64])), frag4(udp(5067, 5068, data[:64])), atBoth},
		{"UDP header cut off in a first fragment", frag4(nil), frag4(udp(5067, 5068, data[:24])), atBoth},
		{"from the DHCP server's port", v4(67, 5000), v4(6767, 5000), atBoth},
		{"from the DHCPv6 server's port", v6(547, 5000), v6(5470, 5000), atBoth},
		{"to the DHCPv6 client's port", v6(5000, 546), v6(5000, 5460), atBoth},
		{"DHCPv6 server", v6(547, 546), v6(5547, 5546), atBoth},
		{"DHCPv6 client", v6(546, 547), v6(546, 5547), atBoth},
		{"DHCPv6 server, fragmented", frag6(17, udp(547, 546, data[:64])), frag6(17, udp(5547, 5546, data[:64])), atBoth},
		{"DHCPv6 server behind options, fragmented", frag6(60, extension(17, udp(547, 546, data[:64]))),
			frag6(17, udp(5547, 5546, data[:72])), atBoth},
		{"UDP header missing in a first fragment", frag6(60, extension(17, nil)), frag6(17, udp(5547, 5546, data[:24])), atBoth},
	}
}

func (st *stage) tagAttempts() []attempt {
	a := st.a
	plain := eth(a.mac, broadcast, 0x0800, ipv4(a.v4, all4, 17, udp(5000, 5001, []byte("tag"))))
	var list []attempt
	for _, tag := range []struct {
		name      string
		tpid, tci uint16
	}{{"802.1Q of the own network", 0x8100, vidRed}, {"802.1Q of another network", 0x8100, vidBlue}, {"priority tag", 0x8100, 0}, {"priority tag with priority", 0x8100, 0xe000},
		{"dead VLAN", 0x8100, 4095}, {"802.1ad", 0x88a8, vidRed}, {"802.1ad priority tag", 0x88a8, 0}} {
		list = append(list, attempt{tag.name, tagged(plain, tag.tpid, tag.tci), plain, atBoth},
			attempt{"double tag: " + tag.name, tagged(tagged(plain, 0x8100, vidRed), tag.tpid, tag.tci), plain, atBoth})
	}
	return append(list,
		attempt{"SNAP with a stolen address", snap(eth(a.mac, broadcast, 0x0800, ipv4(st.b.v4, all4, 17, udp(5000, 5001, []byte("tag"))))), plain, atBoth},
		attempt{"SNAP with a tag inside", snap(tagged(plain, 0x8100, vidRed)), plain, atBoth},
		attempt{"spanning tree", eth(a.mac, object.MAC{1, 0x80, 0xc2, 0, 0, 0}, 38, append([]byte{0x42, 0x42, 3}, make([]byte, 43)...)), plain, atBoth},
		attempt{"LLDP", eth(a.mac, object.MAC{1, 0x80, 0xc2, 0, 0, 14}, 0x88cc, make([]byte, 46)), plain, atBoth},
		attempt{"IPv4 to a reserved group", eth(a.mac, object.MAC{1, 0x80, 0xc2, 0, 0, 1}, 0x0800, plain[14:]), plain, atBoth},
		attempt{"MPLS", eth(a.mac, broadcast, 0x8847, make([]byte, 46)), plain, atBoth},
		attempt{"PPPoE discovery", eth(a.mac, broadcast, 0x8863, make([]byte, 46)), plain, atBoth},
	)
}

func (st *stage) reservedAttempts() []attempt {
	a, b := st.a, st.b
	good := eth(a.mac, b.mac, 0x86dd, ipv6(a.ll, b.v6, 17, udp(1, 2, nil)))
	return []attempt{
		{"source MAC of the server", eth(object.ServerMAC, b.mac, 0x0800, ipv4(a.v4, b.v4, 17, udp(1, 2, nil))), good, atPeer},
		{"link-local address of the server", eth(a.mac, b.mac, 0x86dd, ipv6(object.ServerLinkLocal, b.v6, 17, udp(1, 2, nil))), good, atPeer},
		{"link-local address of the gateway", eth(a.mac, b.mac, 0x86dd, ipv6(object.GatewayLinkLocal, b.v6, 17, udp(1, 2, nil))), good, atPeer},
		{"to the gateway's MAC without a router", eth(a.mac, object.GatewayMAC, 0x0800, ipv4(a.v4, b.v4, 17, udp(1, 2, nil))), good, atPeer},
		{"to the server", eth(a.mac, object.ServerMAC, 0x0800, ipv4(a.v4, b.v4, 17, udp(1, 2, nil))), good, atPeer},
		{"group address as source", eth(object.MAC{1, 2, 3, 4, 5, 6}, b.mac, 0x0800, ipv4(a.v4, b.v4, 17, udp(1, 2, nil))), good, atPeer},
	}
}
