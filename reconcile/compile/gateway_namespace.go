package compile

import (
	"weft/hostnet/object"
	"weft/model/desired"
)

// addExternalGateway adds the namespace, its gateway port, its routes and its translation.
func (s Site) addExternalGateway(b *Builder, n *desired.Network, e externalGateway) {
	if why := externalGatewayFault(n, e); why != "" {
		b.Pend("%s", why)
		return
	}
	if e.lost {
		b.Pend("%s", withoutIPv6)
	}
	b.Add(&object.Namespace{OwnerUID: e.owner, Name: e.namespace})
	veth := &object.Veth{OwnerUID: e.owner, Namespace: e.namespace, Name: externalDevice, MAC: e.iface.MAC,
		Peer: object.VethEnd{Name: e.iface.Device}, MTU: n.MTU, Threaded: s.userspace(),
		After: []object.Key{b.Silence(e.owner, e.iface.Device)}}
	b.Add(veth)
	addresses := &object.Addresses{OwnerUID: e.owner, Namespace: e.namespace, Device: externalDevice, Prefixes: e.gateway.Addresses,
		After: []object.Key{veth.Key()}}
	b.Add(addresses)
	nat := &object.NATTable{OwnerUID: e.owner, Namespace: e.namespace, Role: object.NATExternal, Outside: externalDevice,
		Sources: e.iface.Addresses, RoutedIPv6: e.gateway.RoutedIPv6, Management: s.Management(), Limits: natLimits(e.gateway), After: []object.Key{veth.Key()}}
	b.Add(nat)
	onLink := gatewaysOnLink(b, n, e, addresses.Key(), nat.Key())
	for _, via := range e.gateway.NextHops {
		b.Add(&object.Route{OwnerUID: e.owner, Namespace: e.namespace, Destination: everything(via.Addr), Via: via.Addr,
			Device: externalDevice, After: onLink.before(via.Addr, addresses.Key(), nat.Key())})
	}
	subnetRoutes(b, n, e, onLink, addresses.Key(), nat.Key())
	plug := s.backend.ExternalGateway(b, s, n, e.iface)
	announceInterface(b, n, e.iface, plug, e.gate, e.part, addresses.Key())
}

// announceInterface announces the addresses of a router interface: through the uplink, if the plug has one, and to this host's guests
// and other router interfaces.
func announceInterface(b *Builder, n *desired.Network, iface RouterInterface, plug Plug, gate FailoverGate, part string, addresses object.Key) {
	if plug.Device == "" || !gate.Active || len(iface.Addresses) == 0 {
		return
	}
	a := &object.Announcement{OwnerUID: iface.OwnerUID, Part: part, Device: plug.Uplink, VLAN: n.SegmentationID, MAC: iface.MAC,
		Addresses: iface.Addresses, After: append(plug.Announce, addresses), Network: n.UID, Local: iface.Device, Router: true, Occasion: gate.Met}
	b.Add(a)
}

// natLimits are the connection limits of each router behind the gateway.
func natLimits(g *desired.NodeGateway) object.NATLimits {
	l := g.ConnectionLimits.Effective()
	return object.NATLimits{Connections: l.PerRouter, PerDestination: l.PerDestination, PerSecond: l.NewPerSecond}
}
