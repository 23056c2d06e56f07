//go:build integration

package attack

import (
	"fmt"
	"net/netip"
	"slices"

	"weft/hostnet/object"
)

// toGateway: what a guest sends to the gateway reaches only the router interface.
func (r *routedStage) toGateway() (list []crossing) {
	a := r.a
	ns := func(target netip.Addr) []byte {
		return icmp6Frame(a.mac, a.v6, 135, 0, nd(0, target, lladdr(1, a.mac)))
	}
	for name, f := range map[string][]byte{
		"to the gateway": eth(a.mac, object.GatewayMAC, 0x0800,
			ipv4(a.v4, netip.MustParseAddr("198.51.100.7"), 17, udp(5000, 5001, []byte("out")))),
		"who has the gateway":                 arp(a.mac, 1, a.mac, a.v4, gateway4),
		"who has the gateway, IPv6":           ns(gateway6),
		"who has the gateway's link-local":    ns(object.GatewayLinkLocal),
		"echo to the gateway's own addresses": eth(a.mac, object.GatewayMAC, 0x0800, ipv4(a.v4, gateway4, 1, []byte{8, 0, 0, 0, 0, 1, 0, 1})),
	} {
		list = append(list, crossing{name, a.tap, nil, f, map[*tap][]byte{r.iface: f}})
	}
	return list
}

// asGateway: nobody receives what a guest sends as the gateway. Everybody receives the same frames about the guest itself.
func (r *routedStage) asGateway() (list []crossing) {
	a, b := r.a, r.b
	own4, own6, ll := gateway4, gateway6, object.GatewayLinkLocal
	v4 := func(mac object.MAC, src netip.Addr) []byte {
		return eth(mac, b.mac, 0x0800, ipv4(src, b.v4, 17, udp(1, 2, nil)))
	}
	v6 := func(src netip.Addr) []byte { return eth(a.mac, b.mac, 0x86dd, ipv6(src, b.v6, 17, udp(1, 2, nil))) }
	ns := func(src, target netip.Addr, options ...[]byte) []byte {
		return icmp6Frame(a.mac, src, 135, 0, nd(0, target, options...))
	}
	na := func(mac object.MAC, src, target netip.Addr) []byte {
		return icmp6Frame(a.mac, src, 136, 0, nd(0x20, target, lladdr(2, mac)))
	}
	message := func(mac object.MAC, src netip.Addr, kind uint8, size int) []byte {
		return icmp6Frame(mac, src, kind, 0, make([]byte, size))
	}
	redirect := func(src netip.Addr, kind byte) []byte {
		return eth(a.mac, b.mac, 0x0800, ipv4(src, b.v4, 1, []byte{kind, 1, 0, 0, 0, 0, 0, 0}))
	}
	sll, echo := lladdr(1, a.mac), message(a.mac, a.ll, 128, 12)
	for _, c := range []struct {
		name      string
		bad, good []byte
		alone     bool // only guest b receives the good one
	}{
		{"from the gateway's MAC", v4(object.GatewayMAC, a.v4), v4(a.mac, a.v4), true},
		{"from the gateway's address", v4(a.mac, own4), v4(a.mac, a.v4), true},
		{"from the gateway's address, IPv6", v6(own6), v6(a.v6), true},
		{"from the gateway's link-local", v6(ll), v6(a.ll), true},
		{"ARP as the gateway", arp(a.mac, 2, a.mac, own4, b.v4), arp(a.mac, 2, a.mac, a.v4, b.v4), false},
		{"ARP as the gateway with its MAC", arp(a.mac, 2, object.GatewayMAC, own4, b.v4), arp(a.mac, 2, a.mac, a.v4, b.v4), false},
		{"ARP request as the gateway", arp(a.mac, 1, a.mac, own4, b.v4), arp(a.mac, 1, a.mac, a.v4, b.v4), false},
		{"ARP announcement of the gateway", arp(a.mac, 1, a.mac, own4, own4), arp(a.mac, 1, a.mac, a.v4, a.v4), false},
		{"ARP announcement of the gateway, a reply", arp(a.mac, 2, a.mac, own4, own4), arp(a.mac, 2, a.mac, a.v4, a.v4), false},
		{"ARP probe for the gateway", arp(a.mac, 1, a.mac, any4, own4), arp(a.mac, 1, a.mac, any4, a.v4), false},
		{"DAD for the gateway's address", ns(any6, own6), ns(any6, a.v6), false},
		{"DAD for the gateway's address with a nonce", ns(any6, own6, nonce()), ns(any6, a.v6, nonce()), false},
		{"DAD for the gateway's link-local", ns(any6, ll), ns(any6, a.ll), false},
		{"DAD for the gateway's link-local with a nonce", ns(any6, ll, nonce()), ns(any6, a.ll, nonce()), false},
		{"NS of the gateway", ns(own6, b.v6, sll), ns(a.v6, b.v6, sll), false},
		{"NS of the gateway's link-local", ns(ll, b.v6, sll), ns(a.ll, b.v6, sll), false},
		{"NA as the gateway", na(a.mac, a.v6, own6), na(a.mac, a.v6, a.v6), false},
		{"NA as the gateway from its address", na(a.mac, own6, own6), na(a.mac, a.v6, a.v6), false},
		{"NA as the gateway's link-local", na(a.mac, a.v6, ll), na(a.mac, a.v6, a.ll), false},
		{"NA as the gateway's link-local from there", na(a.mac, ll, ll), na(a.mac, a.ll, a.ll), false},
		{"NA as the gateway with its MAC", na(object.GatewayMAC, a.v6, ll), na(a.mac, a.v6, a.ll), false},
		{"RA as the gateway", message(a.mac, ll, 134, 12), echo, false},
		{"RA as the gateway, even by its MAC", message(object.GatewayMAC, ll, 134, 12), echo, false},
		{"redirect as the gateway", message(a.mac, ll, 137, 36), echo, false},
		{"ICMP redirect as the gateway", redirect(own4, 5), redirect(a.v4, 8), true},
	} {
		heard := map[*tap][]byte{b.tap: c.good, r.uplink: onUplink(c.good)}
		if c.alone {
			delete(heard, r.uplink)
		}
		list = append(list, crossing{c.name, a.tap, c.bad, c.good, heard})
	}
	return list
}

