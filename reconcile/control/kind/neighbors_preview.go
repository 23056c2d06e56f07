package kind

import (
	"strings"

	"weft/etcdschema"
	"weft/model"
	"weft/model/desired"
	"weft/reconcile/control/cache"
	"weft/reconcile/control/partial"
)

// followNeighbors reads the items of other nodes that are written because neighbours change. Those on nodes where other work is done
// are read with that work.
func followNeighbors(p *partial.Part, changed cache.Read) {
	if changed.Of != shardOf && changed.Of != shardsOf {
		return
	}
	id, _ := p.Cache.ID(changed.Name)
	prepareNeighbors(p, id)
	router := routerIn(p.Cache, changed.Name)
	switch {
	case router == nil:
	case changed.Of == shardsOf:
		p.Incomplete()
	default:
		for _, name := range p.Cache.PlacedOn(desired.Key{Kind: desired.KindRouter, UID: router.UID}) {
			p.Afterwards(etcdschema.DesiredKey(name, neighborsKey(changed.Name, changed.Part)))
		}
	}
}

// prepareNeighbors reads the ports that have addresses on a network.
func prepareNeighbors(p *partial.Part, id model.ID) {
	prepareNetwork(p, id)
	if a := p.Cache.Accepted(id); a != nil {
		prepareEntries(p, id, a)
	}
}

// prepareEntries reads the ports that the address claims of a network name, once.
func prepareEntries(p *partial.Part, id model.ID, a *etcdschema.Accepted) {
	if !p.Once("neighbors of " + id.String()) {
		return
	}
	var ports []etcdschema.Key
	prefix := etcdschema.AddressClaims(a.UID)
	for k, e := range p.Cache.Entries() {
		cl, ok := cache.ValueOf[*etcdschema.Claim](e)
		if !ok || !prefix.Contains(k) {
			continue
		}
		kind, name, found := strings.Cut(cl.For, " ")
		project, name, both := strings.Cut(name, "/")
		switch {
		case !found:
			p.Everything() // an old version made the claim without saying for whom
			return
		case both && model.Kind(kind) == model.KindPort:
			ports = append(ports, etcdschema.AcceptedKey(model.ID{Project: project, Kind: model.KindPort, Name: name}))
		}
	}
	p.Get(ports...)
}
