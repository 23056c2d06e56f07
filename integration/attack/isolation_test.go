//go:build integration

package attack

import (
	"context"
	"net/netip"
	"slices"
	"testing"

	"weft/hostnet/object"
	"weft/model"
)

// otherRouter is the router of another host. Its MAC begins as those of guests do.
var otherRouter = object.MAC{0xfa, 0x16, 0x3e, 0xff, 0, 2}

// isolated makes network red isolate its guests. It has a router here and on another host.
func (r *routedStage) isolated(t *testing.T) *routedStage {
	t.Helper()
	red := r.config.Network(netRed)
	red.IsolateGuests, red.RouterMACs = true, []model.MAC{model.MAC(routerMAC), model.MAC(otherRouter)}
	r.converge(t)
	return r
}

// isolatedSegment is network red, whose guests hear the wire and the router, and not each other.
func (r *routedStage) isolatedSegment() segment {
	closingOf := func(from *tap) ([]byte, map[*tap][]byte) {
		switch from {
		case r.iface:
			return r.closingOf(from)
		case r.uplink:
			f := closing(&machine)
			return onUplink(f), map[*tap][]byte{r.a.tap: f, r.b.tap: f}
		}
		g := r.a
		if from == r.b.tap {
			g = r.b
		}
		f := closing(g)
		return f, map[*tap][]byte{r.uplink: onUplink(f)}
	}
	return segment{taps: []*tap{r.a.tap, r.b.tap, r.iface, r.uplink}, closing: closingOf, answers: r.answers}
}

// kinds are frames of every kind that a guest may send, to one MAC and to groups.
func kinds(from *guest, to object.MAC, to4, to6 netip.Addr) (one, group map[string][]byte) {
	v6 := func(dst object.MAC, d netip.Addr) []byte {
		return eth(from.mac, dst, 0x86dd, ipv6(from.v6, d, 17, udp(5000, 5001, []byte("isolated"))))
	}
	v4 := func(dst object.MAC, d netip.Addr) []byte {
		return eth(from.mac, dst, 0x0800, ipv4(from.v4, d, 17, udp(5000, 5001, []byte("isolated"))))
	}
	to1 := func(f []byte) []byte { return append(slices.Concat(to[:], from.mac[:]), f[12:]...) }
	ask, tell := nd(0, to6, lladdr(1, from.mac)), nd(0x20, from.v6, lladdr(2, from.mac))
	one = map[string][]byte{
		"IPv4": v4(to, to4), "IPv6": v6(to, to6),
		"ARP request": to1(arp(from.mac, 1, from.mac, from.v4, to4)), "ARP reply": to1(arp(from.mac, 2, from.mac, from.v4, to4)),
		"NS": to1(icmp6Frame(from.mac, from.v6, 135, 0, ask)), "NA": to1(icmp6Frame(from.mac, from.v6, 136, 0, tell)),
	}
	group = map[string][]byte{
		"broadcast": v4(broadcast, all4), "IPv4 multicast": v4(object.MAC{1, 0, 0x5e, 1, 2, 3}, netip.MustParseAddr("239.1.2.3")),
		"IPv6 multicast": v6(allNodesM, allNodes), "ARP request": arp(from.mac, 1, from.mac, from.v4, to4),
		"ARP announcement": arp(from.mac, 1, from.mac, from.v4, from.v4), "NS": icmp6Frame(from.mac, from.v6, 135, 0, ask),
		"NA": icmp6Frame(from.mac, from.v6, 136, 0, tell),
	}
	return one, group
}

// isolationCrossings: frames between guests, on this host in both directions and from other hosts, beside the same frames from and to
// machines and routers.
func (r *routedStage) isolationCrossings() (list []crossing) {
	a, b := r.a, r.b
	add := func(name string, from *tap, bad, good []byte, heard map[*tap][]byte) {
		list = append(list, crossing{name, from, bad, good, heard})
	}
	for _, way := range []struct{ from, to *guest }{{a, b}, {b, a}} {
		bad, groups := kinds(way.from, way.to.mac, way.to.v4, way.to.v6)
		good, _ := kinds(way.from, machine.mac, machine.v4, machine.v6)
		for name := range bad {
			add(way.from.name+" to "+way.to.name+": "+name, way.from.tap, bad[name], good[name], map[*tap][]byte{r.uplink: onUplink(good[name])})
		}
		for name, f := range groups {
			add(way.from.name+" to all: "+name, way.from.tap, nil, f, map[*tap][]byte{r.uplink: onUplink(f)})
		}
	}
	wire := machine
	good, goodGroups := kinds(&wire, a.mac, a.v4, a.v6)
	for _, mac := range []object.MAC{remote, {chosen[0], chosen[1], chosen[2], 0, 1, 0xee}} {
		other := guest{mac: mac, v4: remote4, v6: netip.MustParseAddr("fd00:1::ee")}
		bad, badGroups := kinds(&other, a.mac, a.v4, a.v6)
		for name := range bad {
			add(mac.String()+" on another host to a: "+name, r.uplink, onUplink(bad[name]), onUplink(good[name]), map[*tap][]byte{a.tap: good[name]})
		}
		for name := range badGroups {
			f := goodGroups[name]
			add(mac.String()+" on another host to all: "+name, r.uplink, onUplink(badGroups[name]), onUplink(f), map[*tap][]byte{a.tap: f, b.tap: f})
		}
	}
	routed := func(mac object.MAC) []byte {
		return eth(mac, a.mac, 0x0800, ipv4(netip.MustParseAddr("10.2.0.30"), a.v4, 17, udp(5000, 5001, []byte("routed"))))
	}
	near := object.MAC{0xfa, 0x16, 0x3e, 0xff, 0, 3}
	add("another host's router", r.uplink, onUplink(routed(near)), onUplink(routed(otherRouter)), map[*tap][]byte{a.tap: routed(otherRouter)})
	add("this host's router", r.iface, nil, routed(object.GatewayMAC), map[*tap][]byte{a.tap: routed(object.GatewayMAC)})
	out := eth(a.mac, object.GatewayMAC, 0x0800, ipv4(a.v4, netip.MustParseAddr("10.2.0.30"), 17, udp(5000, 5001, []byte("out"))))
	add("to this host's router", a.tap, nil, out, map[*tap][]byte{r.iface: out})
	return list
}

