package openvswitch

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"strings"

	"weft/hostnet/object"
	"weft/model"
	"weft/model/desired"
	"weft/reconcile/compile"
)

// trackFlows send the IP packets of a network with filtered ports here to the connection tracker before they are forwarded; table 20. Neighbour
// discovery, and reports of multicast listeners to groups, are not filtered. Other flows have checked them already.
func trackFlows(meta object.Masked64, zone uint16, scope uint32) []object.Flow {
	var l flowList
	first := object.Match{Metadata: meta, Reg4: bitOf(visitedBit, false)}
	past := []object.Action{setBit(visitedBit, true), object.Resubmit{Table: tableForward}}
	for kind := icmpv6RouterSolicitation; kind <= icmpv6Redirect; kind++ {
		m := matchICMPv6(kind)
		m.Metadata, m.Reg4 = first.Metadata, first.Reg4
		l.add(tableForward, prioTrackPast, m, past...)
	}
	for _, kind := range []uint8{icmpv6MLDQuery, icmpv6MLDReport, icmpv6MLDDone, icmpv6MLDv2Report} {
		m := matchICMPv6(kind)
		m.Metadata, m.Reg4, m.EthDst, m.TTL = first.Metadata, first.Reg4, object.GroupMAC(), hopLimitMLD
		l.add(tableForward, prioTrackPast, m, past...)
	}
	igmp := matchIPv4(protoIGMP)
	igmp.Metadata, igmp.Reg4, igmp.EthDst, igmp.TTL = first.Metadata, first.Reg4, object.GroupMAC(), hopLimitMLD
	l.add(tableForward, prioTrackPast, igmp, past...)
	track := []object.Action{setBit(visitedBit, true), setBit(trackedBit, true)}
	if scope != 0 {
		track = append(track, object.SetReg{Reg: 2, Value: scope})
	}
	track = append(track, object.Track{Zone: zone, Table: tableEgress})
	for _, eth := range []uint16{ethIPv4, ethIPv6} {
		m := first
		m.EthType = eth
		l.add(tableForward, prioTrack, m, track...)
		unknown := object.Match{Metadata: meta, EthType: eth, Conn: isNew(valid()), EthDst: object.MaskedMAC{Mask: object.GroupMAC().Mask}}
		l.add(tableRemember, prioGeneral, unknown, object.Commit{Zone: zone}, object.Resubmit{Table: tableForward})
		unknown.EthDst = object.MaskedMAC{}
		l.add(tableRememberShared, prioGeneral, unknown, object.Commit{Zone: zone})
	}
	return l
}

// filterDefaults are the flows of tables 60 to 67 that all ports share.
func filterDefaults(l *flowList) {
	forward := object.Resubmit{Table: tableForward}
	l.add(tableEgress, prioDefault, object.Match{}, forward) // the sender is not filtered
	l.add(tableEgressVerdict, prioAllow, object.Match{Reg4: bitOf(allowedBit, true)}, object.Goto{Table: tableRemember})
	l.reject(tableEgressVerdict, prioDefault, object.Match{}, object.RejectEgressRule)
	l.add(tableRemember, prioDefault, object.Match{}, forward)
	l.rejectHeard(tableIngress, prioDefault, object.Match{}, object.RejectIngressInvalid)
	l.rejectHeard(tableIngressVerdict, prioDefault, object.Match{}, object.RejectIngressRule)
}

// filterFlows judge what a port with security groups sends and receives; tables 20, 60, 61 and 65 to 67. A packet is judged by the rules of the
// direction in which its connection began: what a guest sends by its egress rules, but replies to others by its ingress rules. meter is what the
// guest's packets pass, 0 for none.
func filterFlows(l *flowList, p *desired.Port, meta object.Masked64, zone uint16, ofport, meter uint32) {
	to := object.Match{Metadata: meta, EthDst: object.ExactMAC(object.MAC(p.MAC)), Reg4: bitOf(trackedBit, true)}
	l.add(tableForward, prioTracked, to, receive(ofport)...)

	from, at := object.Match{InPort: ofport}, object.Match{Reg5: object.Exact32(ofport)}
	for _, reply := range []bool{false, true} {
		out, in := model.DirectionEgress, model.DirectionIngress
		if reply {
			out, in = in, out
		}
		sent, received := from, at
		sent.Conn, received.Conn = isReply(valid(), reply), isReply(valid(), reply)
		l.add(tableEgress, prioAllow, sent, append(lookUp(p.SecurityGroups, out), object.Goto{Table: tableEgressVerdict})...)
		l.add(tableIngress, prioAllow, received, append(lookUp(p.SecurityGroups, in), object.Goto{Table: tableIngressVerdict})...)
	}
	l.reject(tableEgress, prioGeneral, from, object.RejectEgressInvalid)

	// A connection is remembered when both its ends have allowed it, or else both directions could take the other one for its beginning.
	here := object.Match{Metadata: meta, EthDst: object.ExactMAC(object.MAC(p.MAC))}
	l.add(tableRemember, prioException, here, object.Resubmit{Table: tableForward})
	allowed := at
	allowed.Reg4 = bitOf(allowedBit, true)
	l.add(tableIngressVerdict, prioAllow, allowed, through(meter, object.Output{Port: ofport})...)
	for _, eth := range []uint16{ethIPv4, ethIPv6} {
		begins := allowed
		begins.Reg4.Mask |= 1 << sharedBit
		begins.EthType, begins.Conn = eth, isNew(valid())
		l.add(tableIngressVerdict, prioException, begins, through(meter, object.Commit{Zone: zone}, object.Output{Port: ofport})...)
	}
}

