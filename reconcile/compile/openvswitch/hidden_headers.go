package openvswitch

import "weft/hostnet/object"

// ipv6Headers drops packets that hide their upper-layer header; next is the action for the exceptions.
//
//   - A header chain that cannot be followed.
//   - First fragments of ICMPv6 other than echo. RFC 6980 forbids fragmented ND; RFC 8200 4.5 demands the whole chain in the first
//     fragment.
//   - First fragments of echo with the hop limit of ND or MLD. OVS does not show whether options stand before the echo, so a later
//     fragment could put something else in its place (RFC 5722). The reassembled packet has the hop limit of the first fragment,
//     and with another hop limit it is neither ND nor MLD.
//   - First fragments of UDP without UDP header.
func ipv6Headers(l *flowList, table uint8, next object.Action, refuse refuser) {
	refuse(table, prioReserved, object.Match{EthType: ethIPv6, Zero: object.ZeroIPProto})
	for _, limit := range []uint8{hopLimitND, hopLimitMLD} {
		m := matchIPv6(protoICMPv6)
		m.Frag, m.TTL = object.FragFirst, limit
		refuse(table, prioReserved, m)
	}
	for _, kind := range []uint8{icmpv6EchoRequest, icmpv6EchoReply} {
		echo := matchICMPv6(kind)
		echo.Frag = object.FragFirst
		l.add(table, prioFragEcho, echo, next)
	}
	first := matchIPv6(protoICMPv6)
	first.Frag = object.FragFirst
	refuse(table, prioFragICMP, first)
	udp := matchIPv6(protoUDP)
	udp.Frag, udp.Zero = object.FragFirst, object.ZeroUDPDst
	refuse(table, prioDrop, udp)
}

// ipv4Headers drops first fragments that hide their UDP header. Later fragments pass, because nothing is reassembled without the
// first one.
func ipv4Headers(table uint8, refuse refuser) {
	udp := matchIPv4(protoUDP)
	udp.Frag, udp.Zero = object.FragFirst, object.ZeroUDPDst
	refuse(table, prioDrop, udp)
}

// dropUDP refuses UDP from and to ports.
func dropUDP(refuse refuser, table uint8, priority, eth uint16, src, dst []uint16) {
	for _, port := range src {
		refuse(table, priority, object.Match{EthType: eth, IPProto: protoUDP, UDPSrc: port})
	}
	for _, port := range dst {
		refuse(table, priority, object.Match{EthType: eth, IPProto: protoUDP, UDPDst: port})
	}
}
