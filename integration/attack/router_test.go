//go:build integration

package attack

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"weft/hostnet/object"
	"weft/integration/timescale"
	"weft/model"
	"weft/model/desired"
	"weft/reconcile/compile"
)

const routerUID = "50000000-0000-4000-8000-000000000005"

var (
	gateway4  = netip.MustParseAddr("10.1.0.1")
	gateway6  = netip.MustParseAddr("fd00:1::1")
	routerMAC = object.MAC{0xfa, 0x16, 0x3e, 0xff, 0, 1}
)

// routedStage is a stage with a router on network red, whose leg's inner end is a tap.
type routedStage struct {
	*stage
	leg *tap
}

func newRoutedStage(t *testing.T) *routedStage {
	t.Helper()
	return newStage(t).routed(t)
}

// routed adds the router to a stage.
func (st *stage) routed(t *testing.T) *routedStage {
	t.Helper()
	st.slice.Host.RouterMAC = model.MAC(routerMAC)
	st.slice.Routers = map[string]*desired.Router{routerUID: {UID: routerUID, Project: "alpha", Name: "way", Legs: []desired.RouterLeg{
		{Network: netRed, Addresses: []netip.Prefix{netip.PrefixFrom(gateway4, 24), netip.PrefixFrom(gateway6, 64)}}}}}
	leg := openTap(t, st.plug(t, compile.LegDevice(routerUID, netRed)), "eth0")
	leg.name = "leg"
	st.converge(t)
	return &routedStage{st, leg}
}

// crossing is one frame, who sends it and who may hear it, in which form.
type crossing struct {
	name  string
	from  *tap
	frame []byte
	heard map[*tap][]byte
}

// closingOf is a frame that tells that all the tap sent before has been dealt with, and the taps that hear it, in which form.
func (r *routedStage) closingOf(from *tap) (sent []byte, heard map[*tap][]byte) {
	switch from {
	case r.leg:
		f := eth(object.GatewayMAC, r.b.mac, 0x0800, ipv4(remote4, r.b.v4, 17, udp(9, 9, fmt.Appendf(nil, "end %d", serial.Add(1)))))
		return f, map[*tap][]byte{r.b.tap: f}
	case r.wire:
		f := closing(&guest{mac: remote, v4: remote4})
		return onWire(f), map[*tap][]byte{r.a.tap: f, r.b.tap: f}
	}
	f := closing(r.a)
	return f, map[*tap][]byte{r.b.tap: f, r.wire: onWire(f)}
}

// faults sends the frame and says who heard what they should not, or did not hear what they should.
func (r *routedStage) faults(t *testing.T, c crossing) (faults []string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), timescale.Bound(10*time.Second))
	defer cancel()
	c.from.send(t, c.frame)
	heard := map[*tap][][]byte{}
	for range 2 { // the second leaves when the switch is through with all that came with the first
		sent, ends := r.closingOf(c.from)
		c.from.send(t, sent)
		for tap, end := range ends {
			got, err := tap.until(ctx, end)
			if err != nil {
				return []string{err.Error()}
			}
			heard[tap] = append(heard[tap], slices.DeleteFunc(got, func(f []byte) bool { return contains(f, end) })...)
		}
	}
	for _, tap := range []*tap{r.a.tap, r.b.tap, r.leg, r.wire} {
		heard[tap] = append(heard[tap], tap.drain()...)
	}
	for tap, frames := range heard {
		want := c.heard[tap]
		if want != nil && !holds(frames, want) { // on its way still, from a processor to another
			patience, done := context.WithTimeout(ctx, timescale.Bound(time.Second))
			late, _ := tap.until(patience, want)
			done()
			frames = append(frames, late...)
		}
		switch {
		case want != nil && !holds(frames, want):
			faults = append(faults, fmt.Sprintf("%s did not hear it as %x", tap.name, want))
		case want == nil && len(frames) > 0:
			faults = append(faults, fmt.Sprintf("%s heard %x", tap.name, frames[0]))
		}
	}
	return faults
}

func (r *routedStage) crossings() []crossing {
	return slices.Concat(r.fromGuest(), r.fromLeg(), r.fromWire())
}

