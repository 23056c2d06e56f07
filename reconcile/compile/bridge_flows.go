package compile

import "weft/hostnet/object"

// bridgeFlows are the flows every guest shares: what no guest may say, what the network may not say to a guest, and every
// table's default. None of them matches a guest's port or a network, so they never meet those of other sets.
func bridgeFlows(uplinkPorts []uint32) []object.Flow {
	var l flowList
	guestSourceDefaults(&l)
	linkLocalDefaults(&l)
	guestIPv6Rules(&l)
	guestIPv4Rules(&l)
	forwardDefaults(&l)
	fromNetworkRules(&l)
	gatewayRules(&l)
	for _, port := range uplinkPorts {
		// A frame from the network is never sent back to it.
		l.drop(tableUplink, prioReserved, object.Match{InPort: port})
	}
	l.drop(tableUplink, prioDefault, object.Match{})
	return l
}

// guestSourceDefaults: whatever no port's own flow recognised is dropped; tables 0, 10 and 19.
func guestSourceDefaults(l *flowList) {
	l.drop(tableClassify, prioDefault, object.Match{})

	m := object.Match{EthType: ethIPv6, IPSrc: single(object.ServerLinkLocal)}
	l.drop(tableGuestSource, prioReserved, m)
	dad := matchND(icmpv6NeighborSolicitation)
	dad.IPSrc, dad.NDTarget = unspecifiedPrefix, single(object.ServerLinkLocal)
	l.drop(tableGuestSource, prioReserved, dad)
	dad.NDTarget = linkLocalPrefix
	l.add(tableGuestSource, prioAllow, dad, object.LookupTarget{Table: tableLinkLocal}, object.Goto{Table: tableNDTargetOwn})
	l.add(tableGuestSource, prioAllow, object.Match{EthType: ethIPv6, IPSrc: linkLocalPrefix},
		object.Resubmit{Table: tableLinkLocal}, object.Goto{Table: tableLinkLocalOwn})
	l.drop(tableGuestSource, prioDefault, object.Match{})

	for _, op := range []uint8{arpRequest, arpReply} {
		l.add(tableGuestARP, prioAllow, object.Match{EthType: ethARP, IPProto: op}, object.Goto{Table: tableForward})
	}
	l.drop(tableGuestARP, prioDefault, object.Match{})
}

// linkLocalDefaults: who a link-local address belongs to, and what follows; tables 11, 15, 16, 17 and 18.
func linkLocalDefaults(l *flowList) {
	l.add(tableLinkLocal, prioDefault, object.Match{}, object.Resubmit{Table: tableLearned})
	l.drop(tableLinkLocalOwn, prioDefault, object.Match{})

	na := matchND(icmpv6NeighborAdvertisement)
	na.NDTarget = linkLocalPrefix
	l.add(tableNDTarget, prioGeneral, na,
		object.SetReg{Reg: 5, Value: 0}, object.LookupTarget{Table: tableLinkLocal}, object.Goto{Table: tableNDTargetOwn})
	l.drop(tableNDTarget, prioDefault, object.Match{})

	// Duplicate address detection for an address nobody here uses yet.
	free := matchND(icmpv6NeighborSolicitation)
	free.Reg5 = object.Exact32(0)
	l.add(tableNDTargetOwn, prioGeneral, free, object.Goto{Table: tableForward})
	l.drop(tableNDTargetOwn, prioDefault, object.Match{})

	l.add(tableLearnVerdict, prioAllow, object.Match{Reg4: object.Masked32{Value: 1, Mask: 1}},
		object.Resubmit{Table: tableGuestIPv6})
	l.drop(tableLearnVerdict, prioDefault, object.Match{})
}

// guestIPv6Rules: what no guest may say in IPv6; table 13.
func guestIPv6Rules(l *flowList) {
	ipv6Headers(l, tableGuestIPv6, object.Goto{Table: tableForward})
	for _, kind := range []uint8{
		icmpv6None, icmpv6MLDQuery, icmpv6RouterSolicitation, icmpv6RouterAdvertisement, icmpv6Redirect,
		// A port's own flows let those with the right link-layer address pass.
		icmpv6NeighborSolicitation, icmpv6NeighborAdvertisement,
	} {
		l.drop(tableGuestIPv6, prioDrop, matchICMPv6(kind))
	}
	ns := matchND(icmpv6NeighborSolicitation)
	ns.NDTarget = single(object.ServerLinkLocal)
	l.drop(tableGuestIPv6, prioReserved, ns)
	na := matchND(icmpv6NeighborAdvertisement)
	na.Zero = object.ZeroNDTLL
	l.add(tableGuestIPv6, prioException, na, object.Goto{Table: tableNDTarget})
	dropUDP(l, tableGuestIPv6, ethIPv6, nil, []uint16{portDHCPv6Server})
	dropUDP(l, tableGuestIPv6, ethIPv6, []uint16{portDHCPv6Server}, []uint16{portDHCPv6Client})
	l.add(tableGuestIPv6, prioDefault, object.Match{}, object.Goto{Table: tableForward})
}

