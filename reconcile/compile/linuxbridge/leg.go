package linuxbridge

import (
	"weft/hostnet/object"
	"weft/model/desired"
	"weft/reconcile/compile"
)

// Leg joins a router's veth to the bridge of one of its networks. Frames for object.GatewayMAC go to it. Port security keeps this MAC
// off the physical network.
func (Backend) Leg(b *compile.Builder, s compile.Site, n *desired.Network, leg compile.Leg) compile.Plug {
	bridge := BridgeName(n.UID)
	members := &object.PortSecurityElements{OwnerUID: leg.OwnerUID, Name: leg.Device, Members: []object.PortSecurityElement{
		{Set: object.PortSecurityLegs, Interface: leg.Device},
		{Set: object.PortSecurityGateways6, Interface: bridge, Address: object.GatewayLinkLocal},
	}}
	for _, a := range leg.Addresses {
		set := object.PortSecurityGateways6
		if a.Is4() {
			set = object.PortSecurityGateways4
		}
		members.Members = append(members.Members, object.PortSecurityElement{Set: set, Interface: bridge, Address: a})
	}
	port := join(b, bridge, members, leg)
	return compile.Plug{Device: leg.Device, Netdev: true, Open: true, Announce: []object.Key{port}}
}

// ExternalLeg joins an external namespace's veth to the external network's bridge. It may only use its own MAC, but any address,
// because the floating addresses are behind it. Nobody else may use its own addresses, the link-local one included.
func (Backend) ExternalLeg(b *compile.Builder, s compile.Site, n *desired.Network, leg compile.Leg) compile.Plug {
	if leg.Central != nil {
		b.Pend("centralized routers need a host with Open vSwitch, whose BFD sessions decide who is active: give it spec.driver ovs")
		return compile.Plug{}
	}
	bridge := BridgeName(n.UID)
	own := leg.MAC.LinkLocal()
	members := &object.PortSecurityElements{OwnerUID: leg.OwnerUID, Name: leg.Device, Members: []object.PortSecurityElement{
		{Set: object.PortSecurityExits, Interface: leg.Device},
		{Set: object.PortSecurityMACs, Interface: leg.Device, MAC: leg.MAC},
		{Set: object.PortSecurityLocal, Interface: bridge, MAC: leg.MAC},
		{Set: object.PortSecurityReserved, Interface: bridge, Address: own},
		{Set: object.PortSecurityOwn6, Interface: bridge, Address: own},
	}}
	for _, a := range leg.Addresses {
		set := object.PortSecurityOwn6
		if a.Is4() {
			set = object.PortSecurityOwn4
		}
		members.Members = append(members.Members, object.PortSecurityElement{Set: set, Interface: bridge, Address: a})
	}
	port := join(b, bridge, members, leg)
	plug := compile.Plug{Device: leg.Device, Netdev: true, Open: true, Announce: []object.Key{port}}
	if w := wireOf(s, n); w.nic != "" {
		plug.Uplink = w.nic
		plug.Announce = []object.Key{port, {Kind: object.KindBridgePort, Name: VLANName(n.UID)}}
	}
	return plug
}

// Gate is closed while the router has other gateway hosts, because a host without Open vSwitch hears none of them.
func (Backend) Gate(s compile.Site, r *desired.Router) compile.Gate {
	var waits compile.Builder
	for _, p := range r.Central.Peers {
		if p.Node != s.Host.Name {
			waits.Pend("waits for the BFD session with host %s", compile.Quote(p.Node))
		}
	}
	if waits.Pending != "" {
		return compile.Gate{GatewayRole: compile.GatewayRole{Reason: waits.Pending}}
	}
	return compile.Gate{GatewayRole: compile.GatewayRole{Active: true, Reason: "it comes before all hosts that are heard"}}
}

func join(b *compile.Builder, bridge string, members *object.PortSecurityElements, leg compile.Leg) object.Key {
	b.Add(members)
	port := &object.BridgePort{
		OwnerUID: leg.OwnerUID, Device: leg.Device, Bridge: bridge, MACs: []object.MAC{leg.MAC},
		After: []object.Key{leg.Veth, members.Key()},
	}
	b.Add(port)
	return port.Key()
}