// TestIsolatedGuests: guests of a network that isolates them do not hear each other, whatever they send.
func TestIsolatedGuests(t *testing.T) {
	t.Parallel()
	newRoutedStage(t).isolated(t).isolationHolds(t)
}

func (r *routedStage) isolationHolds(t *testing.T) {
	t.Helper()
	r.isolatedSegment().judge(t, r.isolationCrossings())
	r.nobodyElseHeard(t)
}

// For each rule of isolation: without it, some frame arrives where it must not, or does not arrive where it should.
func TestEveryIsolationRuleIsNeeded(t *testing.T) {
	t.Parallel()
	r := newRoutedStage(t).isolated(t)
	all, _ := r.compile(t)
	red, tried := r.config.Network(netRed), 0
	for i, o := range all {
		set, ok := o.(*object.FlowSet)
		if !ok {
			continue
		}
		for j, f := range set.Flows {
			const isolatedBit = 1 << 2
			own := f.Table == 29 && f.Match.EthSrc.Value != object.MAC(red.RouterMACs[0]) // the host's own router does not come from the wire
			if f.Priority == 0 || !own && f.Match.Reg4.Mask != isolatedBit || set.OwnerUID == portUID("c") {
				continue
			}
			without := *set
			without.Flows = slices.Delete(slices.Clone(set.Flows), j, j+1)
			r.apply(t, append(slices.Delete(slices.Clone(all), i, i+1), &without))
			tried++
			if !slices.ContainsFunc(r.isolationCrossings(), func(c crossing) bool { return len(r.isolatedSegment().faults(t, c)) > 0 }) {
				t.Errorf("without %s nothing is different", f)
			}
		}
	}
	if tried < 6 {
		t.Errorf("only %d rules were tried", tried)
	}
}

// isolatedOutside is network blue as an external network that isolates its guests.
func (x *externalStage) isolatedOutside(t *testing.T) *externalStage {
	t.Helper()
	x.config.Network(netBlue).IsolateGuests = true
	x.converge(t)
	return x
}

// isolatedSegment is network blue. Guests on other hosts reach this host's gateway there, but no guest.
func (x *externalStage) isolatedSegment() segment {
	outside := guest{mac: machine.mac, v4: stranger.v4, v6: stranger.v6}
	return segment{taps: []*tap{x.c.tap, x.gateway, x.uplink}, closing: func(from *tap) ([]byte, map[*tap][]byte) {
		if from == x.uplink {
			f := closing(&outside)
			return onBlue(f), map[*tap][]byte{x.c.tap: f, x.gateway: f}
		}
		f := closing(x.c)
		return f, map[*tap][]byte{x.gateway: f, x.uplink: onBlue(f)}
	}, answers: func(*testing.T, context.Context) []string { return nil }}
}

// toGatewayOnly: what a guest on another host sends reaches the gateway, and nothing of it the guest here.
func (x *externalStage) toGatewayOnly() (list []crossing) {
	one, groups := kinds(&stranger, routerMAC, outside4, outside6)
	guests, _ := kinds(&stranger, x.c.mac, x.c.v4, x.c.v6)
	for name, f := range groups {
		list = append(list, crossing{"to all: " + name, x.uplink, nil, onBlue(f), map[*tap][]byte{x.gateway: f}})
	}
	for name, f := range one {
		list = append(list, crossing{"to the gateway: " + name, x.uplink, onBlue(guests[name]), onBlue(f), map[*tap][]byte{x.gateway: f}})
	}
	return list
}

// TestIsolatedGuestsReachGateways: also those on other hosts.
func TestIsolatedGuestsReachGateways(t *testing.T) {
	t.Parallel()
	x := newStage(t).external(t).isolatedOutside(t)
	x.isolatedSegment().judge(t, x.toGatewayOnly())
}
