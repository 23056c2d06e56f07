//go:build integration

package attack

import (
	"context"
	"net/netip"
	"slices"
	"testing"

	"weft/hostnet/object"
	"weft/model"
	"weft/model/desired"
	"weft/reconcile/compile"
)

// The host's own addresses on network blue, when it is an external network.
var (
	outside4 = netip.MustParseAddr("10.2.0.1")
	outside6 = netip.MustParseAddr("fd00:2::1")
	outsideL = routerMAC.LinkLocal()
	stranger = guest{mac: object.MAC{0xfa, 0x16, 0x3e, 0, 2, 0xee}, v4: netip.MustParseAddr("10.2.0.238"), v6: netip.MustParseAddr("fd00:2::ee")}
)

// externalStage is a stage whose network blue is external. The inner end of the external gateway port is a tap.
type externalStage struct {
	*stage
	gateway *tap
}

// external makes network blue an external network.
func (st *stage) external(t *testing.T) *externalStage {
	t.Helper()
	st.config.Host().RouterMAC = model.MAC(routerMAC)
	st.config.Network(netBlue).Gateway = &desired.NodeGateway{Addresses: []netip.Prefix{netip.PrefixFrom(outside4, 24), netip.PrefixFrom(outside6, 64)}}
	iface := openTap(t, st.plug(t, compile.ExternalGatewayDevice(netBlue)), "eth0")
	iface.name = "router interface"
	st.converge(t)
	return &externalStage{st, iface}
}

func onBlue(frame []byte) []byte { return tagged(frame, 0x8100, vidBlue) }

// segment is network blue.
func (x *externalStage) segment() segment {
	closingOf := func(from *tap) ([]byte, map[*tap][]byte) {
		if from == x.uplink {
			f := closing(&stranger)
			return onBlue(f), map[*tap][]byte{x.c.tap: f, x.gateway: f}
		}
		f := closing(x.c)
		return f, map[*tap][]byte{x.gateway: f, x.uplink: onBlue(f)}
	}
	return segment{taps: []*tap{x.c.tap, x.gateway, x.uplink}, closing: closingOf, answers: x.answers}
}

// answers sends a request for each of the host's addresses from the uplink, and the answers.
func (x *externalStage) answers(t *testing.T, ctx context.Context) (faults []string) {
	t.Helper()
	to := func(f []byte) []byte { return append(slices.Concat(stranger.mac[:], routerMAC[:]), f[12:]...) }
	one := func(name string, ask, tell []byte) question {
		return question{name, x.uplink, x.gateway, onBlue(ask), tell, ask, onBlue(tell)}
	}
	questions := []question{one("the host's address", arp(stranger.mac, 1, stranger.mac, stranger.v4, outside4),
		to(arp(routerMAC, 2, routerMAC, outside4, stranger.v4)))}
	for _, target := range []netip.Addr{outside6, outsideL} {
		questions = append(questions, one(target.String(), icmp6Frame(stranger.mac, stranger.v6, 135, 0, nd(0, target, lladdr(1, stranger.mac))),
			to(icmp6Frame(routerMAC, target, 136, 0, nd(0xe0, target, lladdr(2, routerMAC))))))
	}
	faults = answered(t, ctx, questions...)
	// Guest c receives the requests too.
	if _, err := x.c.until(ctx, questions[len(questions)-1].asked); err != nil {
		faults = append(faults, err.Error())
	}
	return faults
}

func (x *externalStage) crossings() (list []crossing) {
	row := func(c fromNetwork, from *tap, wired func([]byte) []byte) {
		heard := map[*tap][]byte{x.c.tap: c.good, x.gateway: c.good, x.uplink: onBlue(c.good)}
		delete(heard, from)
		list = append(list, crossing{from.name + ": " + c.name, from, wired(c.bad), wired(c.good), heard})
	}
	c := *x.c
	for _, claim := range claims(&c) {
		row(claim, x.c.tap, plain)
	}
	for _, target := range []netip.Addr{outside6, outsideL} {
		row(fromNetwork{"DAD for " + target.String(), icmp6Frame(c.mac, any6, 135, 0, nd(0, target)), icmp6Frame(c.mac, any6, 135, 0, nd(0, c.v6))}, x.c.tap, plain)
	}
	row(fromNetwork{"ARP probe", arp(c.mac, 1, c.mac, any4, outside4), arp(c.mac, 1, c.mac, any4, c.v4)}, x.c.tap, plain)
	for _, claim := range append(claims(&stranger), gatewayElsewhere()...) {
		row(claim, x.uplink, onBlue)
	}
	to := func(mac object.MAC) []byte {
		return eth(c.mac, mac, 0x0800, ipv4(c.v4, stranger.v4, 17, udp(1, 2, nil)))
	}
	return append(list, crossing{"to a gateway that is not here", x.c.tap, to(object.GatewayMAC), to(stranger.mac),
		map[*tap][]byte{x.uplink: onBlue(to(stranger.mac))}})
}

// gatewayElsewhere are claims to be the gateway. Nobody on the uplink may make them, even on a network without a gateway.
func gatewayElsewhere() []fromNetwork {
	g, ll := stranger, object.GatewayLinkLocal
	na := func(target netip.Addr) []byte {
		return icmp6Frame(g.mac, g.v6, 136, 0, nd(0x20, target, lladdr(2, g.mac)))
	}
	ns := func(src, target netip.Addr) []byte { return icmp6Frame(g.mac, src, 135, 0, nd(0, target)) }
	return []fromNetwork{
		{"NA of a gateway", na(ll), na(g.v6)},
		{"NS for a gateway", ns(g.v6, ll), ns(g.v6, outside6)},
		{"NS of a gateway", ns(ll, g.v6), ns(g.v6, g.v6)},
		{"DAD for a gateway", ns(any6, ll), ns(any6, g.v6)},
	}
}