// fromGuest: what a guest says to the gateway reaches the leg alone, and what it says as the gateway nobody.
func (r *routedStage) fromGuest() []crossing {
	a := r.a
	to := func(t *tap, f []byte) map[*tap][]byte { return map[*tap][]byte{t: f} }
	data := ipv4(a.v4, netip.MustParseAddr("198.51.100.7"), 17, udp(5000, 5001, []byte("out")))
	ns := func(target netip.Addr) []byte {
		return icmp6Frame(a.mac, a.v6, 135, 0, nd(0, target, lladdr(1, a.mac)))
	}
	na := func(mac object.MAC, target netip.Addr) []byte {
		return icmp6Frame(a.mac, a.v6, 136, 0, nd(0x20, target, lladdr(2, mac)))
	}
	var list []crossing
	for name, f := range map[string][]byte{
		"to the gateway":                      eth(a.mac, object.GatewayMAC, 0x0800, data),
		"who has the gateway":                 arp(a.mac, 1, a.mac, a.v4, gateway4),
		"who has the gateway, IPv6":           ns(gateway6),
		"who has the gateway's link-local":    ns(object.GatewayLinkLocal),
		"echo to the gateway's own addresses": eth(a.mac, object.GatewayMAC, 0x0800, ipv4(a.v4, gateway4, 1, []byte{8, 0, 0, 0, 0, 1, 0, 1})),
	} {
		list = append(list, crossing{name, a.tap, f, to(r.leg, f)})
	}
	for name, f := range map[string][]byte{
		"from the gateway's MAC":             eth(object.GatewayMAC, r.b.mac, 0x0800, ipv4(a.v4, r.b.v4, 17, udp(1, 2, nil))),
		"from the gateway's address":         eth(a.mac, r.b.mac, 0x0800, ipv4(gateway4, r.b.v4, 17, udp(1, 2, nil))),
		"from the gateway's address, IPv6":   eth(a.mac, r.b.mac, 0x86dd, ipv6(gateway6, r.b.v6, 17, udp(1, 2, nil))),
		"from the gateway's link-local":      eth(a.mac, r.b.mac, 0x86dd, ipv6(object.GatewayLinkLocal, r.b.v6, 17, udp(1, 2, nil))),
		"DAD for the gateway's link-local":   icmp6Frame(a.mac, any6, 135, 0, nd(0, object.GatewayLinkLocal)),
		"DAD for the gateway's address":      icmp6Frame(a.mac, any6, 135, 0, nd(0, gateway6)),
		"ARP as the gateway":                 arp(a.mac, 2, a.mac, gateway4, r.b.v4),
		"ARP as the gateway with its MAC":    arp(a.mac, 2, object.GatewayMAC, gateway4, r.b.v4),
		"ARP probe for the gateway":          arp(a.mac, 1, a.mac, any4, gateway4),
		"NA as the gateway":                  na(a.mac, gateway6),
		"NA as the gateway's link-local":     na(a.mac, object.GatewayLinkLocal),
		"NA as the gateway with its MAC":     na(object.GatewayMAC, object.GatewayLinkLocal),
		"RA as the gateway":                  eth(a.mac, allNodesM, 0x86dd, ipv6(object.GatewayLinkLocal, allNodes, 58, icmp6(object.GatewayLinkLocal, allNodes, 134, 0, make([]byte, 12)))),
		"RA as the gateway, even by its MAC": eth(object.GatewayMAC, allNodesM, 0x86dd, ipv6(object.GatewayLinkLocal, allNodes, 58, icmp6(object.GatewayLinkLocal, allNodes, 134, 0, make([]byte, 12)))),
	} {
		list = append(list, crossing{name, a.tap, f, nil})
	}
	return list
}

