package openvswitch

import (
	"weft/hostnet/object"
	"weft/model/desired"
)

// fromUplink is the table that looks first at the network's frames from the physical network.
func fromUplink(n *desired.Network) uint8 {
	if n.IsolateGuests {
		return tableFromIsolated
	}
	return tableFromNetwork
}

// isolationFlows mark, for a network that isolates its guests, what comes from guests on other hosts, and keep group frames of guests from
// the guests here; tables 29 and 20. The MACs of all guests begin with one of the prefixes. So do those of routers, which may reach
// guests, and which are therefore named one by one.
func isolationFlows(n *desired.Network, meta object.Masked64, prefixes []object.MAC, others []object.Action) []object.Flow {
	if !n.IsolateGuests {
		return nil
	}
	var l flowList
	next := object.Goto{Table: tableFromNetwork}
	for _, mac := range n.RouterMACs {
		l.add(tableFromIsolated, prioException, object.Match{Metadata: meta, EthSrc: object.ExactMAC(object.MAC(mac))}, next)
	}
	for _, p := range prefixes {
		l.add(tableFromIsolated, prioAllow, object.Match{Metadata: meta, EthSrc: p.Prefix()}, markIsolated(), next)
	}
	l.add(tableFromIsolated, prioGeneral, object.Match{Metadata: meta}, next)
	group := fromIsolated(meta)
	group.EthDst = object.GroupMAC()
	l.add(tableForward, prioIsolated, group, others...)
	return l
}
