package openvswitch

import (
	"weft/hostnet/object"
	"weft/model/desired"
	"weft/reconcile/compile"
)

// Leg joins a router's veth to one of its networks: an OVS port in the dead VLAN, and flows when the port has a number.
func (Backend) Leg(b *compile.Builder, s compile.Site, n *desired.Network, leg compile.Leg) compile.Plug {
	w := wireOf(s, n)
	plug := compile.Plug{Device: leg.Device, Netdev: true, Announce: []object.Key{flowSetKey(s.Host.Bridge, leg.OwnerUID, FeatureLeg(n.UID))}}
	plug.Open = plugLeg(b, s, leg, FeatureLeg(n.UID), func(ofport uint32) []object.Flow {
		return legFlows(n, w, leg, ofport, object.MAC(s.Host.RouterMAC))
	})
	return plug
}

// ExternalLeg joins an external namespace's veth to its network.
func (Backend) ExternalLeg(b *compile.Builder, s compile.Site, n *desired.Network, leg compile.Leg) compile.Plug {
	w := wireOf(s, n)
	plug := compile.Plug{Device: leg.Device, Netdev: true}
	feature := FeatureExternalLeg
	flows := func(ofport uint32) []object.Flow { return externalLegFlows(w.number, leg, ofport) }
	if leg.Central != nil {
		feature = FeatureLeg(n.UID)
		g := gateOf(s, leg.Central)
		if g.closed != "" {
			plugLeg(b, s, leg, feature, nil)
			b.Pend("%s", g.closed)
			return plug
		}
		flows = func(ofport uint32) []object.Flow { return centralLegFlows(w.number, leg, g, ofport) }
	}
	plug.Open = plugLeg(b, s, leg, feature, flows)
	plug.Announce = []object.Key{
		flowSetKey(s.Host.Bridge, leg.OwnerUID, feature), flowSetKey(s.Host.Bridge, n.UID, FeatureNetwork),
	}
	if w.uplinkPort != 0 {
		plug.Uplink = w.device
	}
	return plug
}

// plugLeg adds the OVS port and the flow set of a leg. It returns whether the leg has a number and therefore flows. A leg without
// flows is plugged and mute.
func plugLeg(b *compile.Builder, s compile.Site, leg compile.Leg, feature string, flows func(ofport uint32) []object.Flow) bool {
	h := s.Host
	if bridgeRefusal(s) != "" {
		b.Pend("waits for the host's bridge")
		return false
	}
	port := &object.OVSPort{OwnerUID: leg.OwnerUID, Bridge: h.Bridge, Device: leg.Device, Tag: object.DeadVLAN, MAC: leg.MAC.String(),
		After: []object.Key{leg.Veth}}
	b.Add(port)
	ofport := legPort(s, leg.Device)
	if ofport == 0 {
		i, _ := s.Reader().Interface(leg.Device)
		b.Pend("waits for an OpenFlow port number of %s%s", leg.Device, because(i.Error))
		return false
	}
	if flows == nil {
		return false
	}
	b.Add(&object.FlowSet{
		OwnerUID: leg.OwnerUID, Bridge: h.Bridge, Feature: feature, Cookie: Cookie(leg.OwnerUID, feature), Flows: flows(ofport),
		After: []object.Key{flowSetKey(h.Bridge, h.UID, FeatureBridge), port.Key()},
	})
	return true
}
