package planner

import (
	"weft/etcdschema"
	"weft/model"
	"weft/model/desired"
	"weft/reconcile/control/cache"
	"weft/reconcile/control/kind"
)

// item updates one item of a node. An item that follows an object is removed when the object does not exist. Items of kinds that
// this version does not know belong to a newer version and stay.
func (p *Planner) item(tx *cache.Transaction, u cache.Work) error {
	ofKind, ok := p.kinds.Item(u.Item.Kind)
	if !ok {
		return nil
	}
	if ofKind.Update != nil {
		return p.evaluate(tx, u, func(e *kind.Evaluation) error { return ofKind.Update(e, u.Node, u.Item) })
	}
	if id, known := p.objectOf(u.Item); known {
		return p.object(tx, id)
	}
	p.takeAway(p.aside(tx), u.Node, u.Item)
	return nil
}

// objectOf is the accepted object that an item follows.
func (p *Planner) objectOf(k desired.Key) (model.ID, bool) {
	id, known := p.cache.ID(k.UID)
	return id, known && itemKind(id.Kind) == k.Kind
}

// orphan releases the claims of an owner that is neither accepted nor reported by any node. It also releases what an accepted owner
// does not need any more.
func (p *Planner) orphan(tx *cache.Transaction, uid string) error {
	if acc := p.cache.WithUID(uid); acc != nil {
		return p.Claims.ReleaseSurplus(tx, p.cache.Reader(), acc)
	}
	if p.cache.Reported(uid) {
		return nil
	}
	for id, a := range p.lost {
		if a.UID == uid {
			p.touch(id)
			return nil
		}
	}
	return p.Claims.ReleaseOwner(tx, uid)
}

// repairOf is the work that repairs a key of desired/ that somebody else has changed.
func repairOf(k etcdschema.Key) []cache.Work {
	name, item, head, ok := etcdschema.ParseDesired(k)
	switch {
	case !ok:
		return nil
	case head:
		return []cache.Work{cache.HeadWork(name)}
	}
	return []cache.Work{cache.ItemWork(name, item), cache.HeadWork(name)}
}