// claims are frames of somebody who uses the host's MAC or one of its addresses. The legitimate frames are the same with the sender's
// own.
func claims(g *guest) []fromNetwork {
	v4 := func(mac object.MAC, src netip.Addr) []byte {
		return eth(mac, broadcast, 0x0800, ipv4(src, all4, 17, udp(1, 2, []byte("claim"))))
	}
	list := []fromNetwork{
		{"from the host's MAC", v4(routerMAC, g.v4), v4(g.mac, g.v4)},
		{"from the host's address", v4(g.mac, outside4), v4(g.mac, g.v4)},
		{"ARP request", arp(g.mac, 1, g.mac, outside4, g.v4), arp(g.mac, 1, g.mac, g.v4, g.v4)},
		{"ARP reply", arp(g.mac, 2, g.mac, outside4, g.v4), arp(g.mac, 2, g.mac, g.v4, g.v4)},
		{"ARP announcement", arp(g.mac, 1, g.mac, outside4, outside4), arp(g.mac, 1, g.mac, g.v4, g.v4)},
		{"ARP reply with the host's MAC", arp(g.mac, 2, routerMAC, outside4, g.v4), arp(g.mac, 2, g.mac, g.v4, g.v4)},
	}
	other := derived(g.mac)
	for _, a := range []struct{ taken, own netip.Addr }{{outside6, g.v6}, {outsideL, other}} {
		said := func(src netip.Addr, kind uint8, target netip.Addr, options ...[]byte) []byte {
			return icmp6Frame(g.mac, src, kind, 0, nd(0x20, target, options...))
		}
		name, sll, tll := " of "+a.taken.String(), lladdr(1, g.mac), lladdr(2, g.mac)
		list = append(list,
			fromNetwork{"data" + name, said(a.taken, 128, any6), said(a.own, 128, any6)},
			fromNetwork{"NS" + name, said(a.taken, 135, stranger.v6, sll), said(a.own, 135, stranger.v6, sll)},
			fromNetwork{"NA" + name, said(a.own, 136, a.taken, tll), said(a.own, 136, a.own, tll)},
			fromNetwork{"NA without option" + name, said(a.own, 136, a.taken), said(a.own, 136, a.own)},
			fromNetwork{"NA from there" + name, said(a.taken, 136, a.taken, tll), said(a.own, 136, a.own, tll)},
			fromNetwork{"RA" + name, said(a.taken, 134, any6), said(a.own, 128, any6)},
		)
	}
	return list
}

// Nobody else may use the host's own addresses on an external network.
func TestOutsideIsTheHosts(t *testing.T) {
	t.Parallel()
	x := newStage(t).external(t)
	x.segment().judge(t, x.crossings())
}

// centralMAC is the MAC of a router on another host. Its prefix is not one that Weft knows.
var centralMAC = object.MAC{0x52, 0x54, 0, 0xaa, 0xbb, 0xcc}

// central gives network red a centralized router on other hosts.
func (st *stage) central(t *testing.T) *stage {
	t.Helper()
	red := st.config.Network(netRed)
	red.CentralMAC = model.MAC(centralMAC)
	red.Subnets[0].Gateway, red.Subnets[1].Gateway = model.Address{Addr: gateway4}, model.Address{Addr: gateway6}
	st.converge(t)
	return st
}

// centralAttempts: no guest may act as the centralized router on another host. A guest's requests for that router go there.
func (st *stage) centralAttempts() []attempt {
	a, ll := st.a, centralMAC.LinkLocal()
	said := func(src netip.Addr, kind uint8, target netip.Addr, options ...[]byte) []byte {
		return icmp6Frame(a.mac, src, kind, 0, nd(0x20, target, options...))
	}
	sll, tll := lladdr(1, a.mac), lladdr(2, a.mac)
	return []attempt{
		{"ARP as the gateway", arp(a.mac, 2, a.mac, gateway4, st.b.v4), arp(a.mac, 1, a.mac, a.v4, gateway4), atBoth},
		{"ARP probe for the gateway", arp(a.mac, 1, a.mac, any4, gateway4), arp(a.mac, 1, a.mac, any4, a.v4), atBoth},
		{"DAD for the gateway", said(any6, 135, gateway6), said(any6, 135, a.v6), atBoth},
		{"DAD for the gateway's link-local", said(any6, 135, ll), said(any6, 135, a.ll), atBoth},
		{"NS of the gateway", said(gateway6, 135, st.b.v6, sll), said(a.v6, 135, gateway6, sll), atBoth},
		{"NS of the gateway's link-local", said(ll, 135, st.b.v6, sll), said(a.ll, 135, ll, sll), atBoth},
		{"NA as the gateway", said(a.v6, 136, gateway6, tll), said(a.v6, 136, a.v6, tll), atBoth},
		{"NA as the gateway's link-local", said(a.ll, 136, ll, tll), said(a.ll, 136, a.ll, tll), atBoth},
		{"NA as the gateway's link-local from there", said(ll, 136, ll, tll), said(a.ll, 136, a.ll, tll), atBoth},
		{"from the gateway's link-local", eth(a.mac, st.b.mac, 0x86dd, ipv6(ll, st.b.v6, 17, udp(1, 2, nil))),
			eth(a.mac, st.b.mac, 0x86dd, ipv6(a.ll, st.b.v6, 17, udp(1, 2, nil))), atPeer},
		{"RA as the gateway", said(ll, 134, any6), said(a.ll, 128, any6), atBoth},
	}
}

// No guest here may act as a router that is on another host.
func TestCentralGatewayIsElsewhere(t *testing.T) {
	t.Parallel()
	newStage(t).central(t).tryAll(t, (*stage).centralAttempts)
}