// receive gives a frame to table 66, for the guest at the port.
func receive(ofport uint32) []object.Action {
	return []object.Action{object.SetReg{Reg: 5, Value: ofport}, object.Resubmit{Table: tableIngress}}
}

// lookUp asks the rules of groups in one direction. If one of them allows the packet, allowedBit is set afterwards.
func lookUp(groups []string, d model.Direction) []object.Action {
	actions := []object.Action{setBit(allowedBit, false)}
	for _, uid := range groups {
		actions = append(actions, object.SetReg{Reg: 0, Value: rulesOf(compile.SecurityGroupNumber(uid), d)}, object.Resubmit{Table: tableGroup})
	}
	return actions
}

// filterSet are ports of a network with the same security groups. A group frame is judged once for all of them.
type filterSet struct {
	groups []string
	ports  []uint32
}

// groupFrames are the flows for tracked group frames of a network with filtered ports; tables 20 and 68. open are the ports that are not filtered.
func groupFrames(meta object.Masked64, open []uint32, sets []filterSet, interfaces []centralInterface) []object.Flow {
	var l flowList
	var judged []object.Action
	for i, set := range sets {
		number := uint32(i + 1)
		judged = append(judged, lookUp(set.groups, model.DirectionIngress)...)
		judged = append(judged, object.SetReg{Reg: 1, Value: number}, object.Resubmit{Table: tableGroupFrames})
		for _, eth := range []uint16{ethIPv4, ethIPv6} {
			m := object.Match{Metadata: meta, Reg1: object.Exact32(number), Reg4: bitOf(allowedBit, true), EthType: eth, Conn: isReply(valid(), false)}
			var out []object.Action
			for _, port := range set.ports {
				out = append(out, object.Output{Port: port})
			}
			l.add(tableGroupFrames, prioAllow, m, out...)
		}
	}
	m := object.Match{Metadata: meta, EthDst: object.GroupMAC(), Reg4: bitOf(trackedBit, true)}
	l.add(tableForward, prioTracked, m, append(judged, floodActions(open, interfaces)...)...)
	return l
}

// guestPorts lists the OpenFlow ports of the network's active guests, in the order of the ports' uids: all of them, those that are not filtered, and
// sets with the same security groups. They get group frames, and so does the external gateway port. The interfaces of distributed routers do
// not, because what they must receive is sent to them alone.
func guestPorts(s compile.Site, n *desired.Network) (all, open []uint32, sets []filterSet) {
	guests := s.Reader().Sorted(compile.GroupNetwork, n.UID)
	within := compile.Read{Of: groupFlood, Name: n.UID}
	ports := s.Derive(within, derivedFlood, guests, floodPort)
	hashes := s.Derive(within, derivedGroups, guests, groupsHash)
	byHash := map[uint32]int{}
	for i, port := range ports {
		if port == 0 {
			continue
		}
		all = append(all, port)
		if hashes[i] == 0 {
			open = append(open, port)
			continue
		}
		at, known := byHash[hashes[i]]
		if !known {
			at = len(sets)
			byHash[hashes[i]] = at
			sets = append(sets, filterSet{groups: s.Reader().Port(guests[i]).SecurityGroups})
		}
		sets[at].ports = append(sets[at].ports, port)
	}
	return all, open, sets
}

// groupsHash tells sets of security groups apart; 0 for a port that is not filtered.
func groupsHash(s compile.Site, uid string) uint32 {
	p := s.Reader().Port(uid)
	if p == nil || len(p.SecurityGroups) == 0 {
		return 0
	}
	sum := sha256.Sum256([]byte(strings.Join(slices.Sorted(slices.Values(p.SecurityGroups)), " ")))
	return max(binary.BigEndian.Uint32(sum[:4]), 1)
}
