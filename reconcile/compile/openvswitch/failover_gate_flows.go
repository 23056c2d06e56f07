package openvswitch

import (
	"weft/hostnet/object"
	"weft/model/desired"
	"weft/reconcile/compile"
)

// failoverGateReg has the port that LoadLive found. It is the router interface's own port when the failover gate is open.
const failoverGateReg = 5

// live loads the first live port of those before this host and of the router interface itself.
func (g failoverGate) live(ofport uint32) object.LoadLive {
	l := object.LoadLive{Reg: failoverGateReg}
	copy(l.Ports[:], append(append([]uint32(nil), g.before...), ofport))
	return l
}

// centralInterfaceFlows are the flows of a centralized router's interface. It is like a guest that may use any source
// address, behind a failover gate. A frame for the router that does not pass the failover gate goes to the physical network, where the
// active gateway host is.
func centralInterfaceFlows(number uint64, iface compile.RouterInterface, g failoverGate, ofport uint32) []object.Flow {
	var l flowList
	meta, open := object.Exact64(number), object.Exact32(ofport)
	from := object.Match{InPort: ofport, VLAN: object.VLANUntagged(), EthSrc: object.ExactMAC(iface.MAC)}
	to := object.Match{Metadata: meta, EthDst: object.ExactMAC(iface.MAC)}
	mark := []object.Action{object.SetReg{Reg: 6, Value: ofport}, object.SetMetadata{Value: number}}
	if len(g.before) == 0 {
		l.add(tableClassify, prioAllow, from, append(mark, object.Goto{Table: tableForward})...)
		l.add(tableForward, prioAllow, to, object.Output{Port: ofport})
		return l
	}
	live := g.live(ofport)
	l.add(tableClassify, prioAllow, from, append(mark, live, object.Goto{Table: tableFailoverGateFrom})...)
	l.add(tableFailoverGateFrom, prioAllow, object.Match{Metadata: meta, Reg5: open, Reg6: open}, object.Resubmit{Table: tableForward})
	l.add(tableForward, prioAllow, to, live, object.Goto{Table: tableFailoverGateTo})
	l.add(tableFailoverGateTo, prioAllow, object.Match{Metadata: meta, Reg5: open}, object.Output{Port: ofport})
	l.add(tableFailoverGateTo, prioGeneral, to, object.Goto{Table: tableUplink})
	return l
}

// floodActions send a group frame to the network's guests and router interfaces here. Each failover gate is checked again for each
// frame.
func floodActions(guests []uint32, interfaces []centralInterface) []object.Action {
	var actions []object.Action
	for _, port := range guests {
		actions = append(actions, object.Output{Port: port})
	}
	for _, iface := range interfaces {
		if len(iface.gate.before) == 0 {
			actions = append(actions, object.Output{Port: iface.ofport})
			continue
		}
		actions = append(actions, iface.gate.live(iface.ofport), object.Resubmit{Table: tableFailoverGateTo})
	}
	return append(actions, object.Goto{Table: tableUplink})
}

// centralNetworkRules prevent guests from using the link-local address of the network's centralized router; table 10.
func centralNetworkRules(l *flowList, n *desired.Network, meta object.Masked64) {
	if n.CentralMAC.IsZero() {
		return
	}
	reserveLinkLocal(l, meta, object.MAC(n.CentralMAC).LinkLocal())
}
