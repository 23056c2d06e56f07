package planner

import (
	"fmt"
	"maps"
	"slices"

	"weft/etcdschema"
	"weft/model"
	"weft/model/desired"
	"weft/reconcile/control/cache"
	"weft/reconcile/control/claim"
	"weft/reconcile/control/kind"
)

// Do does one piece of work. After an error the transaction must be rolled back to where it was before.
func (p *Planner) Do(tx *cache.Transaction, u cache.Work) error {
	switch u.Kind {
	case cache.WorkObject:
		return p.object(tx, u.ID)
	case cache.WorkItem:
		return p.item(tx, u)
	case cache.WorkHead:
		return tx.SealHead(u.Node)
	case cache.WorkOrphan:
		return p.orphan(tx, u.UID)
	}
	return fmt.Errorf("unknown kind of work %d", u.Kind)
}

// object brings one intent object as far as possible.
func (p *Planner) object(tx *cache.Transaction, id model.ID) error {
	return p.evaluate(tx, cache.ObjectWork(id), func(e *kind.Evaluation) error { return p.advance(e, id) })
}

// advance accepts the object and places it, or completes its deletion.
func (p *Planner) advance(e *kind.Evaluation, id model.ID) error {
	in, acc := p.cache.Intent(id), p.cache.Accepted(id)
	if acc == nil {
		acc = p.lost[id]
	}
	p.StatusChanged(id)
	delete(p.conditions, id)
	if in == nil {
		return p.remove(e, id, acc)
	}
	next, cond, err := p.Claims.Advance(e.Tx, e.Reader, in, acc)
	if err != nil {
		return err
	}
	if acc != nil && acc.UID != next.UID { // what the earlier incarnation has on the nodes goes
		p.withdraw(e, itemKind(id.Kind), acc.UID)
	}
	if p.cache.Accepted(id) != nil {
		delete(p.lost, id)
	}
	if next != nil {
		if err := p.place(e, next, cond); err != nil {
			return err
		}
	}
	p.conditions[id] = cond
	return nil
}

// place writes the accepted object to the node configs.
func (p *Planner) place(e *kind.Evaluation, acc *etcdschema.Accepted, cond *claim.Condition) error {
	if place := p.kinds.ObjectOf(acc).Place; place != nil {
		return place(e.Placement(acc, cond))
	}
	return nil
}

// remove completes the deletion of an object. Objects that others still refer to wait, unless their kind says otherwise.
func (p *Planner) remove(e *kind.Evaluation, id model.ID, acc *etcdschema.Accepted) error {
	if acc == nil {
		return nil
	}
	kind := p.kinds.Object(id.Kind)
	if users := e.Users(id); len(users) > 0 && !kind.Outlived {
		p.conditions[id] = stillUsed(slices.SortedFunc(maps.Keys(users), model.ID.Compare))
		return p.place(e, acc, &claim.Condition{})
	}
	if kind.InUse != nil {
		if why := kind.InUse(e.Reader, acc); why != "" {
			p.conditions[id] = &claim.Condition{}
			p.conditions[id].Pending("", why)
			return p.place(e, acc, &claim.Condition{})
		}
	}
	p.withdraw(e, itemKind(id.Kind), acc.UID)
	delete(p.lost, id)
	if err := p.Claims.Remove(e.Tx, e.Reader, acc); err != nil {
		return err
	}
	e.Forget() // the object does not exist any more
	return nil
}

func stillUsed(users []model.ID) *claim.Condition {
	cond := &claim.Condition{Phase: etcdschema.PhasePending}
	more := ""
	if n := len(users) - 1; n > 0 {
		more = fmt.Sprintf(" and %d more", n)
	}
	cond.Pending("", fmt.Sprintf("is deleted, but still used by %s%s: it goes when they are gone", users[0], more))
	return cond
}

// withdraw takes every item with the uid off all nodes.
func (p *Planner) withdraw(e *kind.Evaluation, of desired.Kind, uid string) {
	key := desired.Key{Kind: of, UID: uid}
	for _, name := range p.cache.PlacedOn(key) {
		p.takeAway(e, name, key)
	}
}

// takeAway removes an item whose object is gone from a node.
func (p *Planner) takeAway(e *kind.Evaluation, name string, k desired.Key) {
	if kind, _ := p.kinds.Item(k.Kind); kind.Withdraw != nil {
		kind.Withdraw(e, name, k)
		return
	}
	e.Tx.RemoveItem(name, k)
}

// Evaluate does work inside of the present transaction (see schedule).
func (p *Planner) Evaluate(tx *cache.Transaction, u cache.Work) error { return p.Do(tx, u) }
