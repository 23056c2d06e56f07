package openvswitch

import (
	"weft/hostnet/object"
	"weft/model/desired"
	"weft/reconcile/compile"
)

// gateReg has the port that LoadLive found. It is the leg's own port when the gate is open.
const gateReg = 5

// live loads the first live port of those before this host and of the leg itself.
func (g gate) live(ofport uint32) object.LoadLive {
	l := object.LoadLive{Reg: gateReg}
	copy(l.Ports[:], append(append([]uint32(nil), g.before...), ofport))
	return l
}

// centralLegFlows are the flows of a centralized router's leg. The leg is like a guest that may use any source address, behind a
// gate. A frame for the router that does not pass the gate goes to the physical network, where the active gateway host is.
func centralLegFlows(number uint64, leg compile.Leg, g gate, ofport uint32) []object.Flow {
	var l flowList
	meta, open := object.Exact64(number), object.Exact32(ofport)
	from := object.Match{InPort: ofport, VLAN: object.VLANUntagged(), EthSrc: object.ExactMAC(leg.MAC)}
	to := object.Match{Metadata: meta, EthDst: object.ExactMAC(leg.MAC)}
	mark := []object.Action{object.SetReg{Reg: 6, Value: ofport}, object.SetMetadata{Value: number}}
	if len(g.before) == 0 {
		l.add(tableClassify, prioAllow, from, append(mark, object.Goto{Table: tableForward})...)
		l.add(tableForward, prioAllow, to, object.Output{Port: ofport})
		return l
	}
	live := g.live(ofport)
	l.add(tableClassify, prioAllow, from, append(mark, live, object.Goto{Table: tableGateFrom})...)
	l.add(tableGateFrom, prioAllow, object.Match{Metadata: meta, Reg5: open, Reg6: open}, object.Resubmit{Table: tableForward})
	l.add(tableForward, prioAllow, to, live, object.Goto{Table: tableGateTo})
	l.add(tableGateTo, prioAllow, object.Match{Metadata: meta, Reg5: open}, object.Output{Port: ofport})
	l.add(tableGateTo, prioGeneral, to, object.Goto{Table: tableUplink})
	return l
}

// floodActions send a group frame to the network's guests and legs here. Each gate is checked again for each frame.
func floodActions(guests []uint32, legs []centralLeg) []object.Action {
	var actions []object.Action
	for _, port := range guests {
		actions = append(actions, object.Output{Port: port})
	}
	for _, leg := range legs {
		if len(leg.gate.before) == 0 {
			actions = append(actions, object.Output{Port: leg.ofport})
			continue
		}
		actions = append(actions, leg.gate.live(leg.ofport), object.Resubmit{Table: tableGateTo})
	}
	return append(actions, object.Goto{Table: tableUplink})
}

// centralNetworkRules prevent guests from using the link-local address of the network's centralized router; table 10.
func centralNetworkRules(l *flowList, n *desired.Network, meta object.Masked64) {
	if n.CentralMAC.IsZero() {
		return
	}
	own := single(object.MAC(n.CentralMAC).LinkLocal())
	l.drop(tableGuestSource, prioReserved, object.Match{Metadata: meta, EthType: ethIPv6, IPSrc: own})
	dad := matchND(icmpv6NeighborSolicitation)
	dad.Metadata, dad.IPSrc, dad.NDTarget = meta, unspecifiedPrefix, own
	l.drop(tableGuestSource, prioReserved, dad)
}
