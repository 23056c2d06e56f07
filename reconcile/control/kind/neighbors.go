package kind

import (
	"weft/etcdschema"
	"weft/model/desired"
	"weft/reconcile/control/cache"
	"weft/reconcile/control/partial"
)

// neighborsItemKind: the neighbour entries of a network are items on each node with a router that leads to it. No object has them.
func neighborsItemKind() ItemKind {
	return ItemKind{
		Cache:  cache.ItemKind{ItemKind: desired.NeighborsKind(), Shared: true},
		Many:   true,
		Update: neighborsOn,
		Owner: func(k desired.Key) string {
			network, _, _ := parseNeighbors(k)
			return network
		},
		Expect: func(e *Evaluation, name string, k desired.Key) { shardOn(e, name, k) },
		Prepare: func(p *partial.Part, name string, k desired.Key) {
			p.Afterwards(etcdschema.DesiredKey(name, k)) // of many nodes, read together
			if uid, _, ok := parseNeighbors(k); ok {
				id, _ := p.Cache.ID(uid)
				prepareNeighbors(p, id)
			}
		},
		Follow: followNeighbors,
	}
}
