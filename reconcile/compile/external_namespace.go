package compile

import (
	"weft/hostnet/object"
	"weft/model/desired"
)

// addExit adds the namespace, its leg, its routes and its translation.
func (s Site) addExit(b *Builder, n *desired.Network, e exit) {
	if why := exitFault(n, e); why != "" {
		b.Pend("%s", why)
		return
	}
	if e.lost {
		b.Pend("%s", withoutIPv6)
	}
	b.Add(&object.Namespace{OwnerUID: e.owner, Name: e.namespace})
	veth := &object.Veth{OwnerUID: e.owner, Namespace: e.namespace, Name: externalDevice, MAC: e.leg.MAC,
		Peer: object.VethEnd{Name: e.leg.Device}, MTU: n.MTU, Threaded: s.userspace(),
		After: []object.Key{b.Silence(e.owner, e.leg.Device)}}
	b.Add(veth)
	addresses := &object.Addresses{OwnerUID: e.owner, Namespace: e.namespace, Device: externalDevice, Prefixes: e.gateway.Addresses,
		After: []object.Key{veth.Key()}}
	b.Add(addresses)
	nat := &object.NATTable{OwnerUID: e.owner, Namespace: e.namespace, Role: object.NATExternal, Outside: externalDevice,
		Sources: e.leg.Addresses, RoutedIPv6: e.gateway.RoutedIPv6, Limits: natLimits(e.gateway), After: []object.Key{veth.Key()}}
	b.Add(nat)
	for _, via := range e.gateway.NextHops {
		b.Add(&object.Route{OwnerUID: e.owner, Namespace: e.namespace, Destination: everything(via.Addr), Via: via.Addr,
			Device: externalDevice, After: []object.Key{addresses.Key(), nat.Key()}})
	}
	subnetRoutes(b, n, e, addresses.Key(), nat.Key())
	plug := s.backend.ExternalLeg(b, s, n, e.leg)
	announceLeg(b, n, e.leg, plug, e.gate, e.part, addresses.Key())
}

// announceLeg announces the leg's addresses: through the uplink, if the plug has one, and to this host's guests and other legs.
func announceLeg(b *Builder, n *desired.Network, leg Leg, plug Plug, gate Gate, part string, addresses object.Key) {
	if plug.Device == "" || !gate.Active || len(leg.Addresses) == 0 {
		return
	}
	a := &object.Announcement{OwnerUID: leg.OwnerUID, Part: part, Device: plug.Uplink, VLAN: n.SegmentationID, MAC: leg.MAC,
		Addresses: leg.Addresses, After: append(plug.Announce, addresses), Network: n.UID, Local: leg.Device, Router: true, Occasion: gate.Met}
	b.Add(a)
}

// natLimits are the connection limits of each router behind the gateway.
func natLimits(g *desired.NodeGateway) object.NATLimits {
	l := g.ConnectionLimits.Effective()
	return object.NATLimits{Connections: l.PerRouter, PerDestination: l.PerDestination, PerSecond: l.NewPerSecond}
}
