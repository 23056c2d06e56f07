package openvswitch

import (
	"net/netip"

	"weft/hostnet/object"
)

// bridgeFlows are the flows that all guests share: what no guest may send, what the network may not send to a guest, and the
// default of every table. None of them matches a guest's port or a network, so they never collide with those of other sets.
func bridgeFlows(uplinkPorts []uint32, macPrefixes []object.MAC, cookie uint64) []object.Flow {
	var l flowList
	rejectFlows(&l, cookie)
	guestSourceDefaults(&l)
	linkLocalDefaults(&l, macPrefixes)
	guestIPv6Rules(&l)
	guestIPv4Rules(&l)
	forwardDefaults(&l)
	filterDefaults(&l)
	l.add(tableLearnMAC, prioDefault, object.Match{}, object.Resubmit{Table: tableForward})
	l.drop(tableFromIsolated, prioDefault, object.Match{})
	fromNetworkRules(&l)
	gatewayRules(&l)
	metadataFlows(&l)
	for _, port := range uplinkPorts {
		// A frame from the network is never sent back to it.
		l.drop(tableUplink, prioReserved, object.Match{InPort: port})
	}
	l.drop(tableUplink, prioDefault, object.Match{})
	return l
}

// guestSourceDefaults drops what no port's own flow allows; tables 0, 10 and 19.
func guestSourceDefaults(l *flowList) {
	l.drop(tableClassify, prioDefault, object.Match{})

	m := object.Match{EthType: ethIPv6, IPSrc: single(object.ServerLinkLocal)}
	l.reject(tableGuestSource, prioReserved, m, object.RejectReserved)
	dad := matchND(icmpv6NeighborSolicitation)
	dad.IPSrc, dad.NDTarget = unspecifiedPrefix, single(object.ServerLinkLocal)
	l.reject(tableGuestSource, prioReserved, dad, object.RejectReserved)
	dad = validDAD()
	dad.NDTarget = linkLocalPrefix
	l.add(tableGuestSource, prioAllow, dad,
		object.LookupTarget{Table: tableLinkLocal}, bounded(ndOneOption), object.Goto{Table: tableNDTargetOwn})
	l.add(tableGuestSource, prioAllow, object.Match{EthType: ethIPv6, IPSrc: linkLocalPrefix},
		object.Resubmit{Table: tableLinkLocal}, object.Goto{Table: tableLinkLocalOwn})
	bootstrapDrops(l)
	other := matchICMPv6(icmpv6NeighborSolicitation)
	other.IPSrc = unspecifiedPrefix
	l.reject(tableGuestSource, prioUnspecified, other, object.RejectNeighborDiscovery)
	l.reject(tableGuestSource, prioGeneral, object.Match{EthType: ethARP}, object.RejectARP)
	l.reject(tableGuestSource, prioGeneral, object.Match{EthType: ethIPv4}, object.RejectSourceIPv4)
	l.reject(tableGuestSource, prioGeneral, object.Match{EthType: ethIPv6}, object.RejectSourceIPv6)
	l.reject(tableGuestSource, prioDefault, object.Match{}, object.RejectProtocol)

	for _, op := range []uint8{arpRequest, arpReply} {
		l.add(tableGuestARP, prioAllow, object.Match{EthType: ethARP, IPProto: op}, object.Goto{Table: tableForward})
	}
	l.reject(tableGuestARP, prioDefault, object.Match{}, object.RejectARP)
}

// bootstrapDrops are about what every guest sends before it has an address: table 10. weftd hears DHCP and router solicitations on the guest's own
// device. Nobody needs the reports that a guest sends before it has a link-local address (RFC 3590).
func bootstrapDrops(l *flowList) {
	discover := matchIPv4(protoUDP)
	discover.IPSrc, discover.UDPDst = zeroIPv4Prefix, portDHCPServer
	l.drop(tableGuestSource, prioAllow, discover)
	for _, kind := range []uint8{icmpv6RouterSolicitation, icmpv6MLDReport, icmpv6MLDv2Report} {
		m := matchICMPv6(kind)
		m.IPSrc = unspecifiedPrefix
		l.drop(tableGuestSource, prioAllow, m)
	}
}

// linkLocalDefaults decides who owns a link-local address; tables 11, 15, 16, 17 and 18. An address derived from a MAC with one of
// Weft's prefixes belongs to the owner of the MAC, on whatever host, and to nobody else here.
func linkLocalDefaults(l *flowList, macPrefixes []object.MAC) {
	l.add(tableLinkLocal, prioDefault, object.Match{}, object.Resubmit{Table: tableLearned})
	for _, m := range macPrefixes {
		l.add(tableLinkLocal, prioGeneral, object.Match{EthType: ethIPv6, IPSrc: m.DerivedLinkLocal()},
			object.SetReg{Reg: 5, Value: object.NoPort})
	}
	l.reject(tableLinkLocalOwn, prioDefault, object.Match{}, object.RejectSourceIPv6)

	na := matchND(icmpv6NeighborAdvertisement)
	na.NDTarget = linkLocalPrefix
	l.add(tableNDTarget, prioGeneral, na,
		object.SetReg{Reg: 5, Value: 0}, object.LookupTarget{Table: tableLinkLocal}, object.Goto{Table: tableNDTargetOwn})
	l.reject(tableNDTarget, prioDefault, object.Match{}, object.RejectNeighborDiscovery)

	// Duplicate address detection for an address nobody here uses yet.
	free := matchND(icmpv6NeighborSolicitation)
	free.Reg5 = object.Exact32(0)
	l.add(tableNDTargetOwn, prioGeneral, free, object.Goto{Table: tableForward})
	l.reject(tableNDTargetOwn, prioDefault, object.Match{}, object.RejectNeighborDiscovery)

	l.add(tableLearnLimit, prioAllow, object.Match{Reg4: object.Masked32{Value: 1, Mask: 1}},
		object.Resubmit{Table: tableGuestIPv6})
	l.reject(tableLearnLimit, prioDefault, object.Match{}, object.RejectSourceIPv6)
}

