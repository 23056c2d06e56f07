package linuxbridge

import (
	"weft/hostnet/object"
	"weft/model/desired"
	"weft/reconcile/compile"
)

// RouterInterface joins a router's veth to the bridge of one of its networks. Frames for object.GatewayMAC go to it. Port security keeps this MAC
// off the physical network.
func (Backend) RouterInterface(b *compile.Builder, s compile.Site, n *desired.Network, iface compile.RouterInterface) compile.Plug {
	bridge := BridgeName(n.UID)
	elements := &object.PortSecurityElements{OwnerUID: iface.OwnerUID, Name: iface.Device, Elements: []object.PortSecurityElement{
		{Set: object.PortSecurityRouterInterfaces, Interface: iface.Device},
		{Set: object.PortSecurityGateways6, Interface: bridge, Address: object.GatewayLinkLocal},
	}}
	for _, a := range iface.Addresses {
		set := object.PortSecurityGateways6
		if a.Is4() {
			set = object.PortSecurityGateways4
		}
		elements.Elements = append(elements.Elements, object.PortSecurityElement{Set: set, Interface: bridge, Address: a})
	}
	port := join(b, bridge, elements, iface)
	return compile.Plug{Device: iface.Device, Netdev: true, Open: true, Announce: []object.Key{port}}
}

// ExternalGateway joins a gateway namespace's veth to the external network's bridge. It may only use its own MAC, but any address,
// because the floating addresses are behind it. Nobody else may use its own addresses, the link-local one included.
func (Backend) ExternalGateway(b *compile.Builder, s compile.Site, n *desired.Network, iface compile.RouterInterface) compile.Plug {
	if iface.Central != nil {
		b.Pend("centralized routers need a host with Open vSwitch, whose BFD sessions decide who is active: give it spec.driver ovs")
		return compile.Plug{}
	}
	bridge := BridgeName(n.UID)
	own := iface.MAC.LinkLocal()
	elements := &object.PortSecurityElements{OwnerUID: iface.OwnerUID, Name: iface.Device, Elements: []object.PortSecurityElement{
		{Set: object.PortSecurityGatewayPorts, Interface: iface.Device},
		{Set: object.PortSecurityMACs, Interface: iface.Device, MAC: iface.MAC},
		{Set: object.PortSecurityLocal, Interface: bridge, MAC: iface.MAC},
		{Set: object.PortSecurityReserved, Interface: bridge, Address: own},
		{Set: object.PortSecurityOwn6, Interface: bridge, Address: own},
	}}
	for _, a := range iface.Addresses {
		set := object.PortSecurityOwn6
		if a.Is4() {
			set = object.PortSecurityOwn4
		}
		elements.Elements = append(elements.Elements, object.PortSecurityElement{Set: set, Interface: bridge, Address: a})
	}
	port := join(b, bridge, elements, iface)
	plug := compile.Plug{Device: iface.Device, Netdev: true, Open: true, Announce: []object.Key{port}}
	if w := segmentOf(s, n); w.nic != "" {
		plug.Uplink = w.nic
		plug.Announce = []object.Key{port, {Kind: object.KindBridgePort, Name: w.port}}
	}
	return plug
}

// FailoverGate is closed while the router has other gateway hosts, because a host without Open vSwitch hears none of them.
func (Backend) FailoverGate(s compile.Site, r *desired.Router) compile.FailoverGate {
	var waits compile.Builder
	for _, p := range r.Central.Peers {
		if p.Node != s.Host.Name {
			waits.Pend("waits for the BFD session with host %s", compile.Quote(p.Node))
		}
	}
	if waits.Pending != "" {
		return compile.FailoverGate{GatewayRole: compile.GatewayRole{Reason: waits.Pending}}
	}
	return compile.FailoverGate{GatewayRole: compile.GatewayRole{Active: true, Reason: "it comes before all hosts that are heard"}}
}

func join(b *compile.Builder, bridge string, elements *object.PortSecurityElements, iface compile.RouterInterface) object.Key {
	b.Add(elements)
	port := &object.BridgePort{
		OwnerUID: iface.OwnerUID, Device: iface.Device, Bridge: bridge, MACs: []object.MAC{iface.MAC},
		After: []object.Key{iface.Veth, elements.Key()},
	}
	b.Add(port)
	return port.Key()
}
