//go:build integration

package attack

import (
	"context"
	"net/netip"
	"slices"
	"testing"
	"time"

	"weft/hostnet/object"
	"weft/integration/timescale"
)

// fromNetwork is an attack from the physical network, and the most similar legitimate frame, which guest a receives.
type fromNetwork struct {
	name      string
	bad, good []byte // as on the uplink
}

// chosen is a MAC with the prefix that the controllers are configured with.
var chosen = object.MAC{0x52, 0x54, 0x01}

// remote is a guest of network red on another host.
var (
	remote   = object.MAC{0xfa, 0x16, 0x3e, 0, 1, 0xee}
	remote4  = netip.MustParseAddr("10.1.0.238")
	remoteLL = derived(remote)
)

func TestHostileNetwork(t *testing.T) {
	t.Parallel()
	newStage(t).networkAttacks(t)
}

// networkAttacks sends every attack from the network and its legitimate frame, and checks what the guests receive.
func (st *stage) networkAttacks(t *testing.T, more ...fromNetwork) {
	t.Helper()
	for _, c := range append(st.fromNetwork(), more...) {
		ctx, cancel := context.WithTimeout(t.Context(), timescale.Bound(10*time.Second))
		end := closing(&guest{mac: remote, v4: remote4})
		for _, f := range [][]byte{c.bad, c.good, onUplink(end)} {
			st.uplink.send(t, f)
		}
		for _, g := range []*guest{st.a, st.b} {
			got, err := g.until(ctx, end)
			if err != nil {
				t.Fatalf("%s: %v", c.name, err)
			}
			// The attack might arrive unchanged, or without some or all of its tags.
			for attack, last := c.bad, []byte(nil); len(attack) != len(last); attack, last = untagged(attack), attack {
				if holds(got, attack) {
					t.Errorf("%s: it arrived at guest %s", c.name, g.name)
				}
			}
			if g == st.a && !holds(got, untagged(c.good)) {
				t.Errorf("%s: the legitimate frame did not arrive", c.name)
			}
		}
		cancel()
	}
	st.nobodyElseHeard(t)
	if got := st.uplink.drain(); len(got) > 0 {
		t.Errorf("%d frames from the network went back to it, the first %x", len(got), got[0])
	}
}

// untagged removes the outer tag.
func untagged(frame []byte) []byte {
	if len(frame) < 16 || frame[12] != 0x81 && frame[12] != 0x88 || frame[13] != 0 && frame[13] != 0xa8 {
		return frame
	}
	return append(append([]byte{}, frame[:12]...), frame[16:]...)
}

