package compile

import (
	"net/netip"
	"slices"

	"weft/model"
	"weft/model/desired"
)

// withoutIPv6 is the sentence for an item that asks for IPv6 on a host whose kernel has none. Everything else of the item works.
const withoutIPv6 = "no IPv6 here: this host's kernel was started with ipv6.disable=1"

// usable returns the prefixes of the families that the host's kernel has, and whether others were left out.
func (c Compiler) usable(prefixes []netip.Prefix) (usable []netip.Prefix, lost bool) {
	if !c.read.NoIPv6() {
		return prefixes, false
	}
	usable = slices.DeleteFunc(slices.Clone(prefixes), func(p netip.Prefix) bool { return p.Addr().Is6() })
	return usable, len(usable) < len(prefixes)
}

// usableRouter is the router without the parts that the host's kernel cannot have.
func (c Compiler) usableRouter(b *Builder, r *desired.Router) *desired.Router {
	if !c.read.NoIPv6() {
		return r
	}
	out := *r
	out.Interfaces = slices.Clone(r.Interfaces)
	lost := false
	for i := range out.Interfaces {
		var l bool
		out.Interfaces[i].Addresses, l = c.usable(out.Interfaces[i].Addresses)
		lost = lost || l
	}
	if lost { // a network with IPv6 only has no interface here
		out.Interfaces = slices.DeleteFunc(out.Interfaces, func(iface desired.RouterInterface) bool { return len(iface.Addresses) == 0 })
	}
	if lost {
		b.Pend("%s", withoutIPv6)
	}
	return &out
}

// usableGateway is the gateway on an external network without the parts that the host's kernel cannot have.
func (c Compiler) usableGateway(g *desired.NodeGateway) (usable *desired.NodeGateway, lost bool) {
	if g == nil || !c.read.NoIPv6() {
		return g, false
	}
	out := *g
	out.Addresses, lost = c.usable(g.Addresses)
	out.NextHops = slices.DeleteFunc(slices.Clone(g.NextHops), func(a model.Address) bool { return a.Is6() })
	out.RoutedIPv6 = false
	return &out, lost || len(out.NextHops) < len(g.NextHops)
}
