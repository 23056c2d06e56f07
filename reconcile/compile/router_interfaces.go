package compile

import (
	"net/netip"

	"weft/hostnet/object"
	"weft/model/desired"
)

// interfaceOwner is the router that has a network: the one with the lowest uid that can be built; empty for none.
func (r *Reader) interfaceOwner(network string) string {
	for _, uid := range r.Sorted(GroupRouterInterface, network) {
		if router := r.Router(uid); router != nil && routerFault(router) == "" {
			return uid
		}
	}
	return ""
}

// interfaceOf finds a router's interface on a network.
func (c Compiler) interfaceOf(router, network string) (desired.RouterInterface, bool) {
	if r := c.read.Router(router); r != nil {
		for _, iface := range r.Interfaces {
			if iface.Network == network {
				return iface, true
			}
		}
	}
	return desired.RouterInterface{}, false
}

// gateway is the interface of the network's router on this host.
func (c Compiler) gateway(network string) (desired.RouterInterface, bool) {
	owner := c.read.interfaceOwner(network)
	if owner == "" {
		return desired.RouterInterface{}, false
	}
	return c.interfaceOf(owner, network)
}

// hasGateway6 says that a router of ours has an IPv6 address on the network.
func (c Compiler) hasGateway6(network string) bool {
	iface, _ := c.gateway(network)
	if c.read.NoIPv6() {
		return false
	}
	for _, p := range iface.Addresses {
		if p.Addr().Is6() {
			return true
		}
	}
	return false
}

func (c Compiler) isInterfaceAddress(router, network string, a netip.Addr) bool {
	iface, _ := c.interfaceOf(router, network)
	for _, p := range iface.Addresses {
		if p.Addr() == a {
			return true
		}
	}
	return false
}

// networkRouterMAC is the MAC of the router of which a network's guests are told in IPv6; false when they are told of none.
func (c Compiler) networkRouterMAC(n *desired.Network) (m object.MAC, ok bool) {
	if n.CentralMAC.IsZero() {
		return object.MAC{}, c.hasGateway6(n.UID)
	}
	for _, s := range n.Subnets {
		if s.Gateway.Is6() {
			return object.MAC(n.CentralMAC), true
		}
	}
	return object.MAC{}, false
}
