package compile

import (
	"net/netip"

	"weft/hostnet/object"
	"weft/model/desired"
)

// legOwner is the router that has a network: the one with the lowest uid that can be wired; empty for none.
func (r *Reader) legOwner(network string) string {
	for _, uid := range r.Sorted(GroupLeg, network) {
		if router := r.Router(uid); router != nil && routerFault(router) == "" {
			return uid
		}
	}
	return ""
}

// legOf finds a router's leg on a network.
func (c Compiler) legOf(router, network string) (desired.RouterLeg, bool) {
	if r := c.read.Router(router); r != nil {
		for _, leg := range r.Legs {
			if leg.Network == network {
				return leg, true
			}
		}
	}
	return desired.RouterLeg{}, false
}

// gateway is the leg of the network's router on this host.
func (c Compiler) gateway(network string) (desired.RouterLeg, bool) {
	owner := c.read.legOwner(network)
	if owner == "" {
		return desired.RouterLeg{}, false
	}
	return c.legOf(owner, network)
}

// hasGateway6 says that a router of ours has an IPv6 address on the network.
func (c Compiler) hasGateway6(network string) bool {
	leg, _ := c.gateway(network)
	if c.read.NoIPv6() {
		return false
	}
	for _, p := range leg.Addresses {
		if p.Addr().Is6() {
			return true
		}
	}
	return false
}

func (c Compiler) isLegAddress(router, network string, a netip.Addr) bool {
	leg, _ := c.legOf(router, network)
	for _, p := range leg.Addresses {
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
