package openvswitch

import (
	"net/netip"

	"weft/hostnet/object"
	"weft/model/desired"
)

// portFlows are the flows of one active guest: who it is, which source addresses it may use, and how frames reach it. There are
// eleven flows, and three more for each address (IPv4: source, ARP sender, ARP probe; IPv6: source, duplicate address detection, ND
// target). Limits add meters to these flows, and one flow if both bits and packets are limited. One flow fewer is there if what the guest
// sends to many is unlimited. If the network isolates its guests, one
// more keeps their frames from it. Allowed address pairs add three flows for each block, and three for each MAC. Security groups add 10
// flows, however many they are.
func portFlows(p *desired.Port, network uint64, isolated bool, zone uint16, ofport uint32) []object.Flow {
	var l flowList
	ids := metersOf(p.Limits, ofport)
	mac, meta := object.MAC(p.MAC), object.Exact64(network)
	from := object.Match{InPort: ofport}

	who := from
	who.VLAN, who.EthSrc = object.VLANUntagged(), object.ExactMAC(mac)
	meter, next := ids.entry()
	enter := []object.Action{object.SetReg{Reg: 6, Value: ofport}, object.SetMetadata{Value: network}}
	if isolated {
		enter = append(enter, markIsolated())
		other := fromIsolated(meta)
		other.EthDst = object.ExactMAC(mac)
		l.reject(tableForward, prioIsolated, other, object.RejectIsolated)
	}
	enter = through(meter, append(enter, object.Goto{Table: next})...)
	l.add(tableClassify, prioAllow, who, enter...)
	limitFlows(&l, from, ids)
	broadcastFlows(&l, ofport, ids.broadcast)
	rejectSource(&l, ofport)

	for _, a := range p.Addresses {
		if a.Is4() {
			ipv4SourceFlows(&l, from, mac, single(a.Addr))
		} else {
			ipv6SourceFlows(&l, from, single(a.Addr))
		}
	}
	pairFlows(&l, p, from, enter)
	linkLocalFlows(&l, p, network, ofport)
	neighborFlows(&l, from, mac)

	here := object.Match{Metadata: meta, EthDst: object.ExactMAC(mac)}
	l.add(tableForward, prioAllow, here, through(ids.ingressPackets, object.Output{Port: ofport})...)
	if len(p.SecurityGroups) > 0 {
		filterFlows(&l, p, meta, zone, ofport, ids.ingressPackets)
	}
	// The guest is on this host. A frame from the network with its MAC as source is a loop or spoofed.
	l.drop(tableFromNetwork, prioReserved, object.Match{Metadata: meta, EthSrc: object.ExactMAC(mac)})
	return l
}

// ipv4SourceFlows: table 10 for a block of IPv4 addresses. A probe (RFC 5227) may only ask for the port's own addresses. Otherwise it could
// make others give up their addresses.
func ipv4SourceFlows(l *flowList, from object.Match, mac object.MAC, own netip.Prefix) {
	ip := from
	ip.EthType, ip.IPSrc = ethIPv4, own
	l.add(tableGuestSource, prioAllow, ip, object.Goto{Table: tableGuestIPv4})

	arp := from
	arp.EthType, arp.ARPSHA, arp.ARPSPA = ethARP, mac, own
	l.add(tableGuestSource, prioAllow, arp, object.Goto{Table: tableGuestARP})

	probe := from
	probe.EthType, probe.IPProto, probe.ARPSHA = ethARP, arpRequest, mac
	probe.ARPSPA, probe.ARPTPA = zeroIPv4Prefix, own
	l.add(tableGuestSource, prioAllow, probe, object.Goto{Table: tableForward})
}

// ipv6SourceFlows: tables 10 and 16 for a block of global IPv6 addresses.
func ipv6SourceFlows(l *flowList, from object.Match, own netip.Prefix) {
	ip := from
	ip.EthType, ip.IPSrc = ethIPv6, own
	l.add(tableGuestSource, prioAllow, ip, object.Goto{Table: tableGuestIPv6})

	dad := validDAD()
	dad.InPort, dad.EthSrc, dad.NDTarget = from.InPort, from.EthSrc, own
	l.add(tableGuestSource, prioAllow, dad, bounded(ndOneOption), object.Goto{Table: tableForward})

	na := matchND(icmpv6NeighborAdvertisement)
	na.InPort, na.EthSrc, na.NDTarget = from.InPort, from.EthSrc, own
	l.add(tableNDTarget, prioAllow, na, object.Goto{Table: tableForward})
}

// linkLocalFlows: tables 11, 15 and 17. The address derived from the port's MAC always belongs to the port. Any other link-local
// address belongs to the port of the network that used it first. The number for each port is bounded.
func linkLocalFlows(l *flowList, p *desired.Port, network uint64, ofport uint32) {
	derived := object.Match{Metadata: object.Exact64(network), EthType: ethIPv6, IPSrc: single(object.MAC(p.MAC).LinkLocal())}
	l.add(tableLinkLocal, prioAllow, derived, object.SetReg{Reg: 5, Value: ofport})

	free := object.Match{InPort: ofport, EthType: ethIPv6, Reg5: object.Exact32(0)}
	l.add(tableLinkLocalOwn, prioAllow, free, object.LearnLinkLocal{
		Table: tableLearned, Cookie: learnCookie(p.UID, ofport), Limit: linkLocalLimit, IdleTimeout: linkLocalIdleSeconds,
	}, object.Goto{Table: tableLearnLimit})

	own := object.Match{InPort: ofport, Reg5: object.Exact32(ofport)}
	l.add(tableLinkLocalOwn, prioAllow, own, object.Resubmit{Table: tableGuestIPv6})
	l.add(tableNDTargetOwn, prioAllow, own, object.Goto{Table: tableForward})
}

// neighborFlows: table 13. A link-layer address in ND must be the port's own. A solicitation always carries one (RFC 4861 7.2.2).
func neighborFlows(l *flowList, from object.Match, mac object.MAC) {
	ns := validND(icmpv6NeighborSolicitation)
	ns.InPort, ns.NDSLL = from.InPort, mac
	l.add(tableGuestIPv6, prioException, ns, bounded(ndTwoOptions), object.Goto{Table: tableForward})

	na := validND(icmpv6NeighborAdvertisement)
	na.InPort, na.NDTLL = from.InPort, mac
	l.add(tableGuestIPv6, prioException, na, bounded(ndOneOption), object.Goto{Table: tableNDTarget})
}
