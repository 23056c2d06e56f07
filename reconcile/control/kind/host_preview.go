package kind

import (
	"strings"

	"weft/etcdschema"
	"weft/model"
	"weft/reconcile/control/partial"
)

// prepareHost reads a host, its node, the routers of the networks there, and the claim of its MAC.
func prepareHost(p *partial.Part, name string) {
	p.Objects(model.HostID(name))
	p.Node(name)
	var claims []etcdschema.Key
	for uid := range p.Cache.Members(GuestNetworks, name) {
		claims = append(claims, etcdschema.RouterNetworkClaim(uid))
	}
	p.Get(claims...)
	for uid := range p.Cache.Members(GuestNetworks, name) {
		if cl, ok := p.Cache.Claim(etcdschema.RouterNetworkClaim(uid)); ok {
			if project, _, found := strings.Cut(strings.TrimPrefix(cl.For, string(model.KindRouter)+" "), "/"); found {
				p.OfKind(project, model.KindRouter)
			}
			prepareRouter(p, cl.Owner)
		}
	}
	if a := p.Cache.Accepted(model.HostID(name)); a != nil && !a.Allocated.MAC.IsZero() {
		p.Get(etcdschema.MACClaim(a.Allocated.MAC))
	}
}
