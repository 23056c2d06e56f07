package openvswitch

import "weft/hostnet/object"

// metadataFlows drop what guests, and the physical network, send to the addresses of the metadata service, and whoever claims to have one of
// them; tables 10 and 30. weftd receives what the guest asks on the guest's own device, before the switch. The copy that the switch gets must
// reach nobody: a router would refuse the connection, and somebody else could answer.
func metadataFlows(l *flowList) {
	v4, v6 := single(object.MetadataIPv4), single(object.MetadataIPv6)
	solicitation, advertisement := matchND(icmpv6NeighborSolicitation), matchND(icmpv6NeighborAdvertisement)
	solicitation.NDTarget, advertisement.NDTarget = v6, v6
	toService := []object.Match{{EthType: ethIPv4, IPDst: v4}, {EthType: ethARP, ARPTPA: v4}, {EthType: ethIPv6, IPDst: v6}, solicitation}
	for _, table := range []uint8{tableGuestSource, tableFromNetwork} {
		for _, m := range toService {
			l.drop(table, prioReserved, m)
		}
		l.drop(table, prioReserved, object.Match{EthType: ethIPv6, IPSrc: v6})
	}
	// No guest has the IPv4 address, and none may advertise an address that it has not used. The physical network is not so limited.
	for _, m := range []object.Match{{EthType: ethIPv4, IPSrc: v4}, {EthType: ethARP, ARPSPA: v4}, advertisement} {
		l.drop(tableFromNetwork, prioReserved, m)
	}
}
