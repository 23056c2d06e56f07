package compile

import (
	"net/netip"

	"weft/hostnet/object"
	"weft/model/desired"
)

// Routing tables and rules of an external namespace whose network has several subnets of one family. The rule for routes that are
// more specific than a default route comes before the rules by source. All of them come before the kernel's own rule for the main
// table (32766).
const (
	sourceTable  = 8700 // plus the index of the subnet in its network
	prioSpecific = 1000
	prioBySource = 1001
)

// subnetRoutes adds a route to every subnet of an external network on its link, and a default route by the gateway of the subnet of
// the source. An upstream router accepts no sources of other subnets. The subnet of the namespace's own address needs none of
// these: it has the connected route and the default route of the main table.
func subnetRoutes(b *Builder, n *desired.Network, e exit, after ...object.Key) {
	specific := map[netip.Prefix]*object.Rule{}
	for i, sub := range n.Subnets {
		cidr := sub.CIDR.Prefix
		if e.hasAddressIn(cidr) || e.noIPv6 && cidr.Addr().Is6() {
			continue
		}
		onLink := &object.Route{OwnerUID: e.owner, Namespace: e.namespace, Destination: cidr, Device: externalDevice, After: after}
		b.Add(onLink)
		if !sub.Gateway.IsValid() {
			continue
		}
		all := everything(cidr.Addr())
		if specific[all] == nil {
			specific[all] = &object.Rule{OwnerUID: e.owner, Namespace: e.namespace, Priority: prioSpecific, From: all, MoreSpecific: true, After: after}
			b.Add(specific[all])
		}
		away := &object.Route{OwnerUID: e.owner, Namespace: e.namespace, Table: sourceTable + uint32(i), Destination: all,
			Via: sub.Gateway.Addr, Device: externalDevice, After: append([]object.Key{onLink.Key()}, after...)}
		b.Add(away)
		b.Add(&object.Rule{OwnerUID: e.owner, Namespace: e.namespace, Priority: prioBySource, From: cidr, Table: away.Table,
			After: []object.Key{away.Key(), specific[all].Key()}})
	}
}

// hasAddressIn says whether the namespace has an address of its own in the subnet.
func (e exit) hasAddressIn(cidr netip.Prefix) bool {
	for _, a := range e.leg.Addresses {
		if cidr.Contains(a) {
			return true
		}
	}
	return false
}
