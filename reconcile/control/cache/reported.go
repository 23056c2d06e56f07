package cache

import "weft/etcdschema"

// reportedOwners counts, by uid, how often nodes report something of an owner of claims. It is updated bucket by bucket. Searching
// the reports of all nodes for one uid would make each deletion as expensive as the number of ports.
type reportedOwners map[string]int

// change adds or removes the owners in a bucket: ports and their networks, centralized routers, floating addresses, and the owners
// of other claims that the node uses.
func (o reportedOwners) change(b *etcdschema.BucketReport, add bool) {
	for uid, p := range b.Ports {
		count(o, uid, add)
		count(o, p.Network, add)
	}
	for uid := range b.Gateways {
		count(o, uid, add)
	}
	for item, c := range b.Claimed {
		count(o, c.OwnerOf(item), add)
	}
}
