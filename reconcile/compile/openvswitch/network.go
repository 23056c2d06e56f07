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
	w := segmentOf(s, n)
	if w.pending != "" {
		b.Pend("%s", w.pending)
	}
	after := []object.Key{flowSetKey(h.Bridge, h.UID, FeatureBridge)}
	if w.device != "" {
		after = append(after, object.Key{Kind: object.KindUplink, Name: w.device})
	}
	interfaces := centralInterfaces(s, n)
	meta := object.Exact64(w.number)
	gateway := gatewayPort(s, n)
	guests, open, sets := guestPorts(s, n)
	flood, others := floodActions(slices.Concat(guests, gateway), interfaces), floodActions(gateway, interfaces)
	flows := networkFlows(n, w, flood)
	if len(sets) > 0 {
		flows = append(flows, trackFlows(meta, s.Reader().Zone(n.UID), s.Scope(n))...)
		flows = append(flows, groupFrames(meta, slices.Concat(open, gateway), sets, interfaces)...)
	}
	flows = append(flows, isolationFlows(n, meta, macPrefixes(h), others)...)
	flows = append(flows, sharedMACFlows(s, n, meta, len(sets) > 0)...)
	flows = append(flows, pairAnnouncements(s, n, meta, flood, others)...)
	b.Add(&object.FlowSet{
		OwnerUID: n.UID, Bridge: h.Bridge, Feature: FeatureNetwork, Cookie: Cookie(n.UID, FeatureNetwork), Flows: flows, After: after,
	})
	addSessions(b, s, n, w)
}

// Derived values of this backend.
const (
	groupFlood    = compile.ReadsOfBackend + iota // network → the OpenFlow ports of its active guests
	derivedFlood                                  // port → its OpenFlow port, if it gets group frames
	derivedGroups                                 // port → a hash of its security groups
)

// gatewayPort is the OpenFlow port of the network's external gateway port, if it has one.
func gatewayPort(s compile.Site, n *desired.Network) []uint32 {
	if n.Gateway == nil {
		return nil
	}
	return known([]uint32{interfacePort(s, compile.ExternalGatewayDevice(n.UID))})
}

// known leaves out the ports that have no number yet.
func known(ports []uint32) []uint32 {
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
