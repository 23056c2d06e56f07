package openvswitch

import (
	"slices"

	"weft/hostnet/object"
	"weft/model/desired"
	"weft/reconcile/compile"
)

// Network adds the network's flows: how its frames arrive from the physical network, where group frames go, and how frames leave.
func (Backend) Network(b *compile.Builder, s compile.Site, n *desired.Network) {
	h := s.Host
	if bridgeRefusal(s) != "" {
		b.Pend("waits for the host's bridge")
		return
	}
	w := wireOf(s, n)
	if w.pending != "" {
		b.Pend("%s", w.pending)
	}
	after := []object.Key{flowSetKey(h.Bridge, h.UID, FeatureBridge)}
	if w.device != "" {
		after = append(after, object.Key{Kind: object.KindUplink, Name: w.device})
	}
	b.Add(&object.FlowSet{
		OwnerUID: n.UID, Bridge: h.Bridge, Feature: FeatureNetwork, Cookie: Cookie(n.UID, FeatureNetwork),
		Flows: networkFlows(n, w, floodActions(floodPorts(s, n), centralLegs(s, n))), After: after,
	})
	addSessions(b, s, n, w)
}

// Derived values of this backend.
const (
	groupFlood   = compile.ReadsOfBackend + iota // network → the OpenFlow ports of its active guests
	derivedFlood                                 // port → its OpenFlow port, if it gets group frames
)

// floodPorts lists the OpenFlow ports of the network's active guests, in the order of the ports' uids, and of its external leg. The
// legs of distributed routers are not in it, because what they must receive is sent to them alone.
func floodPorts(s compile.Site, n *desired.Network) []uint32 {
	guests := s.Reader().Sorted(compile.GroupNetwork, n.UID)
	ports := s.Derive(compile.Read{Of: groupFlood, Name: n.UID}, derivedFlood, guests, floodPort)
	if n.Gateway != nil {
		ports = append(ports, legPort(s, compile.ExternalLegDevice(n.UID)))
	}
	return slices.DeleteFunc(ports, func(ofport uint32) bool { return ofport == 0 })
}

// floodPort is the OpenFlow port of an active guest that gets group frames; 0 when the port is refused or has no number.
func floodPort(s compile.Site, uid string) uint32 {
	p := s.Reader().Port(uid)
	if p == nil || p.State != desired.StateActive || s.PortRefusal(s.Reader().Network(p.Network), p) != "" {
		return 0
	}
	a := attach(s, p)
	if a.refused != "" {
		return 0
	}
	return a.ofport
}