func (st *stage) fromNetwork() []fromNetwork {
	a := st.a
	data := []byte("from elsewhere")
	serial := byte(0)
	to := func(src object.MAC, vid uint16) []byte {
		serial++ // no two frames are equal, with any tags
		return tagged(eth(src, a.mac, 0x0800, ipv4(remote4, a.v4, 17, udp(5000, 5001, append([]byte{serial}, data...)))), 0x8100, vid)
	}
	good := to(remote, vidRed)
	group := func(src netip.Addr, next uint8, payload []byte) []byte {
		return onUplink(eth(remote, allNodesM, 0x86dd, ipv6(src, allNodes, next, payload)))
	}
	message := func(kind uint8, body []byte) []byte { return icmp6(remoteLL, allNodes, kind, 0, body) }
	udp4 := func(src, dst uint16) []byte {
		return onUplink(eth(remote, broadcast, 0x0800, ipv4(remote4, all4, 17, udp(src, dst, data))))
	}
	udp6 := func(src, dst uint16) []byte { return group(remoteLL, 17, udp(src, dst, data)) }
	echo := group(remoteLL, 58, message(128, []byte("12345678")))
	pieces := func(next uint8, payload []byte) []byte {
		return onUplink(eth(remote, allNodesM, 0x86dd, ipv6Hops(remoteLL, allNodes, 44, 64, fragment(next, 0, true, payload))))
	}
	return slices.Concat(st.arpFromNetwork(), st.neighborsFromNetwork(), st.metadataFromNetwork(), []fromNetwork{
		{"untagged", untagged(to(remote, vidRed)), good},
		{"another VLAN", to(remote, 103), good},
		{"priority tag", to(remote, 0), good},
		{"priority tag before the network's", tagged(to(remote, vidRed), 0x8100, 0), good},
		{"priority tag with a priority before the network's", tagged(to(remote, vidRed), 0x8100, 0xa000), good},
		{"priority tag of 802.1ad before the network's", tagged(to(remote, vidRed), 0x88a8, 0), good},
		{"802.1ad with the network's id", tagged(untagged(to(remote, vidRed)), 0x88a8, vidRed), good},
		{"802.1ad with the network's id and a priority", tagged(untagged(to(remote, vidRed)), 0x88a8, 0xa000|vidRed), good},
		{"802.1ad with the network's id before the network's tag", tagged(to(remote, vidRed), 0x88a8, vidRed), good},
		{"a second tag", onUplink(to(remote, vidRed)), good},
		{"a second tag, 802.1ad", onUplink(tagged(untagged(to(remote, vidRed)), 0x88a8, vidRed)), good},
		{"from the server's MAC", to(object.ServerMAC, vidRed), good},
		{"from a local guest's MAC", to(st.b.mac, vidRed), good},
		{"from a group address", to(object.MAC{3, 0, 0, 0, 0, 1}, vidRed), good},
		{"to a MAC nobody has", onUplink(eth(remote, object.MAC{2, 9, 9, 9, 9, 9}, 0x0800, untagged(good)[14:])), good},
		{"to a guest in standby", onUplink(eth(remote, st.s.mac, 0x0800, untagged(good)[14:])), good},
		{"to a port nobody claimed", onUplink(eth(remote, st.x.mac, 0x0800, untagged(good)[14:])), good},
		{"DHCP server", udp4(67, 68), udp4(5067, 5068)},
		{"DHCP client", udp4(68, 67), udp4(5068, 5067)},
		{"to the DHCP client's port", udp4(5000, 68), udp4(5000, 5068)},
		{"from the DHCP server's port", udp4(67, 5000), udp4(5067, 5000)},
		{"DHCP server, fragmented", onUplink(eth(remote, broadcast, 0x0800, ipv4Frag(remote4, all4, 17, 0, true, udp(67, 68, make([]byte, 24))))),
			onUplink(eth(remote, broadcast, 0x0800, ipv4Frag(remote4, all4, 17, 0, true, udp(5067, 5068, make([]byte, 24)))))},
		{"DHCPv6 server", udp6(547, 546), udp6(5547, 5546)},
		{"DHCPv6 client", udp6(546, 547), udp6(5546, 5547)},
		{"router advertisement", group(remoteLL, 58, message(134, make([]byte, 12))), echo},
		{"router advertisement in a first fragment", group(remoteLL, 44, fragment(58, 0, true, message(134, make([]byte, 12)))), pieces(58, message(128, make([]byte, 12)))},
		{"echo behind options that a router advertisement may overlap", group(remoteLL, 44, fragment(60, 0, true, extension(58, message(128, make([]byte, 12))))),
			pieces(58, message(128, make([]byte, 14)))},
		{"router advertisement behind an authentication header", group(remoteLL, 51, authenticated(58, message(134, make([]byte, 12)))),
			group(remoteLL, 51, authenticated(6, make([]byte, 20)))},
		{"router solicitation", group(remoteLL, 58, message(133, make([]byte, 4))), echo},
		{"redirect", group(remoteLL, 58, message(137, make([]byte, 36))), echo},
		{"header chain that ends nowhere", group(remoteLL, 60, []byte{58, 9, 1, 4, 0, 0, 0, 0}), echo},
		{"from the server's link-local address", group(object.ServerLinkLocal, 58, message(128, make([]byte, 4))), echo},
		{"NA for the server", group(remoteLL, 58, message(136, nd(0x20, object.ServerLinkLocal, lladdr(2, remote)))),
			group(remoteLL, 58, message(136, nd(0x20, remoteLL, lladdr(2, remote))))},
		{"IPv4 from the DHCP server's address", onUplink(eth(remote, a.mac, 0x0800, ipv4(serverIPv4, a.v4, 17, udp(5000, 5001, data)))), good},
		{"MPLS", onUplink(eth(remote, broadcast, 0x8847, make([]byte, 46))), echo},
	})
}

// serverIPv4 is the DHCP server of network red.
var serverIPv4 = netip.MustParseAddr("10.1.0.2")

