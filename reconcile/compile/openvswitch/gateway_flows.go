package openvswitch

import (
	"net/netip"

	"weft/hostnet/object"
)

// gatewayRules: only a router interface may use the gateway's MAC and link-local address, on any network, with or without a router;
// tables 10, 30 and 50.
func gatewayRules(l *flowList) {
	l.reject(tableGuestSource, prioReserved, object.Match{EthType: ethIPv6, IPSrc: single(object.GatewayLinkLocal)}, object.RejectReserved)
	dad := matchND(icmpv6NeighborSolicitation)
	dad.IPSrc, dad.NDTarget = unspecifiedPrefix, single(object.GatewayLinkLocal)
	l.reject(tableGuestSource, prioReserved, dad, object.RejectReserved)

	gateway := object.ExactMAC(object.GatewayMAC)
	l.drop(tableFromNetwork, prioReserved, object.Match{EthSrc: gateway})
	l.drop(tableFromNetwork, prioReserved, object.Match{EthDst: gateway})
	l.drop(tableFromNetwork, prioReserved, object.Match{EthType: ethIPv6, IPSrc: single(object.GatewayLinkLocal)})
	dropTarget(l, object.Match{}, single(object.GatewayLinkLocal))

	l.drop(tableUplink, prioReserved, object.Match{EthDst: gateway})
	l.drop(tableUplink, prioGatewaySource, object.Match{EthSrc: gateway})
}

// gatewayAddressFlows: requests for an address of the gateway go to the router interface alone. Nobody on the physical network may use
// it.
func gatewayAddressFlows(l *flowList, meta object.Masked64, a netip.Addr, ofport uint32) {
	if a.Is6() {
		gatewaySolicitation(l, meta, a, ofport)
		l.drop(tableFromNetwork, prioReserved, object.Match{Metadata: meta, EthType: ethIPv6, IPSrc: single(a)})
		dropTarget(l, object.Match{Metadata: meta}, single(a))
		return
	}
	l.add(tableForward, prioException, object.Match{Metadata: meta, EthType: ethARP, IPProto: arpRequest, ARPTPA: single(a)},
		object.Output{Port: ofport})
	l.drop(tableFromNetwork, prioDrop, object.Match{Metadata: meta, EthType: ethARP, ARPSPA: single(a)})
	l.drop(tableFromNetwork, prioDrop, object.Match{Metadata: meta, EthType: ethARP, ARPTPA: single(a)})
	l.drop(tableFromNetwork, prioDrop, object.Match{Metadata: meta, EthType: ethIPv4, IPSrc: single(a)})
}

// gatewaySolicitation sends solicitations for an address of the gateway to the router interface.
func gatewaySolicitation(l *flowList, meta object.Masked64, a netip.Addr, ofport uint32) {
	ns := matchND(icmpv6NeighborSolicitation)
	ns.Metadata, ns.NDTarget = meta, single(a)
	l.add(tableForward, prioException, ns, object.Output{Port: ofport})
}
