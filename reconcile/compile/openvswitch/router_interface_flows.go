package openvswitch

import (
	"net/netip"

	"weft/hostnet/object"
	"weft/model/desired"
	"weft/reconcile/compile"
)

// routerInterfaceFlows are the flows of a distributed router's interface on a network. The gateway's MAC and addresses stay on the
// host:
//
//   - Guests' requests for them go to the router interface alone.
//   - Frames from the physical network that use them are dropped.
//   - What the router interface sends to the physical network leaves with routerMAC as source, and only to one known neighbour. Without
//     a routerMAC nothing leaves.
func routerInterfaceFlows(n *desired.Network, w segment, iface compile.RouterInterface, ofport uint32, routerMAC object.MAC) []object.Flow {
	var l flowList
	meta := object.Exact64(w.number)
	l.add(tableClassify, prioAllow, object.Match{InPort: ofport, VLAN: object.VLANUntagged(), EthSrc: object.ExactMAC(iface.MAC)},
		object.SetReg{Reg: 6, Value: ofport}, object.SetMetadata{Value: w.number}, object.Goto{Table: tableForward})
	l.add(tableForward, prioAllow, object.Match{Metadata: meta, EthDst: object.ExactMAC(iface.MAC)}, object.Output{Port: ofport})
	for _, a := range iface.Addresses {
		gatewayAddressFlows(&l, meta, a, ofport)
	}
	gatewaySolicitation(&l, meta, object.GatewayLinkLocal, ofport)
	// On every network gatewayRules drops requests and advertisements for it from the physical network.

	mine := object.Match{Metadata: meta, Reg6: object.Exact32(ofport)}
	group, arp := mine, mine
	group.EthDst, arp.EthType = object.GroupMAC(), ethARP
	l.drop(tableUplink, prioDrop, group)
	l.drop(tableUplink, prioDrop, arp)
	for kind := icmpv6RouterSolicitation; kind <= icmpv6Redirect; kind++ {
		nd := matchICMPv6(kind)
		nd.Metadata, nd.Reg6 = mine.Metadata, mine.Reg6
		l.drop(tableUplink, prioDrop, nd)
	}
	if w.uplinkPort != 0 && routerMAC != (object.MAC{}) {
		l.add(tableUplink, prioRouterInterface, mine, append([]object.Action{object.SetEthSrc{MAC: routerMAC}}, w.leave(n)...)...)
		l.drop(tableFromNetwork, prioReserved, object.Match{Metadata: meta, EthSrc: object.ExactMAC(routerMAC)})
		resolutionFlows(&l, n, w, iface, ofport, routerMAC)
	}
	return l
}

// externalGatewayFlows are the flows of a gateway namespace's interface. It is like a guest that may use any source address. It is in
// the network's flood list.
//
// Its addresses, the link-local one included, belong to this host. No guest and nobody on the physical network may use them.
func externalGatewayFlows(number uint64, iface compile.RouterInterface, ofport uint32) []object.Flow {
	var l flowList
	mac, meta := iface.MAC, object.Exact64(number)
	l.add(tableClassify, prioAllow, object.Match{InPort: ofport, VLAN: object.VLANUntagged(), EthSrc: object.ExactMAC(mac)},
		object.SetReg{Reg: 6, Value: ofport}, object.SetMetadata{Value: number}, object.Goto{Table: tableForward})
	l.add(tableForward, prioAllow, object.Match{Metadata: meta, EthDst: object.ExactMAC(mac)}, object.Output{Port: ofport})
	l.drop(tableFromNetwork, prioReserved, object.Match{Metadata: meta, EthSrc: object.ExactMAC(mac)})
	own := mac.LinkLocal()
	l.add(tableLinkLocal, prioAllow, object.Match{Metadata: meta, EthType: ethIPv6, IPSrc: single(own)}, object.SetReg{Reg: 5, Value: ofport})
	for _, a := range append([]netip.Addr{own}, iface.Addresses...) {
		ownAddressFlows(&l, meta, a)
	}
	return l
}

// ownAddressFlows drops frames from the physical network that use the address as source or advertise it; table 30.
func ownAddressFlows(l *flowList, meta object.Masked64, a netip.Addr) {
	if a.Is4() {
		l.drop(tableFromNetwork, prioDrop, object.Match{Metadata: meta, EthType: ethARP, ARPSPA: single(a)})
		l.drop(tableFromNetwork, prioDrop, object.Match{Metadata: meta, EthType: ethIPv4, IPSrc: single(a)})
		return
	}
	l.drop(tableFromNetwork, prioReserved, object.Match{Metadata: meta, EthType: ethIPv6, IPSrc: single(a)})
	na := matchND(icmpv6NeighborAdvertisement)
	na.Metadata, na.NDTarget = meta, single(a)
	l.drop(tableFromNetwork, prioReserved, na)
}