// arpFromNetwork: only ARP for IPv4 over Ethernet passes, and only requests and replies. Other ARP could hide whose address it uses.
func (st *stage) arpFromNetwork() []fromNetwork {
	claim := arp(remote, 1, remote, serverIPv4, st.a.v4)
	good := arp(remote, 1, remote, remote4, st.a.v4)
	list := []fromNetwork{
		{"ARP for the DHCP server's address", onUplink(arp(remote, 2, remote, serverIPv4, st.a.v4)), onUplink(arp(remote, 2, remote, remote4, st.a.v4))},
		{"gratuitous ARP for the DHCP server's address", onUplink(arp(remote, 1, remote, serverIPv4, serverIPv4)), onUplink(arp(remote, 1, remote, remote4, remote4))},
		{"who has the DHCP server's address", onUplink(arp(remote, 1, remote, remote4, serverIPv4)), onUplink(good)},
		{"ARP with the opcode of InARP", onUplink(arp(remote, 8, remote, remote4, st.a.v4)), onUplink(good)},
		{"ARP with an opcode beyond a byte", onUplink(arp(remote, 0x101, remote, remote4, st.a.v4)), onUplink(good)},
		{"ARP cut off", onUplink(cut(arp(remote, 1, remote, serverIPv4, st.b.v4), 6)), onUplink(good)},
		{"RARP", onUplink(eth(remote, broadcast, 0x8035, good[14:])), onUplink(good)},
	}
	for name, f := range map[string][]byte{
		"hardware type of IEEE 802":        arpOf(claim, 6, 0x0800, 6, 4),
		"hardware type of nothing":         arpOf(claim, 0, 0x0800, 6, 4),
		"protocol type of IPv6":            arpOf(claim, 1, 0x86dd, 6, 4),
		"protocol type beyond":             arpOf(claim, 1, 0x1000, 6, 4),
		"hardware addresses of other size": arpOf(claim, 1, 0x0800, 8, 4),
		"hardware addresses of no size":    arpOf(claim, 1, 0x0800, 0, 4),
		"protocol addresses of other size": arpOf(claim, 1, 0x0800, 6, 16),
	} {
		list = append(list, fromNetwork{"ARP with a " + name, onUplink(f), onUplink(good)})
	}
	return list
}

// neighborsFromNetwork: neighbor discovery that cannot be parsed to its end, and neighbor discovery that uses the server's address.
func (st *stage) neighborsFromNetwork() []fromNetwork {
	target := netip.MustParseAddr("fd00:1::ee")
	message := func(src netip.Addr, kind, code, hops uint8, target netip.Addr, options ...[]byte) []byte {
		return onUplink(icmp6Hops(remote, src, kind, code, hops, nd(0x20, target, options...)))
	}
	na := func(target netip.Addr, options ...[]byte) []byte {
		return message(remoteLL, 136, 0, 255, target, options...)
	}
	ns := func(src, target netip.Addr, options ...[]byte) []byte {
		return message(src, 135, 0, 255, target, options...)
	}
	tll, sll := lladdr(2, remote), lladdr(1, remote)
	unknown := option(200, 1, remote[:]...)
	naBare, naGood := na(target), na(target, tll)
	nsBare, nsGood, nsNonce, dad, dadNonce := ns(remoteLL, st.a.v6), ns(remoteLL, st.a.v6, sll), ns(remoteLL, st.a.v6, sll, nonce()), ns(any6, target), ns(any6, target, nonce())
	server, gateway := object.ServerLinkLocal, object.GatewayLinkLocal
	return []fromNetwork{
		{"NA for the server, unsolicited", na(server, tll), naGood},
		{"NA for the server, without option", na(server), naBare},
		{"NA for the gateway", na(gateway, tll), naGood},
		{"NA for the server, option doubled", na(server, tll, tll), naGood},
		{"NA for the gateway, option doubled", na(gateway, tll, tll), naGood},
		{"NA with its option doubled", na(target, tll, tll), naGood},
		{"NA with an unknown option", na(target, unknown), naBare},
		{"NA with an unknown option behind", na(target, tll, unknown), naGood},
		{"NA with a long target option", na(target, option(2, 2, make([]byte, 14)...)), naBare},
		{"NA with an option without length", na(target, option(2, 0, remote[:]...)), naBare},
		{"NA with a code", message(remoteLL, 136, 1, 255, target, tll), naGood},
		{"NA for the server with a code", message(remoteLL, 136, 1, 255, server, tll), naGood},
		{"NA from another hop", message(remoteLL, 136, 0, 64, target, tll), naGood},
		{"NA cut off", onUplink(icmp6Frame(remote, remoteLL, 136, 0, make([]byte, 8))), naBare},
		{"NA behind an authentication header", onUplink(eth(remote, allNodesM, 0x86dd, ipv6(remoteLL, allNodes, 51, authenticated(58, icmp6(remoteLL, allNodes, 136, 0, nd(0x20, server, tll)))))), naGood},
		{"NA behind options", onUplink(eth(remote, allNodesM, 0x86dd, ipv6(remoteLL, allNodes, 60, extension(58, icmp6(remoteLL, allNodes, 136, 0, nd(0x20, server, tll)))))), naGood},
		{"NS for the server", ns(remoteLL, server, sll), nsGood},
		{"NS for the gateway without a router", ns(remoteLL, gateway, sll), nsGood},
		{"NS of the server", ns(server, st.a.v6, sll), nsGood},
		{"NS of the gateway", ns(gateway, st.a.v6, sll), nsGood},
		{"DAD for the server", ns(any6, server), dad},
		{"DAD for the server with a nonce", ns(any6, server, nonce()), dadNonce},
		{"DAD for the gateway", ns(any6, gateway), dad},
		{"NS of the server, option doubled", ns(server, st.a.v6, sll, sll), nsNonce},
		{"NS with its option doubled", ns(remoteLL, st.a.v6, sll, sll), nsNonce},
		{"NS with an unknown option alone", ns(remoteLL, st.a.v6, unknown), nsBare},
		{"NS with three options", ns(remoteLL, st.a.v6, sll, nonce(), nonce()), nsGood},
		{"NS with an option without length", ns(remoteLL, st.a.v6, option(1, 0, remote[:]...)), nsBare},
		{"NS with a code", message(remoteLL, 135, 1, 255, st.a.v6, sll), nsGood},
		{"NS from another hop", message(remoteLL, 135, 0, 254, st.a.v6, sll), nsGood},
		{"DAD with a link-layer address", ns(any6, target, sll), dad},
		{"DAD with two options", ns(any6, target, nonce(), nonce()), dadNonce},
		{"DAD of a length that is not there", cut(ns(any6, netip.MustParseAddr("fd00:1::ef")), 4), dad},
	}
}