// ipv6Headers drops what hides its upper-layer header: a chain that cannot be followed, and first fragments of ICMPv6
// other than echo (RFC 6980 forbids fragmented ND; RFC 8200 4.5 wants the whole chain in the first fragment).
// next is where the exceptions lead.
func ipv6Headers(l *flowList, table uint8, next object.Action) {
	l.drop(table, prioReserved, object.Match{EthType: ethIPv6, Zero: object.ZeroIPProto})
	for _, kind := range []uint8{icmpv6EchoRequest, icmpv6EchoReply} {
		echo := matchICMPv6(kind)
		echo.Frag = object.FragFirst
		l.add(table, prioFragEcho, echo, next)
	}
	first := matchIPv6(protoICMPv6)
	first.Frag = object.FragFirst
	l.drop(table, prioFragICMP, first)
	udp := matchIPv6(protoUDP)
	udp.Frag, udp.Zero = object.FragFirst, object.ZeroUDPDst
	l.drop(table, prioDrop, udp)
}

// guestIPv4Rules: what no guest may say in IPv4; table 14.
func guestIPv4Rules(l *flowList) {
	ipv4Headers(l, tableGuestIPv4)
	for _, kind := range []uint8{icmpRedirect, icmpRouterAdvertisement} {
		m := matchIPv4(protoICMP)
		m.ICMPType = object.Some8(kind)
		l.drop(tableGuestIPv4, prioDrop, m)
	}
	dropUDP(l, tableGuestIPv4, ethIPv4, []uint16{portDHCPServer}, []uint16{portDHCPServer, portDHCPClient})
	l.add(tableGuestIPv4, prioDefault, object.Match{}, object.Goto{Table: tableForward})
}

// ipv4Headers drops first fragments that hide their UDP header. Later ones pass: without the first nothing is put
// together.
func ipv4Headers(l *flowList, table uint8) {
	udp := matchIPv4(protoUDP)
	udp.Frag, udp.Zero = object.FragFirst, object.ZeroUDPDst
	l.drop(table, prioDrop, udp)
}

func dropUDP(l *flowList, table uint8, eth uint16, src, dst []uint16) {
	for _, port := range src {
		l.drop(table, prioDrop, object.Match{EthType: eth, IPProto: protoUDP, UDPSrc: port})
	}
	for _, port := range dst {
		l.drop(table, prioDrop, object.Match{EthType: eth, IPProto: protoUDP, UDPDst: port})
	}
}

// forwardDefaults: table 20. A guest's frame that no local guest is meant to have goes to the network, one from the
// network goes nowhere.
func forwardDefaults(l *flowList) {
	l.drop(tableForward, prioReserved, object.Match{EthDst: object.ExactMAC(object.ServerMAC)})
	// IEEE 802.1D reserved addresses are never forwarded.
	l.drop(tableForward, prioReserved, object.Match{EthDst: object.MaskedMAC{
		Value: object.MAC{0x01, 0x80, 0xc2}, Mask: object.MAC{0xff, 0xff, 0xff, 0xff, 0xff, 0xf0},
	}})
	l.drop(tableForward, prioGeneral, object.Match{Reg6: object.Exact32(0)})
	l.add(tableForward, prioDefault, object.Match{}, object.Goto{Table: tableUplink})
}

// fromNetworkRules: what the physical network may not say to a guest; table 30. Only ARP, IPv4 and IPv6 pass, so a second
// VLAN tag never reaches a guest.
func fromNetworkRules(l *flowList) {
	const t = tableFromNetwork
	forward := object.Resubmit{Table: tableForward} // an earlier table: OpenFlow's goto only leads on
	l.drop(t, prioReserved, object.Match{EthSrc: object.ExactMAC(object.ServerMAC)})
	l.drop(t, prioReserved, object.Match{EthSrc: object.GroupMAC()})
	ipv6Headers(l, t, forward)
	ipv4Headers(l, t)
	for _, kind := range []uint8{icmpv6None, icmpv6RouterSolicitation, icmpv6RouterAdvertisement, icmpv6Redirect} {
		l.drop(t, prioDrop, matchICMPv6(kind))
	}
	l.drop(t, prioReserved, object.Match{EthType: ethIPv6, IPSrc: single(object.ServerLinkLocal)})
	na := matchND(icmpv6NeighborAdvertisement)
	na.NDTarget = single(object.ServerLinkLocal)
	l.drop(t, prioDrop, na)
	dropUDP(l, t, ethIPv6, []uint16{portDHCPv6Server}, []uint16{portDHCPv6Server, portDHCPv6Client})
	dropUDP(l, t, ethIPv4, []uint16{portDHCPServer}, []uint16{portDHCPServer, portDHCPClient})
	for _, eth := range []uint16{ethARP, ethIPv4, ethIPv6} {
		l.add(t, prioGeneral, object.Match{EthType: eth}, forward)
	}
	l.drop(t, prioDefault, object.Match{})
}
