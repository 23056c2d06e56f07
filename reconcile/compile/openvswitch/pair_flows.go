package openvswitch

import (
	"maps"
	"net/netip"
	"slices"

	"weft/hostnet/object"
	"weft/model/desired"
	"weft/reconcile/compile"
)

// pairFlows let a guest use its allowed address pairs: each block of addresses with its MAC, as source, in ARP and in ND; tables 0, 10, 13
// and 16. enter is what table 0 does with frames from the guest's own MAC. From the MAC of a pair the guest may also use its own addresses, but not
// announce them: VRRP sends its advertisements so (RFC 9568 7.2).
func pairFlows(l *flowList, p *desired.Port, from object.Match, enter []object.Action) {
	for _, mac := range compile.PairMACs(p) {
		who := from
		who.VLAN, who.EthSrc = object.VLANUntagged(), object.ExactMAC(mac)
		l.add(tableClassify, prioAllow, who, enter...)
		neighborFlows(l, from, mac)
	}
	for _, pair := range p.AddressPairs {
		mac := object.MAC(pair.MAC)
		sender := from
		sender.EthSrc = object.ExactMAC(mac)
		if pair.Address.Addr().Is4() {
			ipv4SourceFlows(l, sender, mac, pair.Address.Prefix)
		} else {
			ipv6SourceFlows(l, sender, pair.Address.Prefix)
		}
	}
}

// sharedMACFlows deliver what is sent to a MAC of allowed address pairs: to all active guests here that may have it, and to the physical
// network, where others may be. Nothing is learned. The guest that has it at present takes the frame; table 20. filters says that the network has
// filtered ports here.
func sharedMACFlows(s compile.Site, n *desired.Network, meta object.Masked64, filters bool) []object.Flow {
	if !n.AddressPairs {
		return nil
	}
	holders, tracked := map[object.MAC][]object.Action{}, map[object.MAC][]object.Action{}
	for _, uid := range s.Reader().Sorted(compile.GroupNetwork, n.UID) {
		p := s.Reader().Port(uid)
		if p == nil || len(p.AddressPairs) == 0 {
			continue
		}
		if ofport := floodPort(s, uid); ofport != 0 {
			for _, mac := range compile.PairMACs(p) {
				holders[mac] = append(holders[mac], object.Output{Port: ofport})
				if len(p.SecurityGroups) > 0 {
					tracked[mac] = append(tracked[mac], receive(ofport)...)
				} else {
					tracked[mac] = append(tracked[mac], object.Output{Port: ofport})
				}
			}
		}
	}
	var l flowList
	for _, mac := range slices.SortedFunc(maps.Keys(holders), func(a, b object.MAC) int { return slices.Compare(a[:], b[:]) }) {
		to := object.Match{Metadata: meta, EthDst: object.ExactMAC(mac)}
		l.add(tableForward, prioAllow, to, append(holders[mac], object.Goto{Table: tableUplink})...)
		if !filters {
			continue
		}
		// The tracker's state is gone once a connection is remembered. All guests are asked before.
		asked := append([]object.Action{setBit(sharedBit, true)}, tracked[mac]...)
		asked = append(asked, object.Resubmit{Table: tableRememberShared}, object.Goto{Table: tableUplink})
		l.add(tableRemember, prioException, to, object.Resubmit{Table: tableForward})
		to.Reg4 = bitOf(trackedBit, true)
		l.add(tableForward, prioTracked, to, asked...)
	}
	return l
}

// pairAnnouncements let the interface of a distributed router hear where an address of allowed address pairs is now: group frames with ARP
// and with advertisements go to it too; table 20. flood is where the other group frames go, and of isolated guests others.
func pairAnnouncements(s compile.Site, n *desired.Network, meta object.Masked64, flood, others []object.Action) []object.Flow {
	router := distributedPort(s, n)
	if router == 0 {
		return nil
	}
	hear := func(actions []object.Action) []object.Action {
		return append([]object.Action{object.Output{Port: router}}, actions...)
	}
	na := matchND(icmpv6NeighborAdvertisement)
	var l flowList
	for _, m := range []object.Match{{EthType: ethARP}, na} {
		m.Metadata, m.EthDst = meta, object.GroupMAC()
		l.add(tableForward, prioAnnouncement, m, hear(flood)...)
		if n.IsolateGuests {
			m.Reg4 = fromIsolated(meta).Reg4
			l.add(tableForward, prioIsolatedAnnouncement, m, hear(others)...)
		}
	}
	return l
}

// distributedPort is the OpenFlow port of the distributed router's interface on a network with allowed address pairs; 0 when there is none.
func distributedPort(s compile.Site, n *desired.Network) uint32 {
	if !n.AddressPairs {
		return 0
	}
	device := s.Distributed(n.UID)
	if device == "" {
		return 0
	}
	return interfacePort(s, device)
}

// resolutionFlows let a distributed router resolve addresses that are on other hosts, because nobody is told where an address of allowed
// address pairs is; tables 20 and 50. All hosts have the gateway's MAC and addresses, so nothing may leave with them:
//
//   - An ARP request leaves as a probe (RFC 5227: sender address 0.0.0.0) from the host's router MAC. Who has the address answers to that
//     MAC, and learns nothing of the gateway.
//   - A solicitation leaves from the host's router MAC and the link-local address that is made from it.
//   - The answers come to the host's router MAC, and are given to the router interface as if they were for the gateway.
func resolutionFlows(l *flowList, n *desired.Network, w segment, iface compile.RouterInterface, ofport uint32, routerMAC object.MAC) {
	if !n.AddressPairs {
		return
	}
	meta := object.Exact64(w.number)
	leave := append([]object.Action{object.SetEthSrc{MAC: routerMAC}}, w.leave(n)...)
	arp := object.Match{Metadata: meta, Reg6: object.Exact32(ofport), EthType: ethARP, IPProto: arpRequest}
	l.add(tableUplink, prioException, arp,
		append([]object.Action{object.SetARPSHA{MAC: routerMAC}, object.SetARPSPA{Addr: zeroIPv4Prefix.Addr()}}, leave...)...)
	ns := matchND(icmpv6NeighborSolicitation)
	ns.Metadata, ns.Reg6 = meta, object.Exact32(ofport)
	l.add(tableUplink, prioException, ns,
		append([]object.Action{object.SetNDSLL{MAC: routerMAC}, object.SetIPv6Src{Addr: routerMAC.LinkLocal()}}, leave...)...)

	// What the router interface asks about its own addresses stays here.
	for _, a := range append([]netip.Addr{object.GatewayLinkLocal}, iface.Addresses...) {
		about := arp
		if a.Is4() {
			about.ARPTPA = single(a)
		} else {
			about = ns
			about.NDTarget = single(a)
		}
		l.drop(tableUplink, prioReserved, about)
	}

	reply := object.Match{Metadata: meta, EthDst: object.ExactMAC(routerMAC), EthType: ethARP, IPProto: arpReply}
	l.add(tableForward, prioAllow, reply, object.SetEthDst{MAC: iface.MAC}, object.Output{Port: ofport})
	na := matchND(icmpv6NeighborAdvertisement)
	na.Metadata, na.EthDst, na.IPDst = meta, object.ExactMAC(routerMAC), single(routerMAC.LinkLocal())
	l.add(tableForward, prioAllow, na, object.SetEthDst{MAC: iface.MAC}, object.SetIPv6Dst{Addr: object.GatewayLinkLocal}, object.Output{Port: ofport})
}