// fromLeg: groups, ARP and ND stay on the host; what leaves has the host's own MAC.
func (r *routedStage) fromLeg() []crossing {
	data := func(dst netip.Addr) []byte { return ipv4(remote4, dst, 17, udp(5000, 5001, []byte("in"))) }
	local := eth(object.GatewayMAC, r.b.mac, 0x0800, data(r.b.v4))
	out := eth(object.GatewayMAC, remote, 0x0800, data(remote4))
	left := onWire(eth(routerMAC, remote, 0x0800, data(remote4)))
	request := arp(object.GatewayMAC, 1, object.GatewayMAC, gateway4, r.b.v4)
	ns := icmp6Frame(object.GatewayMAC, object.GatewayLinkLocal, 135, 0, nd(0, r.b.v6, lladdr(1, object.GatewayMAC)))
	guests := func(f []byte) map[*tap][]byte { return map[*tap][]byte{r.a.tap: f, r.b.tap: f} }
	uniARP := append(slices.Concat(remote[:], object.GatewayMAC[:]), request[12:]...)
	group := eth(object.GatewayMAC, broadcast, 0x0800, data(all4))
	var list []crossing
	for kind := range uint8(5) {
		nd := icmp6Frame(object.GatewayMAC, object.GatewayLinkLocal, 133+kind, 0, nd(0, r.b.v6, lladdr(1, object.GatewayMAC)))
		list = append(list, crossing{fmt.Sprintf("leg's ND %d to a guest elsewhere", 133+kind), r.leg,
			append(slices.Concat(remote[:], object.GatewayMAC[:]), nd[12:]...), nil})
	}
	return append(list, []crossing{
		{"leg to a guest here", r.leg, local, map[*tap][]byte{r.b.tap: local}},
		{"leg to a guest elsewhere", r.leg, out, map[*tap][]byte{r.wire: left}},
		{"leg asks by ARP", r.leg, request, guests(request)},
		{"leg asks by ND", r.leg, ns, guests(ns)},
		{"leg speaks to a group", r.leg, group, guests(group)},
		{"leg's ARP to a guest elsewhere", r.leg, uniARP, nil},
		{"leg from a MAC that is not its own", r.leg, eth(object.MAC{2, 0, 0, 0, 0, 9}, r.b.mac, 0x0800, data(r.b.v4)), nil},
		{"leg with a tag", r.leg, tagged(local, 0x8100, vidRed), nil},
	}...)
}

