package linuxbridge

import (
	"weft/hostnet/object"
	"weft/model"
	"weft/model/desired"
	"weft/reconcile/compile"
)

// Network adds a network's bridge, and its uplink as a port of it.
func (Backend) Network(b *compile.Builder, s compile.Site, n *desired.Network) {
	bridge := BridgeName(n.UID)
	// Port security knows the bridge before the bridge exists and until it is gone, so that no port of it is ever without protection.
	elements := &object.PortSecurityElements{OwnerUID: n.UID, Name: bridge,
		Elements: []object.PortSecurityElement{{Set: object.PortSecurityBridges, Interface: bridge}}}
	b.Add(&object.LinuxBridge{
		OwnerUID: n.UID, Name: bridge, MAC: bridgeMAC(n.UID), MTU: n.MTU, After: []object.Key{elements.Key()},
	})
	for _, server := range compile.DHCPServers(n) {
		elements.Elements = append(elements.Elements, object.PortSecurityElement{Set: object.PortSecurityServers, Interface: bridge, Address: server})
	}
	for _, gateway := range compile.LinkLocalGateways(n) {
		elements.Elements = append(elements.Elements, object.PortSecurityElement{Set: object.PortSecurityReserved, Interface: bridge, Address: gateway})
	}
	if !n.CentralMAC.IsZero() {
		// The router is on other hosts, and no guest here may use its address.
		elements.Elements = append(elements.Elements,
			object.PortSecurityElement{Set: object.PortSecurityReserved, Interface: bridge, Address: object.MAC(n.CentralMAC).LinkLocal()})
	}
	if m := object.MAC(s.Host.MACPrefix); m != (object.MAC{}) {
		// The rules have the default prefix already.
		elements.Elements = append(elements.Elements,
			object.PortSecurityElement{Set: object.PortSecurityDerived, Interface: bridge, Address: m.DerivedLinkLocal().Addr()})
	}
	elements.Elements = append(elements.Elements, trusted(n)...)
	if n.AddressPairs {
		elements.Elements = append(elements.Elements, object.PortSecurityElement{Set: object.PortSecurityPaired, Interface: bridge})
	}
	addTracking(b, s, n)
	w := segmentOf(s, n)
	if w.pending != "" {
		b.Pend("%s", w.pending)
	}
	if w.nic == "" {
		b.Add(elements)
		return
	}
	elements.Elements = append(elements.Elements, object.PortSecurityElement{Set: object.PortSecurityUplinks, Interface: w.port})
	if s.Host.RouterMAC != (model.MAC{}) {
		elements.Elements = append(elements.Elements,
			object.PortSecurityElement{Set: object.PortSecurityRouters, Interface: w.port, MAC: object.MAC(s.Host.RouterMAC)},
			object.PortSecurityElement{Set: object.PortSecurityRouterMACs, Interface: w.port, MAC: object.MAC(s.Host.RouterMAC)})
	}
	b.Add(elements)
	addUplink(b, n, w, elements)
}
