package control

import (
	"weft/etcdschema"
	"weft/model"
	"weft/model/desired"
)

// item updates one item of a slice. An item without a known object is removed. Any other follows its object. Items of kinds that
// this version does not know belong to a newer version and stay.
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
		return p.reading(unit{kind: unitItem, node: name, item: k}, func() error { return p.networkItem(r, name, k) })
	case desired.KindRouter:
		return p.routerOn(r, name, k)
	case desired.KindNeighbors:
		return p.neighborsOn(r, name, k)
	case desired.KindFloatingIP:
		if known {
			return p.object(r, id)
		}
		r.removeItem(name, k)
	case desired.KindHost:
		if !known || id.Name != name {
			r.removeItem(name, k)
			break
		}
		p.statusOf(id)
		_, err := r.putItem(name, p.reader.host(p.settings.MACPrefix, acc))
		return err
	}
	return nil
}

// networkItem updates a network's item. It exists while something in the slice refers to the network. The first unit that refers to
// the network starts it.
func (p *planner) networkItem(r *round, name string, k desired.Key) error {
	if !p.reader.needs(name, k.UID) {
		p.reader.forget()
		r.removeItem(name, k)
		return nil
	}
	network := p.reader.withUID(k.UID)
	if network == nil || network.Object.ID().Kind != model.KindNetwork {
		return nil // an old incarnation: it is removed with the last port or router that uses it
	}
	id := network.Object.ID()
	p.statusOf(id)
	_, err := r.putItem(name, p.reader.network(name, p.reader.whole(id)))
	return err
}

// orphan releases the claims of an owner that is neither accepted nor reported by any node. It also releases a router's claims of
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

// repairOf are the units that repair a key of desired/ that somebody else has changed.
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
