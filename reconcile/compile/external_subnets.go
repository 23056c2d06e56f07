package compile

import (
	"net/netip"

	"weft/hostnet/object"
	"weft/model/desired"
)

// Routing tables and rules of a gateway namespace whose network has several subnets of one family. The rule for routes that are
// more specific than a default route comes before the rules by source. All of them come before the kernel's own rule for the main
// table (32766).
const (
	sourceTable  = 8700 // plus the index of the subnet in its network
	prioSpecific = 1000
	prioBySource = 1001
)

// onLinkRoutes are the routes to gateways that are on the link and not in their subnet, by their addresses.
type onLinkRoutes map[netip.Addr]object.Key

// before lists what must exist before a route by the gateway: the route to it, if it has one, and the others.
func (o onLinkRoutes) before(gateway netip.Addr, others ...object.Key) []object.Key {
	if k, ok := o[gateway]; ok {
		return append([]object.Key{k}, others...)
	}
	return others
}

// gatewaysOnLink adds a route to each upstream router whose address is not in its subnet. A link-local one needs none.
func gatewaysOnLink(b *Builder, n *desired.Network, e externalGateway, after ...object.Key) onLinkRoutes {
	routes := onLinkRoutes{}
	for _, sub := range n.Subnets {
		a := sub.Gateway.Addr
		if !a.Is4() || sub.CIDR.Contains(a) || routes[a] != (object.Key{}) {
			continue // an IPv6 gateway outside of its subnet is link-local
		}
		r := &object.Route{OwnerUID: e.owner, Namespace: e.namespace, Destination: netip.PrefixFrom(a, a.BitLen()), Device: externalDevice,
			After: after}
		b.Add(r)
		routes[a] = r.Key()
	}
	return routes
}

// subnetRoutes adds a route to every subnet of an external network on its link, and a default route by the gateway of the subnet of
// the source. An upstream router accepts no sources of other subnets. The subnet of the namespace's own address needs none of
// these: it has the connected route and the default route of the main table.
func subnetRoutes(b *Builder, n *desired.Network, e externalGateway, onLink onLinkRoutes, after ...object.Key) {
	specific := map[netip.Prefix]*object.Rule{}
	for i, sub := range n.Subnets {
		cidr := sub.CIDR.Prefix
		if e.hasAddressIn(cidr) || e.noIPv6 && cidr.Addr().Is6() {
			continue
		}
		block := &object.Route{OwnerUID: e.owner, Namespace: e.namespace, Destination: cidr, Device: externalDevice, After: after}
		b.Add(block)
		if !sub.Gateway.IsValid() {
			continue
		}
		all := everything(cidr.Addr())
		if specific[all] == nil {
			specific[all] = &object.Rule{OwnerUID: e.owner, Namespace: e.namespace, Priority: prioSpecific, From: all, MoreSpecific: true, After: after}
			b.Add(specific[all])
		}
		away := &object.Route{OwnerUID: e.owner, Namespace: e.namespace, Table: sourceTable + uint32(i), Destination: all,
			Via: sub.Gateway.Addr, Device: externalDevice, After: onLink.before(sub.Gateway.Addr, append([]object.Key{block.Key()}, after...)...)}
		b.Add(away)
		b.Add(&object.Rule{OwnerUID: e.owner, Namespace: e.namespace, Priority: prioBySource, From: cidr, Table: away.Table,
			After: []object.Key{away.Key(), specific[all].Key()}})
	}
}

// hasAddressIn says whether the namespace has an address of its own in the subnet.
func (e externalGateway) hasAddressIn(cidr netip.Prefix) bool {
	for _, a := range e.iface.Addresses {
		if cidr.Contains(a) {
			return true
		}
	}
	return false
}
