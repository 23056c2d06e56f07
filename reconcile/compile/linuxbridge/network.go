package linuxbridge

import (
	"weft/hostnet/object"
	"weft/model"
	"weft/model/desired"
	"weft/reconcile/compile"
)

// Network adds a network's bridge, and its VLAN device as a port of it.
func (Backend) Network(b *compile.Builder, s compile.Site, n *desired.Network) {
	bridge := BridgeName(n.UID)
	// Port security knows the bridge before the bridge exists and until it is gone, so that no port of it is ever without protection.
	members := &object.PortSecurityElements{OwnerUID: n.UID, Name: bridge,
		Members: []object.PortSecurityElement{{Set: object.PortSecurityBridges, Interface: bridge}}}
	b.Add(&object.LinuxBridge{
		OwnerUID: n.UID, Name: bridge, MAC: bridgeMAC(n.UID), MTU: n.MTU, After: []object.Key{members.Key()},
	})
	for _, server := range compile.DHCPServers(n) {
		members.Members = append(members.Members, object.PortSecurityElement{Set: object.PortSecurityServers, Interface: bridge, Address: server})
	}
	if !n.CentralMAC.IsZero() {
		// The router is on other hosts, and no guest here may use its address.
		members.Members = append(members.Members,
			object.PortSecurityElement{Set: object.PortSecurityReserved, Interface: bridge, Address: object.MAC(n.CentralMAC).LinkLocal()})
	}
	if m := object.MAC(s.Host.MACPrefix); m != (object.MAC{}) {
		// The rules have the default prefix already.
		members.Members = append(members.Members,
			object.PortSecurityElement{Set: object.PortSecurityDerived, Interface: bridge, Address: m.DerivedLinkLocal().Addr()})
	}
	w := wireOf(s, n)
	if w.nic == "" {
		b.Pend("%s", w.why)
		b.Add(members)
		return
	}
	vlan := VLANName(n.UID)
	members.Members = append(members.Members, object.PortSecurityElement{Set: object.PortSecurityUplinks, Interface: vlan})
	if s.Host.RouterMAC != (model.MAC{}) {
		members.Members = append(members.Members,
			object.PortSecurityElement{Set: object.PortSecurityRouters, Interface: vlan, MAC: object.MAC(s.Host.RouterMAC)},
			object.PortSecurityElement{Set: object.PortSecurityRouterMACs, Interface: vlan, MAC: object.MAC(s.Host.RouterMAC)})
	}
	b.Add(members)
	device := &object.VLANDevice{
		OwnerUID: n.UID, Name: vlan, Parent: w.nic, ID: n.SegmentationID, MTU: n.MTU,
		After: []object.Key{{Kind: object.KindLink, Name: w.nic}, {Kind: object.KindPortSecurityUplink, Name: w.nic}, b.Silence(n.UID, vlan)},
	}
	b.Add(device)
	b.Add(&object.BridgePort{
		OwnerUID: n.UID, Device: vlan, Bridge: bridge, After: []object.Key{device.Key(), members.Key()},
	})
}