// The switch polls its ports in turn. Suppose that one port sends a frame, and then another port sends a closing frame. When the closing
// frame has arrived, a second one is sent. When the second has arrived, the switch has handled the first port's frame too. Therefore
// closing frames are sent twice below.

// Nobody receives frames from a port without intent or from a standby port. Another network stays on its own VLAN.
func TestWhoIsMute(t *testing.T) {
	t.Parallel()
	newStage(t).whoIsMute(t)
}

func (st *stage) whoIsMute(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), timescale.Bound(10*time.Second))
	defer cancel()
	for _, g := range []*guest{st.x, st.s} {
		g.send(t, arp(g.mac, 1, g.mac, g.v4, st.a.v4))
		g.send(t, eth(g.mac, st.a.mac, 0x0800, ipv4(g.v4, st.a.v4, 17, udp(1, 2, nil))))
	}
	blue := arp(st.c.mac, 1, st.c.mac, st.c.v4, st.a.v4)
	st.c.send(t, blue)
	stray := eth(st.c.mac, st.a.mac, 0x0800, ipv4(st.c.v4, st.a.v4, 17, udp(1, 2, nil)))
	st.c.send(t, stray)
	got, err := st.uplink.until(ctx, tagged(stray, 0x8100, vidBlue))
	if err != nil || len(got) != 2 {
		t.Fatalf("the uplink heard %d frames, want two of network blue: %v", len(got), err)
	}
	for range 2 {
		end := closing(st.a)
		st.a.send(t, end)
		if heard, err := st.b.until(ctx, end); err != nil || len(heard) != 1 {
			t.Errorf("guest b heard %d frames, want the closing one only: %v", len(heard), err)
		}
	}
	if heard := st.a.drain(); len(heard) > 0 {
		t.Errorf("guest a heard %d frames, the first %x", len(heard), heard[0])
	}
	if !contains(got[0], tagged(blue, 0x8100, vidBlue)) || !contains(got[1], tagged(stray, 0x8100, vidBlue)) {
		t.Errorf("network blue on the uplink: %x and %x, want VLAN %d", got[0], got[1], vidBlue)
	}
}

// A port that becomes active can send at once. A port that goes to standby can send nothing at once.
func TestStandbyBecomesActive(t *testing.T) {
	t.Parallel()
	st := newStage(t)
	ctx, cancel := context.WithTimeout(t.Context(), timescale.Bound(10*time.Second))
	defer cancel()
	st.port(st.s).State, st.port(st.b).State = "active", "standby"
	st.converge(t)
	from, stays := arp(st.s.mac, 1, st.s.mac, st.s.v4, st.a.v4), arp(st.b.mac, 1, st.b.mac, st.b.v4, st.a.v4)
	st.b.send(t, stays)
	for range 2 {
		st.s.send(t, from)
		if got, err := st.a.until(ctx, from); err != nil || holds(got, stays) {
			t.Errorf("of the port that became active: %v; of the one that went to standby: arrived %v", err, holds(got, stays))
		}
	}
	end := closing(st.a)
	st.a.send(t, end)
	if _, err := st.s.until(ctx, end); err != nil {
		t.Error(err)
	}
	if got := st.b.drain(); len(got) > 0 {
		t.Errorf("the port in standby heard %x", got[0])
	}
}
