package kind

import (
	"weft/etcdschema"
	"weft/reconcile/control/cache"
)

// portIndex has what kinds keep of the accepted ports: the neighbours of routers, and the members of security groups.
type portIndex struct {
	neighbors *neighborIndex
	members   *memberIndex
}

func newPortIndex(c *cache.Cache) cache.Index {
	return &portIndex{newNeighborIndex(c), newMemberIndex(c)}
}

// Change implements cache.Index.
func (x *portIndex) Change(a *etcdschema.Accepted, add bool) {
	x.neighbors.Change(a, add)
	x.members.Change(a, add)
}

// ChangeClaim implements cache.Index.
func (x *portIndex) ChangeClaim(k etcdschema.Key, cl etcdschema.Claim, add bool) {
	x.neighbors.ChangeClaim(k, cl, add)
	x.members.ChangeClaim(k, cl, add)
}

// Changed implements cache.Index.
func (x *portIndex) Changed(was, is *etcdschema.Accepted, report func(cache.Read)) {
	x.neighbors.Changed(was, is, report)
	x.members.Changed(was, is, report)
}

// ClaimChanged implements cache.Index.
func (x *portIndex) ClaimChanged(k etcdschema.Key, owner string, sameOwner bool, report func(cache.Read)) {
	x.neighbors.ClaimChanged(k, owner, sameOwner, report)
	x.members.ClaimChanged(k, owner, sameOwner, report)
}

// Freed implements cache.Index. A free value is nobody's neighbour or member.
func (*portIndex) Freed(etcdschema.Key, func(cache.Read)) {}