// guestIPv6Rules drops what no guest may send in IPv6; table 13.
func guestIPv6Rules(l *flowList) {
	ipv6Headers(l, tableGuestIPv6, object.Goto{Table: tableForward}, l.because(object.RejectHiddenHeader))
	l.drop(tableGuestIPv6, prioDrop, matchICMPv6(icmpv6RouterSolicitation)) // weftd answers it
	for _, r := range []struct {
		why   object.RejectReason
		kinds []uint8
	}{
		{object.RejectHiddenHeader, []uint8{icmpv6None}},
		{object.RejectRouterAdvert, []uint8{icmpv6RouterAdvertisement, icmpv6Redirect}},
		// The port's own flows allow those with the right link-layer address.
		{object.RejectNeighborDiscovery, []uint8{icmpv6NeighborSolicitation, icmpv6NeighborAdvertisement}},
		{object.RejectMulticastQuerier, []uint8{icmpv6MLDQuery,
			icmpv6MulticastRouterAdvertisement, icmpv6MulticastRouterSolicitation, icmpv6MulticastRouterTermination}},
	} {
		for _, kind := range r.kinds {
			l.reject(tableGuestIPv6, prioDrop, matchICMPv6(kind), r.why)
		}
	}
	ns := matchND(icmpv6NeighborSolicitation)
	ns.NDTarget = single(object.ServerLinkLocal)
	l.drop(tableGuestIPv6, prioReserved, ns) // weftd answers it
	na := validND(icmpv6NeighborAdvertisement)
	na.Zero = object.ZeroNDTLL
	l.add(tableGuestIPv6, prioException, na, bounded(ndWithoutOption), object.Goto{Table: tableNDTarget})
	dropUDP(l.drop, tableGuestIPv6, prioDrop, ethIPv6, nil, []uint16{portDHCPv6Server}) // weftd answers it
	dropUDP(l.because(object.RejectDHCPServer), tableGuestIPv6, prioException, ethIPv6, []uint16{portDHCPv6Server}, []uint16{portDHCPv6Client})
	l.add(tableGuestIPv6, prioDefault, object.Match{}, object.Goto{Table: tableForward})
}

// guestIPv4Rules drops what no guest may send in IPv4; table 14.
func guestIPv4Rules(l *flowList) {
	ipv4Headers(tableGuestIPv4, l.because(object.RejectHiddenHeader))
	for _, kind := range []uint8{icmpRedirect, icmpRouterAdvertisement} {
		m := matchIPv4(protoICMP)
		m.ICMPType = object.Some8(kind)
		l.reject(tableGuestIPv4, prioDrop, m, object.RejectRouterAdvert)
	}
	dropUDP(l.drop, tableGuestIPv4, prioDrop, ethIPv4, nil, []uint16{portDHCPServer}) // weftd answers it
	dropUDP(l.because(object.RejectDHCPServer), tableGuestIPv4, prioException, ethIPv4, []uint16{portDHCPServer}, []uint16{portDHCPClient})
	guestIGMPRules(l)
	l.add(tableGuestIPv4, prioDefault, object.Match{}, object.Goto{Table: tableForward})
}

// guestIGMPRules: a guest may report groups and send no queries. OVS does not show the type, so the destination decides. Queries go
// to all systems, multicast router discovery goes to all routers or snoopers, and reports go to the group itself or to 224.0.0.22
// (RFC 3376). A query for one group cannot be distinguished from an IGMPv2 report of it.
func guestIGMPRules(l *flowList) {
	igmp := matchIPv4(protoIGMP)
	part := igmp
	part.Frag = object.FragYes
	l.reject(tableGuestIPv4, prioException, part, object.RejectMulticastQuerier)
	for _, group := range []netip.Prefix{allSystems, allRouters, allSnoopers} {
		m := igmp
		m.IPDst = group
		l.reject(tableGuestIPv4, prioException, m, object.RejectMulticastQuerier)
	}
	report := igmp
	report.IPDst = multicastIPv4
	l.add(tableGuestIPv4, prioDrop, report, object.Goto{Table: tableForward})
	l.reject(tableGuestIPv4, prioAllow, igmp, object.RejectMulticastQuerier)
}

// forwardDefaults: table 20. A guest's frame that is for no local guest goes to the network. Such a frame from the network is
// dropped.
func forwardDefaults(l *flowList) {
	l.drop(tableForward, prioReserved, object.Match{Reg4: bitOf(tooLongBit, true)})
	l.drop(tableForward, prioReserved, object.Match{EthDst: object.ExactMAC(object.ServerMAC)})
	// IEEE 802.1D reserved addresses are never forwarded.
	l.reject(tableForward, prioReserved, object.Match{EthDst: object.MaskedMAC{
		Value: object.MAC{0x01, 0x80, 0xc2}, Mask: object.MAC{0xff, 0xff, 0xff, 0xff, 0xff, 0xf0},
	}}, object.RejectReserved)
	l.drop(tableForward, prioGeneral, object.Match{Reg6: object.Exact32(0)})
	broadcastDefaults(l)
}