// fromInterface: multicast, ARP and ND from the router interface stay on the host. What leaves the host has the host's own MAC.
func (r *routedStage) fromInterface() []crossing {
	data := func(dst netip.Addr) []byte { return ipv4(remote4, dst, 17, udp(5000, 5001, []byte("in"))) }
	local := eth(object.GatewayMAC, r.b.mac, 0x0800, data(r.b.v4))
	out := eth(object.GatewayMAC, remote, 0x0800, data(remote4))
	left := onUplink(eth(routerMAC, remote, 0x0800, data(remote4)))
	request := arp(object.GatewayMAC, 1, object.GatewayMAC, gateway4, r.b.v4)
	ns := icmp6Frame(object.GatewayMAC, object.GatewayLinkLocal, 135, 0, nd(0, r.b.v6, lladdr(1, object.GatewayMAC)))
	guests := func(f []byte) map[*tap][]byte { return map[*tap][]byte{r.a.tap: f, r.b.tap: f} }
	toB, toUplink := map[*tap][]byte{r.b.tap: local}, map[*tap][]byte{r.uplink: left}
	uniARP := append(slices.Concat(remote[:], object.GatewayMAC[:]), request[12:]...)
	group := eth(object.GatewayMAC, broadcast, 0x0800, data(all4))
	var list []crossing
	for kind := range uint8(5) {
		nd := icmp6Frame(object.GatewayMAC, object.GatewayLinkLocal, 133+kind, 0, nd(0, r.b.v6, lladdr(1, object.GatewayMAC)))
		list = append(list, crossing{fmt.Sprintf("router interface's ND %d to a guest elsewhere", 133+kind), r.iface,
			append(slices.Concat(remote[:], object.GatewayMAC[:]), nd[12:]...), out, toUplink})
	}
	return append(list, []crossing{
		{"router interface to a guest here", r.iface, nil, local, toB},
		{"router interface to a guest elsewhere", r.iface, nil, out, toUplink},
		{"router interface asks by ARP", r.iface, nil, request, guests(request)},
		{"router interface asks by ND", r.iface, nil, ns, guests(ns)},
		{"router interface speaks to a group", r.iface, nil, group, guests(group)},
		{"router interface's ARP to a guest elsewhere", r.iface, uniARP, out, toUplink},
		{"router interface from a MAC that is not its own", r.iface, eth(object.MAC{2, 0, 0, 0, 0, 9}, r.b.mac, 0x0800, data(r.b.v4)), local, toB},
		{"router interface with a tag", r.iface, tagged(local, 0x8100, vidRed), local, toB},
	}...)
}
