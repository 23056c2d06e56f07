package linuxbridge

import (
	"weft/hostnet/object"
	"weft/model/desired"
	"weft/reconcile/compile"
)

// isolation is what port security must know of a guest whose network isolates guests. It is among the guest's own elements, so that the
// guest is never heard or reached without it. The MACs of guests on other hosts begin with one of two prefixes: the default one and that
// of the controllers.
func isolation(s compile.Site, n *desired.Network, device string) []object.PortSecurityElement {
	if !n.IsolateGuests {
		return nil
	}
	list := []object.PortSecurityElement{
		{Set: object.PortSecurityIsolated, Interface: device},
		{Set: object.PortSecurityPrefixes, Interface: device, MAC: object.DefaultMACPrefix},
	}
	if m := object.MAC(s.Host.MACPrefix); m != (object.MAC{}) && m != object.DefaultMACPrefix {
		list = append(list, object.PortSecurityElement{Set: object.PortSecurityPrefixes, Interface: device, MAC: m})
	}
	return list
}

// trusted names the routers on other hosts that may reach the guests of a network that isolates them. Their MACs begin with the same
// prefixes.
func trusted(n *desired.Network) (list []object.PortSecurityElement) {
	if !n.IsolateGuests {
		return nil
	}
	for _, mac := range n.RouterMACs {
		list = append(list, object.PortSecurityElement{Set: object.PortSecurityTrusted, Interface: BridgeName(n.UID), MAC: object.MAC(mac)})
	}
	return list
}
