package openvswitch

import (
	"net/netip"

	"weft/hostnet/object"
)

// fromNetworkRules drops what the physical network may not send to a guest; table 30. Only ARP, IPv4 and IPv6 pass, so a second
// VLAN tag never reaches a guest.
func fromNetworkRules(l *flowList) {
	const t = tableFromNetwork
	forward := object.Goto{Table: tableLearnMAC}
	l.drop(t, prioReserved, object.Match{EthSrc: object.ExactMAC(object.ServerMAC)})
	l.drop(t, prioReserved, object.Match{EthSrc: object.GroupMAC()})
	ipv6Headers(l, t, forward, l.drop)
	ipv4Headers(t, l.drop)
	for _, kind := range []uint8{icmpv6None, icmpv6RouterSolicitation, icmpv6RouterAdvertisement, icmpv6Redirect} {
		l.drop(t, prioDrop, matchICMPv6(kind))
	}
	l.drop(t, prioReserved, object.Match{EthType: ethIPv6, IPSrc: single(object.ServerLinkLocal)})
	dropTarget(l, object.Match{}, single(object.ServerLinkLocal))
	neighborsFromNetwork(l, forward)
	dropUDP(l.drop, t, prioDrop, ethIPv6, []uint16{portDHCPv6Server}, []uint16{portDHCPv6Server, portDHCPv6Client})
	dropUDP(l.drop, t, prioDrop, ethIPv4, []uint16{portDHCPServer}, []uint16{portDHCPServer, portDHCPClient})
	// OVS only sets an opcode for ARP for IPv4 over Ethernet. ARP that it could not read has none.
	for _, op := range []uint8{arpRequest, arpReply} {
		l.add(t, prioGeneral, object.Match{EthType: ethARP, IPProto: op}, forward)
	}
	for _, eth := range []uint16{ethIPv4, ethIPv6} {
		l.add(t, prioGeneral, object.Match{EthType: eth}, forward)
	}
	l.drop(t, prioDefault, object.Match{})
}

// neighborsFromNetwork allows solicitations and advertisements that OVS has read to their end; table 30. They have a valid form, a
// target (OVS clears it when an option is doubled), and no room for an option that OVS skipped.
func neighborsFromNetwork(l *flowList, forward object.Action) {
	const t = tableFromNetwork
	l.drop(t, prioDrop, matchICMPv6(icmpv6NeighborSolicitation))
	l.drop(t, prioDrop, matchICMPv6(icmpv6NeighborAdvertisement))
	dropTarget(l, object.Match{}, unspecifiedPrefix)

	l.add(t, prioDAD, validDAD(), bounded(ndOneOption), forward)
	dad := matchICMPv6(icmpv6NeighborSolicitation)
	dad.IPSrc = unspecifiedPrefix
	l.drop(t, prioDADOther, dad)
	for _, form := range []struct {
		kind  uint8
		empty object.Zero
		most  uint16
	}{{icmpv6NeighborSolicitation, object.ZeroNDSLL, ndTwoOptions}, {icmpv6NeighborAdvertisement, object.ZeroNDTLL, ndOneOption}} {
		m := validND(form.kind)
		l.add(t, prioException, m, bounded(form.most), forward)
		m.Zero = form.empty
		l.add(t, prioNDEmpty, m, bounded(ndWithoutOption), forward)
	}
}

// dropTarget drops frames from the network that match m and solicit or advertise the target; table 30.
func dropTarget(l *flowList, m object.Match, target netip.Prefix) {
	for _, kind := range []uint8{icmpv6NeighborSolicitation, icmpv6NeighborAdvertisement} {
		nd := matchND(kind)
		nd.Metadata, nd.NDTarget = m.Metadata, target
		l.drop(tableFromNetwork, prioReserved, nd)
	}
}
