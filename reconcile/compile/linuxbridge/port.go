package linuxbridge

import (
	"weft/hostnet/object"
	"weft/model/desired"
	"weft/reconcile/compile"
)

// Port makes a guest's device a port of its network's bridge. When the guest is active, it adds what port security must know of it.
func (Backend) Port(b *compile.Builder, s compile.Site, n *desired.Network, p *desired.Port) compile.Plug {
	device, pending, refused := guestDevice(s, p)
	switch {
	case refused != "":
		b.Refuse("%s", refused)
		return compile.Plug{}
	case pending != "":
		b.Pend("%s", pending)
		return compile.Plug{}
	}
	if len(p.SecurityGroups) > 0 {
		if why := s.Reader().NoBridgeFilter(); why != "" {
			b.Refuse("the port has security groups, which this host cannot enforce: %s", why)
			return compile.Plug{}
		}
	}
	plug := compile.Plug{Device: device, Netdev: true, Polices: true}
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
	elements := guestElements(bridge, device, p)
	elements.Elements = append(elements.Elements, isolation(s, n, device)...)
	elements.Elements = append(elements.Elements, pairElements(device, p)...)
	if rate, burst, limited := compile.Broadcast(p.Limits.Broadcast); limited {
		elements.Elements = append(elements.Elements, object.PortSecurityElement{Set: object.PortSecurityBroadcast, Interface: device, Rate: rate, Burst: burst})
	}
	if f := filterPort(s, bridge, device, p); f != nil {
		b.Add(f)
		elements.After = []object.Key{f.Key()}
	}
	port.Learns = len(compile.PairMACs(p)) > 0
	port.MACs, port.After = []object.MAC{object.MAC(p.MAC)}, []object.Key{elements.Key()}
	if p.Limits.Rates() != (desired.RateLimits{}) {
		port.After = append(port.After, compile.QdiscKey(device))
	}
	b.Add(elements)
	b.Add(port)
	plug.Open = true
	plug.Announce = []object.Key{port.Key()}
	if w := segmentOf(s, n); w.nic != "" {
		plug.Uplink = w.nic
		plug.Announce = []object.Key{port.Key(), {Kind: object.KindBridgePort, Name: w.port}}
	}
	return plug
}

// guestDevice finds the netdev with a port's device name. Only Weft plugs guests here. refused says that the device is not for
// guests; pending says what is missing. A device that is already a port of one of our bridges is accepted.
func guestDevice(s compile.Site, p *desired.Port) (device, pending, refused string) {
	link, exists := s.Reader().Link(p.Device)
	switch {
	case p.Device == "":
		return "", "waits for a device name: an interface id alone says nothing on a host with driver " + compile.Quote(string(s.Host.Driver)), ""
	case !exists:
		return "", "waits for device " + p.Device + s.OtherName(p.Device), ""
	}
	if link.MasterOwner != "" {
		link.Master = ""
	}
	if why := s.LinkRefusal(p.Device, link); why != "" {
		return "", "", why
	}
	return p.Device, "", ""
}

// guestElements is what port security must know of an active guest: five elements, and one for each address.
func guestElements(bridge, device string, p *desired.Port) *object.PortSecurityElements {
	mac, derived := object.MAC(p.MAC), object.MAC(p.MAC).LinkLocal()
	m := &object.PortSecurityElements{OwnerUID: p.UID, Name: device, Elements: []object.PortSecurityElement{
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
		m.Elements = append(m.Elements, object.PortSecurityElement{Set: set, Interface: device, Address: a.Addr})
	}
	return m
}
