//go:build integration

package attack

import (
	"context"
	"net/netip"
	"testing"
	"time"

	"weft/hostnet/object"
	"weft/integration/timescale"
)

// fromNetwork is what the physical network sends, and the legitimate frame nearest to it, which guest a gets.
type fromNetwork struct {
	name      string
	bad, good []byte // as on the wire
}

// remote is a guest of network red on another host.
var (
	remote   = object.MAC{0xfa, 0x16, 0x3e, 0, 1, 0xee}
	remote4  = netip.MustParseAddr("10.1.0.238")
	remoteLL = derived(remote)
)

func TestHostileNetwork(t *testing.T) {
	t.Parallel()
	st := newStage(t)
	for _, c := range st.fromNetwork() {
		ctx, cancel := context.WithTimeout(t.Context(), timescale.Bound(10*time.Second))
		end := closing(&guest{mac: remote, v4: remote4})
		for _, f := range [][]byte{c.bad, c.good, onWire(end)} {
			st.wire.send(t, f)
		}
		for _, g := range []*guest{st.a, st.b} {
			got, err := g.until(ctx, end)
			if err != nil {
				t.Fatalf("%s: %v", c.name, err)
			}
			// The attack may arrive untagged, or as it was.
			if holds(got, c.bad) || holds(got, untagged(c.bad)) {
				t.Errorf("%s: it arrived at guest %s", c.name, g.name)
			}
			if g == st.a && !holds(got, untagged(c.good)) {
				t.Errorf("%s: the legitimate frame did not arrive", c.name)
			}
		}
		cancel()
	}
	st.nobodyElseHeard(t)
	if got := st.wire.drain(); len(got) > 0 {
		t.Errorf("%d frames from the network went back to it, the first %x", len(got), got[0])
	}
}

// untagged takes the outer tag off.
func untagged(frame []byte) []byte {
	if len(frame) < 16 || frame[12] != 0x81 {
		return frame
	}
	return append(append([]byte{}, frame[:12]...), frame[16:]...)
}

func (st *stage) fromNetwork() []fromNetwork {
	a := st.a
	data := []byte("from elsewhere")
	serial := byte(0)
	to := func(src object.MAC, vid uint16) []byte {
		serial++ // no two are alike, whatever their tags
		return tagged(eth(src, a.mac, 0x0800, ipv4(remote4, a.v4, 17, udp(5000, 5001, append([]byte{serial}, data...)))), 0x8100, vid)
	}
	good := to(remote, vidRed)
	group := func(src netip.Addr, next uint8, payload []byte) []byte {
		return onWire(eth(remote, allNodesM, 0x86dd, ipv6(src, allNodes, next, payload)))
	}
	message := func(kind uint8, body []byte) []byte { return icmp6(remoteLL, allNodes, kind, 0, body) }
	udp4 := func(src, dst uint16) []byte {
		return onWire(eth(remote, broadcast, 0x0800, ipv4(remote4, all4, 17, udp(src, dst, data))))
	}
	udp6 := func(src, dst uint16) []byte { return group(remoteLL, 17, udp(src, dst, data)) }
	echo := group(remoteLL, 58, message(128, []byte("12345678")))
	server4 := netip.MustParseAddr("10.1.0.2")
	return []fromNetwork{
		{"untagged", untagged(to(remote, vidRed)), good},
		{"another VLAN", to(remote, 103), good},
		{"priority tag", to(remote, 0), good},
		{"a second tag", onWire(to(remote, vidRed)), good},
		{"a second tag, 802.1ad", onWire(tagged(untagged(to(remote, vidRed)), 0x88a8, vidRed)), good},
		{"from the server's MAC", to(object.ServerMAC, vidRed), good},
		{"from a local guest's MAC", to(st.b.mac, vidRed), good},
		{"from a group address", to(object.MAC{3, 0, 0, 0, 0, 1}, vidRed), good},
		{"to a MAC nobody has", onWire(eth(remote, object.MAC{2, 9, 9, 9, 9, 9}, 0x0800, untagged(good)[14:])), good},
		{"to a guest in standby", onWire(eth(remote, st.s.mac, 0x0800, untagged(good)[14:])), good},
		{"to a port nobody claimed", onWire(eth(remote, st.x.mac, 0x0800, untagged(good)[14:])), good},
		{"DHCP server", udp4(67, 68), udp4(5067, 5068)},
		{"DHCP client", udp4(68, 67), udp4(5068, 5067)},
		{"to the DHCP client's port", udp4(5000, 68), udp4(5000, 5068)},
		{"from the DHCP server's port", udp4(67, 5000), udp4(5067, 5000)},
		{"DHCP server, fragmented", onWire(eth(remote, broadcast, 0x0800, ipv4Frag(remote4, all4, 17, 0, true, udp(67, 68, make([]byte, 24))))),
			onWire(eth(remote, broadcast, 0x0800, ipv4Frag(remote4, all4, 17, 0, true, udp(5067, 5068, make([]byte, 24)))))},
		{"DHCPv6 server", udp6(547, 546), udp6(5547, 5546)},
		{"DHCPv6 client", udp6(546, 547), udp6(5546, 5547)},
		{"router advertisement", group(remoteLL, 58, message(134, make([]byte, 12))), echo},
		{"router advertisement in a first fragment", group(remoteLL, 44, fragment(58, 0, true, message(134, make([]byte, 12)))),
			group(remoteLL, 44, fragment(58, 0, true, message(128, make([]byte, 12))))},
		{"router solicitation", group(remoteLL, 58, message(133, make([]byte, 4))), echo},
		{"redirect", group(remoteLL, 58, message(137, make([]byte, 36))), echo},
		{"header chain that ends nowhere", group(remoteLL, 60, []byte{58, 9, 1, 4, 0, 0, 0, 0}), echo},
		{"from the server's link-local address", group(object.ServerLinkLocal, 58, message(128, make([]byte, 4))), echo},
		{"NA for the server", group(remoteLL, 58, message(136, nd(0x20, object.ServerLinkLocal, lladdr(2, remote)))),
			group(remoteLL, 58, message(136, nd(0x20, remoteLL, lladdr(2, remote))))},
		{"ARP for the DHCP server's address", onWire(arp(remote, 2, remote, server4, a.v4)), onWire(arp(remote, 2, remote, remote4, a.v4))},
		{"IPv4 from the DHCP server's address", onWire(eth(remote, a.mac, 0x0800, ipv4(server4, a.v4, 17, udp(5000, 5001, data)))), good},
		{"MPLS", onWire(eth(remote, broadcast, 0x8847, make([]byte, 46))), echo},
	}
}

// The switch polls its ports in turn: what was sent on one port before a frame on another is through when a second frame
// on the other, sent after the first arrived, arrives. That is why closing frames are sent twice below.

// A port nobody claimed and a port in standby say nothing to anybody; another network stays on its own VLAN.
func TestWhoIsMute(t *testing.T) {
	t.Parallel()
	st := newStage(t)
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
	got, err := st.wire.until(ctx, tagged(stray, 0x8100, vidBlue))
	if err != nil || len(got) != 2 {
		t.Fatalf("the wire heard %d frames, want two of network blue: %v", len(got), err)
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
		t.Errorf("network blue on the wire: %x and %x, want VLAN %d", got[0], got[1], vidBlue)
	}
}

// What becomes active speaks at once, what goes to standby is mute at once.
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
