package control

import (
	"weft/etcdschema"
	"weft/model/desired"
)

// neighborsItemKind: the neighbour entries of a network are items on each node with a router that leads to it. No object has them.
func neighborsItemKind() ItemKind {
	return ItemKind{
		ItemKind: desired.NeighborsKind(),
		many:     true,
		update:   (*planner).neighborsOn,
		expect:   func(p *planner, name string, k desired.Key) { p.partOn(name, k) },
		prepare: func(p *part, name string, k desired.Key) {
			p.later = append(p.later, etcdschema.DesiredKey(name, k)) // of many nodes, read together
			if uid, _, ok := parseNeighbors(k); ok {
				p.members(p.cache.ids[uid])
			}
		},
	}
}
