package kind

import (
	"weft/etcdschema"
	"weft/model"
	"weft/model/desired"
	"weft/reconcile/control/partial"
)

// prepareNetwork reads the address claims of a network, the address pools, and its router with all networks of that.
func prepareNetwork(p *partial.Part, id model.ID) {
	if id == (model.ID{}) {
		return
	}
	p.Objects(id)
	a := p.Cache.Accepted(id)
	if a == nil {
		return
	}
	p.List(etcdschema.AddressClaims(a.UID), etcdschema.FixedClaims(a.UID), etcdschema.AddressPairClaims(a.UID))
	p.OfKind(model.ClusterProject, model.KindAddressPool)
	if s := a.Object.Spec.(*model.NetworkSpec); s.External != nil {
		p.List(etcdschema.RoutedPrefixClaims(a.UID))
	}
	claim := etcdschema.RouterNetworkClaim(a.UID)
	p.Get(claim)
	cl, ok := p.Cache.Claim(claim)
	if s := a.Object.Spec.(*model.NetworkSpec); s.IsolateGuests && (ok || s.External != nil) {
		p.Everything() // its items name the MACs of the routers of all hosts
		return
	}
	if ok {
		p.OfKind(id.Project, model.KindRouter)
		prepareRouter(p, cl.Owner)
		prepareEntries(p, id, a) // before the first run, or that run would take all shards on all nodes for changed
	}
}

// prepareRouter reads the router with the uid, its networks, and the nodes that have it. For a centralized router the keys near the
// port are not enough: everything is read.
func prepareRouter(p *partial.Part, uid string) {
	id, _ := p.Cache.ID(uid)
	a := p.Cache.Accepted(id)
	if id.Kind != model.KindRouter || a == nil {
		p.Everything()
		return
	}
	if !p.Once("router " + uid) {
		return
	}
	if isCentral(a) || !p.Cache.Declared(id) {
		p.Everything()
		return
	}
	s := a.Object.Spec.(*model.RouterSpec)
	for _, n := range s.NetworkIDs(id.Project) {
		prepareNetwork(p, n)
	}
	if s.ExternalNetwork != "" {
		prepareNetwork(p, s.ExternalID(id.Project))
	}
	p.Everywhere(desired.Key{Kind: desired.KindRouter, UID: uid})
}
