package control

import (
	"weft/etcdschema"
	"weft/model"
	"weft/model/desired"
)

// item updates one item of a node. An item that follows an object is removed when the object does not exist. Items of kinds that
// this version does not know belong to a newer version and stay.
func (p *planner) item(tx *transaction, name string, k desired.Key) error {
	kind, ok := p.cache.kinds.item(k.Kind)
	if !ok {
		return nil
	}
	if kind.update != nil {
		return kind.update(p, tx, name, k)
	}
	if id, known := p.objectOf(k); known {
		return p.object(tx, id)
	}
	p.takeAway(kind, tx, name, k)
	return nil
}

// objectOf is the accepted object that an item follows.
func (p *planner) objectOf(k desired.Key) (model.ID, bool) {
	id, known := p.cache.ids[k.UID]
	return id, known && itemKind(id.Kind) == k.Kind
}

// orphan releases the claims of an owner that is neither accepted nor reported by any node. It also releases a router's claims of
// prefixes that are not behind it any more.
func (p *planner) orphan(tx *transaction, uid string) error {
	if id, known := p.cache.ids[uid]; known {
		return p.releasePrefixes(tx, p.cache.accepted[id])
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
	return p.releaseSome(tx, keys, unit{kind: unitOrphan, uid: uid})
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
