package openvswitch

import (
	"weft/hostnet/object"
	"weft/model/desired"
	"weft/reconcile/compile"
)

// Leg joins a router's veth to one of its networks: an OVS port in the dead VLAN, and flows when the port has a number.
func (Backend) RouterInterface(b *compile.Builder, s compile.Site, n *desired.Network, iface compile.RouterInterface) compile.Plug {
	w := segmentOf(s, n)
	plug := compile.Plug{Device: iface.Device, Netdev: true, Announce: []object.Key{flowSetKey(s.Host.Bridge, iface.OwnerUID, FeatureRouterInterface(n.UID))}}
	plug.Open = plugInterface(b, s, iface, FeatureRouterInterface(n.UID), func(ofport uint32) []object.Flow {
		return routerInterfaceFlows(n, w, iface, ofport, object.MAC(s.Host.RouterMAC))
	})
	return plug
}

// ExternalGateway joins a gateway namespace's veth to its network.
func (Backend) ExternalGateway(b *compile.Builder, s compile.Site, n *desired.Network, iface compile.RouterInterface) compile.Plug {
	w := segmentOf(s, n)
	plug := compile.Plug{Device: iface.Device, Netdev: true}
	feature := FeatureExternalGateway
	flows := func(ofport uint32) []object.Flow { return externalGatewayFlows(w.number, iface, ofport) }
	if iface.Central != nil {
		feature = FeatureRouterInterface(n.UID)
		g := failoverGateOf(s, iface.Central)
		if g.closed != "" {
			plugInterface(b, s, iface, feature, nil)
			b.Pend("%s", g.closed)
			return plug
		}
		flows = func(ofport uint32) []object.Flow { return centralInterfaceFlows(w.number, iface, g, ofport) }
	}
	plug.Open = plugInterface(b, s, iface, feature, flows)
	plug.Announce = []object.Key{
		flowSetKey(s.Host.Bridge, iface.OwnerUID, feature), flowSetKey(s.Host.Bridge, n.UID, FeatureNetwork),
	}
	if w.uplinkPort != 0 {
		plug.Uplink = w.device
	}
	return plug
}

// plugInterface adds the OVS port and the flow set of a router interface. It returns whether the router interface has a number and
// therefore flows. A router interface without flows is plugged and mute.
func plugInterface(b *compile.Builder, s compile.Site, iface compile.RouterInterface, feature string, flows func(ofport uint32) []object.Flow) bool {
	h := s.Host
	if bridgeRefusal(s) != "" {
		b.Pend("waits for the host's bridge")
		return false
	}
	port := &object.OVSPort{OwnerUID: iface.OwnerUID, Bridge: h.Bridge, Device: iface.Device, Tag: object.DeadVLAN, MAC: iface.MAC.String(),
		After: []object.Key{iface.Veth}}
	b.Add(port)
	ofport := interfacePort(s, iface.Device)
	if ofport == 0 {
		i, _ := s.Reader().Interface(iface.Device)
		b.Pend("waits for an OpenFlow port number of %s%s", iface.Device, because(i.Error))
		return false
	}
	if flows == nil {
		return false
	}
	b.Add(&object.FlowSet{
		OwnerUID: iface.OwnerUID, Bridge: h.Bridge, Feature: feature, Cookie: Cookie(iface.OwnerUID, feature), Flows: flows(ofport),
		After: []object.Key{flowSetKey(h.Bridge, h.UID, FeatureBridge), port.Key()},
	})
	return true
}
