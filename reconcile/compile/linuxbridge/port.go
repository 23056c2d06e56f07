package linuxbridge

import (
	"weft/hostnet/object"
	"weft/model/desired"
	"weft/reconcile/compile"
)

// Port makes a guest's device a port of its network's bridge. When the guest is active, it adds what port security must know of it.
func (Fabric) Port(b *compile.Builder, s compile.Site, n *desired.Network, p *desired.Port) compile.Plug {
	device, pending, refused := s.GuestDevice(p)
	switch {
	case refused != "":
		b.Refuse("%s", refused)
		return compile.Plug{}
	case pending != "":
		b.Pend("%s", pending)
		return compile.Plug{}
	}
	plug := compile.Plug{Device: device, Netdev: true}
	if n == nil {
		return plug
	}
	bridge := BridgeName(n.UID)
	port := &object.BridgePort{OwnerUID: p.UID, Device: device, Bridge: bridge}
	plug.Up = []object.Key{port.Key()}
	if p.State != desired.StateActive {
		port.Mute = true
		b.Add(port)
		return plug
	}
	members := guestMembers(s, bridge, device, p)
	port.MACs, port.After = []object.MAC{object.MAC(p.MAC)}, []object.Key{members.Key()}
	b.Add(members)
	b.Add(port)
	plug.Open = true
	plug.Announce = []object.Key{port.Key()}
	if w := wireOf(s, n); w.nic != "" {
		plug.Uplink = w.nic
		plug.Announce = []object.Key{port.Key(), {Kind: object.KindBridgePort, Name: VLANName(n.UID)}}
	}
	return plug
}

// guestMembers is what port security must know of an active guest: five elements, and one for each address.
func guestMembers(s compile.Site, bridge, device string, p *desired.Port) *object.PortSecurityElements {
	mac, derived := object.MAC(p.MAC), s.LinkLocal(p.MAC)
	m := &object.PortSecurityElements{OwnerUID: p.UID, Name: device, Members: []object.PortSecurityElement{
		{Set: object.PortSecurityGuests, Interface: device},
		{Set: object.PortSecurityMACs, Interface: device, MAC: mac},
		{Set: object.PortSecurityLocal, Interface: bridge, MAC: mac},
		{Set: object.PortSecurityIPv6, Interface: device, Address: derived},
		{Set: object.PortSecurityReserved, Interface: bridge, Address: derived},
	}}
	for _, a := range p.Addresses {
		set := object.PortSecurityIPv6
		if a.Is4() {
			set = object.PortSecurityIPv4
		}
		m.Members = append(m.Members, object.PortSecurityElement{Set: set, Interface: device, Address: a.Addr})
	}
	return m
}