// fromWire: nothing there is the gateway or asks for it.
func (r *routedStage) fromWire() []crossing {
	a := r.a
	data := func(src netip.Addr) []byte { return ipv4(src, a.v4, 17, udp(5000, 5001, []byte("in"))) }
	icmp := func(src netip.Addr, kind uint8, body []byte) []byte {
		return onWire(eth(remote, allNodesM, 0x86dd, ipv6(src, allNodes, 58, icmp6(src, allNodes, kind, 0, body))))
	}
	var list []crossing
	for name, f := range map[string][]byte{
		"wire from the gateway's MAC":      onWire(eth(object.GatewayMAC, a.mac, 0x0800, data(remote4))),
		"wire from this host's router MAC": onWire(eth(routerMAC, a.mac, 0x0800, data(remote4))),
		"wire to the gateway's MAC":        onWire(eth(remote, object.GatewayMAC, 0x0800, data(remote4))),
		"wire: ARP as the gateway":         onWire(arp(remote, 2, remote, gateway4, a.v4)),
		"wire: ARP for the gateway":        onWire(arp(remote, 1, remote, remote4, gateway4)),
		"wire: from the gateway's address": onWire(eth(remote, a.mac, 0x0800, data(gateway4))),
		"wire: from the gateway's, IPv6":   onWire(eth(remote, a.mac, 0x86dd, ipv6(gateway6, a.v6, 17, udp(1, 2, nil)))),
		"wire: from the gateway's LL":      icmp(object.GatewayLinkLocal, 128, make([]byte, 4)),
		"wire: NA as the gateway":          icmp(remoteLL, 136, nd(0x20, gateway6, lladdr(2, remote))),
		"wire: NA as the gateway's LL":     icmp(remoteLL, 136, nd(0x20, object.GatewayLinkLocal, lladdr(2, remote))),
		"wire: NS for the gateway":         icmp(remoteLL, 135, nd(0, gateway6, lladdr(1, remote))),
		"wire: NS for the gateway's LL":    icmp(remoteLL, 135, nd(0, object.GatewayLinkLocal, lladdr(1, remote))),
		"wire: RA as the gateway":          icmp(object.GatewayLinkLocal, 134, make([]byte, 12)),
		"wire: NS of the gateway":          icmp(gateway6, 135, nd(0, a.v6, lladdr(1, remote))),
		"wire: NS of the gateway's LL":     icmp(object.GatewayLinkLocal, 135, nd(0, a.v6, lladdr(1, remote))),
		"wire: DAD for the gateway":        icmp(any6, 135, nd(0, gateway6)),
		"wire: DAD for the gateway's LL":   icmp(any6, 135, nd(0, object.GatewayLinkLocal, nonce())),
		"wire: ARP of other hardware":      onWire(arpOf(arp(remote, 1, remote, gateway4, a.v4), 6, 0x0800, 6, 4)),
		"wire: NA with a doubled option":   icmp(remoteLL, 136, nd(0x20, gateway6, lladdr(2, remote), lladdr(2, remote))),
		"wire: NA without option":          icmp(remoteLL, 136, nd(0x20, gateway6)),
		"wire: NA with an unknown option":  icmp(remoteLL, 136, nd(0x20, gateway6, option(200, 1, remote[:]...))),
		"wire: NA with no length":          icmp(remoteLL, 136, nd(0x20, gateway6, option(2, 0, remote[:]...))),
		"wire: NA behind authentication": onWire(eth(remote, allNodesM, 0x86dd, ipv6(remoteLL, allNodes, 51,
			authenticated(58, icmp6(remoteLL, allNodes, 136, 0, nd(0x20, gateway6, lladdr(2, remote))))))),
	} {
		list = append(list, crossing{name, r.wire, f, nil})
	}
	guests := func(f []byte) map[*tap][]byte { return map[*tap][]byte{a.tap: untagged(f), r.b.tap: untagged(f)} }
	for name, f := range map[string][]byte{
		"wire: NS of a guest elsewhere":  icmp(remoteLL, 135, nd(0, a.v6, lladdr(1, remote))),
		"wire: NA of a guest elsewhere":  icmp(remoteLL, 136, nd(0x20, netip.MustParseAddr("fd00:1::ee"), lladdr(2, remote))),
		"wire: ARP of a guest elsewhere": onWire(arp(remote, 1, remote, remote4, a.v4)),
	} {
		list = append(list, crossing{name, r.wire, f, guests(f)})
	}
	other := eth(object.MAC{0xfa, 0x16, 0x3e, 0xff, 0, 2}, a.mac, 0x0800, data(remote4))
	return append(list, crossing{"wire: from another host's router", r.wire, onWire(other), map[*tap][]byte{a.tap: other}})
}

func TestGatewayStaysOnTheHost(t *testing.T) {
	t.Parallel()
	newRoutedStage(t).gatewayStays(t)
}

func (r *routedStage) gatewayStays(t *testing.T) {
	t.Helper()
	for _, c := range r.crossings() {
		for _, fault := range r.faults(t, c) {
			t.Errorf("%s: %s", c.name, fault)
		}
	}
	r.nobodyElseHeard(t)
}

// Without any single rule about gateways, some frame goes where it may not or does not where it should.
func TestEveryGatewayRuleIsNeeded(t *testing.T) {
	t.Parallel()
	r := newRoutedStage(t)
	all, _ := r.compile(t)
	for i, o := range all {
		set, ok := o.(*object.FlowSet)
		if !ok {
			continue
		}
		for j, f := range set.Flows {
			if set.Feature != compile.FeatureLeg(netRed) && !namesGateway(f) {
				continue
			}
			without := *set
			without.Flows = slices.Delete(slices.Clone(set.Flows), j, j+1)
			r.apply(t, append(slices.Delete(slices.Clone(all), i, i+1), &without))
			if !slices.ContainsFunc(r.crossings(), func(c crossing) bool { return len(r.faults(t, c)) > 0 }) {
				t.Errorf("without %s nothing is different", f)
			}
		}
	}
}

// namesGateway says that a rule that all networks share is about gateways.
func namesGateway(f object.Flow) bool {
	mac, ll := object.ExactMAC(object.GatewayMAC), netip.PrefixFrom(object.GatewayLinkLocal, 128)
	return f.Match.EthSrc == mac || f.Match.EthDst == mac || f.Match.IPSrc == ll || f.Match.NDTarget == ll
}
