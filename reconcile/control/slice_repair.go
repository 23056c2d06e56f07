package control

import (
	"weft/etcdschema"
	"weft/model/desired"
)

// item makes one item of a slice what it must be: an item of no known object goes, any other follows its object. Kinds
// that this version does not know belong to a newer one and stay.
func (p *planner) item(r *round, name string, k desired.Key) error {
	id, known := p.cache.ids[k.UID]
	acc := p.cache.accepted[id]
	if known && itemKind(id.Kind) != k.Kind {
		known = false
	}
	switch k.Kind {
	case desired.KindPort:
		if known {
			return p.object(r, id)
		}
		p.takeOff(r, name, k)
	case desired.KindNetwork:
		if !p.cache.node(name).needs(k.UID) {
			p.removeItem(r, name, k)
			break
		}
		if !known { // it goes with the last port or router that is looked at again after the network was made again
			break
		}
		p.statusOf(id)
		_, err := p.putItem(r, name, resolveNetwork(p.cache, name, acc))
		return err
	case desired.KindRouter:
		if !known {
			acc = nil
		}
		return p.routerOn(r, name, k, acc)
	case desired.KindNeighbors:
		return p.neighborsOn(r, name, k)
	case desired.KindFloatingIP:
		if known {
			return p.object(r, id)
		}
		p.removeItem(r, name, k)
	case desired.KindHost:
		if !known || id.Name != name {
			p.removeItem(r, name, k)
			break
		}
		p.statusOf(id)
		_, err := p.putItem(r, name, resolveHost(p.cache, p.settings.MACPrefix, acc))
		return err
	}
	return nil
}

// orphan releases the claims of an owner that is neither accepted nor reported by any node, and a router's claims of
// prefixes that are not behind it any more.
func (p *planner) orphan(r *round, uid string) error {
	if id, known := p.cache.ids[uid]; known {
		return p.releasePrefixes(r, p.cache.accepted[id])
	}
	if p.cache.reported(uid) {
		return nil
	}
	for id, a := range p.lost {
		if a.UID == uid {
			p.touch(id)
			return nil
		}
	}
	var keys []etcdschema.Key
	for k := range p.cache.owned[uid] {
		keys = append(keys, k)
	}
	return p.releaseSome(r, keys, unit{kind: unitOrphan, uid: uid})
}

// repairOf is the unit that looks at a key of desired/ that somebody else has changed.
func repairOf(k etcdschema.Key) []unit {
	name, item, head, ok := etcdschema.ParseDesired(k)
	switch {
	case !ok:
		return nil
	case head:
		return []unit{{kind: unitHead, node: name}}
	}
	return []unit{{kind: unitItem, node: name, item: item}, {kind: unitHead, node: name}}
}
