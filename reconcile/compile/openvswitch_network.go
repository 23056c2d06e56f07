package compile

import (
	"weft/hostnet/object"
	"weft/model/desired"
)

// networkState is what Open vSwitch needs to know of one network.
type networkState struct {
	number uint64
	// pending says why the network only reaches this host, or what its uplink waits for; empty when its uplink works.
	pending    string
	device     string // the uplink's netdev; empty for a network without one
	uplinkPort uint32
}

// Network adds the network's flows: how its frames arrive from the physical network, where group frames go, and how frames leave.
func (OpenVSwitch) Network(b *Builder, s Site, n *desired.Network) {
	h := s.Host
	if s.bridgeRefusal(h) != "" {
		b.Pend("waits for the host's bridge")
		return
	}
	wire := s.networkState(h, n)
	if wire.pending != "" {
		b.Pend("%s", wire.pending)
	}
	after := []object.Key{flowSetKey(h.Bridge, h.UID, FeatureBridge)}
	if wire.device != "" {
		after = append(after, object.Key{Kind: object.KindUplink, Name: wire.device})
	}
	b.Add(&object.FlowSet{
		OwnerUID: n.UID, Bridge: h.Bridge, Feature: FeatureNetwork, Cookie: Cookie(n.UID, FeatureNetwork),
		Flows: networkFlows(n, wire, floodActions(s.floodPorts(n), s.centralLegs(n))), After: after,
	})
	s.sessions(b, n, wire)
}

// networkState finds the uplink of a network's physical network.
func (c Compiler) networkState(h *desired.Host, n *desired.Network) networkState {
	var s networkState
	s.number, _ = NetworkNumber(n.UID)
	for i, up := range h.Uplinks {
		if up.PhysicalNetwork != n.PhysicalNetwork {
			continue
		}
		state := c.uplink(h, i)
		switch {
		case state.refused != "":
			s.pending = onlyLocal + state.refused
		case state.missing:
			s.pending = onlyLocal + state.pending
		default:
			s.device, s.uplinkPort = up.Interface, state.ofport
			if state.ofport == 0 {
				s.pending = state.pending
			}
		}
		return s
	}
	s.pending = onlyLocal + "it has no uplink to physical network " + quote(n.PhysicalNetwork)
	return s
}

// floodPort is the OpenFlow port of an active guest that gets group frames; 0 when the port is refused or has no number.
func (c Compiler) floodPort(uid string) uint32 {
	h, p := c.declaredHost(), c.read.Port(uid)
	if h == nil || p == nil || p.State != desired.StateActive || c.portRefusal(c.read.Network(p.Network), p) != "" {
		return 0
	}
	a := c.attach(h, p)
	if a.refused != "" {
		return 0
	}
	return a.ofport
}

// onlyLocal is the beginning of the sentence about a network without a usable uplink.
const onlyLocal = "guests reach only this host: "

// floodPorts lists the OpenFlow ports of the network's active guests, in the order of the ports' uids, and of its external leg. The
// legs of distributed routers are not in it, because what they must receive is sent to them alone.
func (s Site) floodPorts(n *desired.Network) []uint32 {
	var ports []uint32
	all := Read{GroupFlood, n.UID}
	s.read.note(all.Of, all.Name)
	for _, uid := range s.read.Sorted(GroupNetwork, n.UID) {
		ofport := s.read.derive(Read{DerivedFlood, uid}, all, func(r *Reader) uint32 { return Compiler{r, s.backends}.floodPort(uid) })
		if ofport != 0 {
			ports = append(ports, ofport)
		}
	}
	if n.Gateway != nil {
		if ofport := s.legPort(ExternalLegDevice(n.UID)); ofport != 0 {
			ports = append(ports, ofport)
		}
	}
	return ports
}
