package openvswitch

import "weft/hostnet/object"

// metadataFlows drop what guests, and the physical network, send to or from the addresses of the metadata service; tables 10 and 30. weftd
// receives what the guest asks on the guest's own device, before the switch. The copy that the switch gets must reach nobody: a router would
// refuse the connection, and somebody else could answer.
func metadataFlows(l *flowList) {
	v4, v6 := single(object.MetadataIPv4), single(object.MetadataIPv6)
	for _, table := range []uint8{tableGuestSource, tableFromNetwork} {
		for _, m := range []object.Match{
			{EthType: ethIPv4, IPSrc: v4}, {EthType: ethIPv4, IPDst: v4}, {EthType: ethARP, ARPSPA: v4}, {EthType: ethARP, ARPTPA: v4},
			{EthType: ethIPv6, IPSrc: v6}, {EthType: ethIPv6, IPDst: v6},
		} {
			l.drop(table, prioReserved, m)
		}
		for _, kind := range []uint8{icmpv6NeighborSolicitation, icmpv6NeighborAdvertisement} {
			nd := matchND(kind)
			nd.NDTarget = v6
			l.drop(table, prioReserved, nd)
		}
	}
}
