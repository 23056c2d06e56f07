//go:build integration

package attack

import (
	"net/netip"

	"weft/hostnet/object"
)

// fromUplink: nothing from the uplink may act as the gateway or ask for it. Both guests receive the same frames about somebody else, and
// guest a receives what is for guest a.
func (r *routedStage) fromUplink() (list []crossing) {
	for _, c := range append(r.groupsFromUplink(), r.ndFromUplink()...) {
		good := untagged(c.good)
		list = append(list, crossing{"uplink: " + c.name, r.uplink, c.bad, c.good, map[*tap][]byte{r.a.tap: good, r.b.tap: good}})
	}
	for _, c := range r.dataFromUplink() {
		list = append(list, crossing{"uplink: " + c.name, r.uplink, c.bad, c.good, map[*tap][]byte{r.a.tap: untagged(c.good)}})
	}
	return list
}

// dataFromUplink: frames for one guest.
func (r *routedStage) dataFromUplink() []fromNetwork {
	a := r.a
	v4 := func(mac, to object.MAC, src netip.Addr) []byte {
		return onUplink(eth(mac, to, 0x0800, ipv4(src, a.v4, 17, udp(5000, 5001, []byte("in")))))
	}
	v6 := func(src netip.Addr) []byte {
		return onUplink(eth(remote, a.mac, 0x86dd, ipv6(src, a.v6, 17, udp(1, 2, nil))))
	}
	router := object.MAC{0xfa, 0x16, 0x3e, 0xff, 0, 2} // of another host
	good := v4(remote, a.mac, remote4)
	return []fromNetwork{
		{"from the gateway's MAC", v4(object.GatewayMAC, a.mac, remote4), good},
		{"from this host's router MAC", v4(routerMAC, a.mac, remote4), v4(router, a.mac, remote4)},
		{"to the gateway's MAC", v4(remote, object.GatewayMAC, remote4), good},
		{"from the gateway's address", v4(remote, a.mac, gateway4), good},
		{"from the gateway's address, by another host's router", v4(router, a.mac, gateway4), v4(router, a.mac, remote4)},
		{"from the gateway's address, IPv6", v6(gateway6), v6(remoteLL)},
		{"from the gateway's link-local", v6(object.GatewayLinkLocal), v6(remoteLL)},
	}
}

// groupsFromUplink: ARP, and messages that only a router sends.
func (r *routedStage) groupsFromUplink() []fromNetwork {
	a := r.a
	said := func(op uint16, sha object.MAC, spa, tpa netip.Addr) []byte {
		return onUplink(arp(remote, op, sha, spa, tpa))
	}
	message := func(mac object.MAC, src netip.Addr, kind uint8, size int) []byte {
		return onUplink(icmp6Frame(mac, src, kind, 0, make([]byte, size)))
	}
	request, reply := said(1, remote, remote4, a.v4), said(2, remote, remote4, a.v4)
	ll, echo := object.GatewayLinkLocal, message(remote, remoteLL, 128, 12)
	return []fromNetwork{
		{"ARP as the gateway", said(2, remote, gateway4, a.v4), reply},
		{"ARP as the gateway with its MAC", said(2, object.GatewayMAC, gateway4, a.v4), reply},
		{"ARP as the gateway, by its MAC", onUplink(arp(object.GatewayMAC, 2, object.GatewayMAC, gateway4, a.v4)), reply},
		{"ARP request as the gateway", said(1, remote, gateway4, a.v4), request},
		{"ARP announcement of the gateway", said(1, remote, gateway4, gateway4), said(1, remote, remote4, remote4)},
		{"ARP announcement of the gateway, a reply", said(2, remote, gateway4, gateway4), said(2, remote, remote4, remote4)},
		{"ARP probe for the gateway", said(1, remote, any4, gateway4), said(1, remote, any4, remote4)},
		{"ARP for the gateway", said(1, remote, remote4, gateway4), request},
		{"ARP of other hardware", onUplink(arpOf(arp(remote, 1, remote, gateway4, a.v4), 6, 0x0800, 6, 4)), request},
		{"from the gateway's link-local to all", message(remote, ll, 128, 4), echo},
		{"RA as the gateway", message(remote, ll, 134, 12), echo},
		{"RA as the gateway, even by its MAC", message(object.GatewayMAC, ll, 134, 12), echo},
		{"redirect as the gateway", message(remote, ll, 137, 36), echo},
	}
}

// ndFromUplink: solicitations and advertisements.
func (r *routedStage) ndFromUplink() []fromNetwork {
	a := r.a
	said := func(src netip.Addr, kind uint8, target netip.Addr, options ...[]byte) []byte {
		return onUplink(icmp6Frame(remote, src, kind, 0, nd(0x20, target, options...)))
	}
	na := func(target netip.Addr, options ...[]byte) []byte { return said(remoteLL, 136, target, options...) }
	ns := func(src, target netip.Addr, options ...[]byte) []byte { return said(src, 135, target, options...) }
	own, ll, other := gateway6, object.GatewayLinkLocal, netip.MustParseAddr("fd00:1::ee")
	sll, tll := lladdr(1, remote), lladdr(2, remote)
	hidden := func(target netip.Addr) []byte {
		message := icmp6(remoteLL, allNodes, 136, 0, nd(0x20, target, tll))
		return onUplink(eth(remote, allNodesM, 0x86dd, ipv6(remoteLL, allNodes, 51, authenticated(58, message))))
	}
	naGood, naBare, nsGood := na(other, tll), na(other), ns(remoteLL, a.v6, sll)
	return []fromNetwork{
		{"NA as the gateway", na(own, tll), naGood},
		{"NA as the gateway's link-local", na(ll, tll), naGood},
		{"NA as the gateway from its address", said(own, 136, own, tll), naGood},
		{"NA as the gateway with its MAC", na(own, lladdr(2, object.GatewayMAC)), naGood},
		{"NA with a doubled option", na(own, tll, tll), naGood},
		{"NA without option", na(own), naBare},
		{"NA of the link-local without option", na(ll), naBare},
		{"NA with an unknown option", na(own, option(200, 1, remote[:]...)), naBare},
		{"NA with no length", na(own, option(2, 0, remote[:]...)), naBare},
		{"NA behind authentication", hidden(own), naGood},
		{"NA of the link-local behind authentication", hidden(ll), naGood},
		{"NS for the gateway", ns(remoteLL, own, sll), nsGood},
		{"NS for the gateway's link-local", ns(remoteLL, ll, sll), nsGood},
		{"NS of the gateway", ns(own, a.v6, sll), nsGood},
		{"NS of the gateway's link-local", ns(ll, a.v6, sll), nsGood},
		{"DAD for the gateway", ns(any6, own), ns(any6, other)},
		{"DAD for the gateway with a nonce", ns(any6, own, nonce()), ns(any6, other, nonce())},
		{"DAD for the gateway's link-local", ns(any6, ll), ns(any6, other)},
		{"DAD for the gateway's link-local with a nonce", ns(any6, ll, nonce()), ns(any6, other, nonce())},
	}
}
