package openvswitch

import (
	"net/netip"

	"weft/hostnet/object"
	"weft/model/desired"
	"weft/reconcile/compile"
)

// networkFlows are the flows of one network: its segment in tables 0 and 50, its flood list in table 20, and the protection of its
// DHCP servers' addresses, for which every host answers itself.
func networkFlows(n *desired.Network, w segment, flood []object.Action) []object.Flow {
	var l flowList
	meta := object.Exact64(w.number)
	if w.uplinkPort != 0 {
		l.add(tableClassify, prioAllow, w.arriving(n), w.arrive(n, fromUplink(n))...)
		l.add(tableUplink, prioAllow, object.Match{Metadata: meta}, w.leave(n)...)
		knownFlows(&l, meta, Cookie(n.UID, FeatureNetwork))
	}
	l.add(tableForward, prioAllow, object.Match{Metadata: meta, EthDst: object.GroupMAC()}, flood...)
	centralNetworkRules(&l, n, meta)
	for _, gateway := range compile.LinkLocalGateways(n) {
		reserveLinkLocal(&l, meta, gateway)
		na := matchND(icmpv6NeighborAdvertisement) // of a guest that had it before
		na.Metadata, na.NDTarget = meta, single(gateway)
		l.reject(tableNDTarget, prioReserved, na, object.RejectNeighborDiscovery)
	}
	for _, server := range compile.DHCPServers(n) {
		address := single(server)
		l.drop(tableForward, prioDrop, object.Match{Metadata: meta, EthType: ethARP, ARPTPA: address})
		l.drop(tableFromNetwork, prioDrop, object.Match{Metadata: meta, EthType: ethARP, ARPSPA: address})
		l.drop(tableFromNetwork, prioDrop, object.Match{Metadata: meta, EthType: ethIPv4, IPSrc: address})
	}
	return l
}

// reserveLinkLocal keeps the guests of a network from having a link-local address, as source or by duplicate address detection.
func reserveLinkLocal(l *flowList, meta object.Masked64, a netip.Addr) {
	l.reject(tableGuestSource, prioReserved, object.Match{Metadata: meta, EthType: ethIPv6, IPSrc: single(a)}, object.RejectReserved)
	dad := matchND(icmpv6NeighborSolicitation)
	dad.Metadata, dad.IPSrc, dad.NDTarget = meta, unspecifiedPrefix, single(a)
	l.reject(tableGuestSource, prioReserved, dad, object.RejectReserved)
}
