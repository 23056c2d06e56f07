package control

import "weft/etcdschema"

// reportedOwners counts, by uid, how often nodes report something of an owner of claims. It is changed bucket by bucket,
// because looking for one uid in the reports of all nodes would cost each deletion as much as there are ports.
type reportedOwners map[string]int

// change adds what a bucket reports, or takes it away. A bucket names a port and its network, a centralized router or a
// floating address, and who has claimed what the node uses.
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

// reported says that some node still has the port, a port of the network, the centralized router or the floating address with
// the uid, or uses what the host with the uid has claimed.
func (c *Cache) reported(uid string) bool { return c.owners[uid] > 0 }
