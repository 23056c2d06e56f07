package claim

import (
	"fmt"

	"weft/etcdschema"
	"weft/model"
	"weft/reconcile/control/cache"
)

// Advance accepts the newest intent of an object as far as that is possible: it makes the claims that the object needs and writes the
// accepted record. acc is the object as it was accepted before, perhaps an earlier incarnation; nil for none. While the intent is not
// valid, acc is evaluated again, because what it refers to may have changed. Advance returns the object as it is accepted now, nil for
// none, and what is to be said of the intent. An error means that the transaction must be rolled back.
func (c *Claimer) Advance(tx *cache.Transaction, r *cache.Reader, in *cache.Intent, acc *etcdschema.Accepted) (*etcdschema.Accepted, *Condition, error) {
	cond := &Condition{Phase: etcdschema.PhaseAccepted}
	if len(in.Problems) > 0 {
		cond.Phase, cond.Reasons = etcdschema.PhaseInvalid, in.Problems
	}
	if cond.Good() {
		a := c.allocate(r, in.Object, in.CreateRevision, acc)
		if a.Condition.Good() {
			next := c.record(a, in, acc)
			tx.Require(etcdschema.Intent(a.ID))
			return next, cond, c.accept(tx, a, next)
		}
		a.missed()
		cond = &a.Condition
	}
	if acc == nil {
		return nil, cond, nil
	}
	a := c.allocate(r, acc.Object, acc.CreateRevision, acc)
	if !a.Condition.Good() {
		a.missed()
		return acc, cond, nil
	}
	next := c.again(a, acc)
	return next, cond, c.accept(tx, a, next)
}

// allocate finds the claims of a valid object. If its create revision differs from that of the accepted object, it is another
// incarnation and gets a new uid.
func (c *Claimer) allocate(r *cache.Reader, o model.Object, born int64, acc *etcdschema.Accepted) *Allocation {
	a := &Allocation{
		Reader: r, Claimer: c, ID: o.ID(), object: o, Previous: acc, Wanted: map[etcdschema.Key]struct{}{},
		Condition: Condition{Phase: etcdschema.PhaseAccepted},
	}
	if acc != nil && acc.CreateRevision == born {
		a.UID = acc.UID
	} else {
		a.UID = c.Settings.NewUID()
	}
	a.references()
	if !a.Condition.Good() {
		return a
	}
	if claims := c.Kinds[o.Spec.Kind()].Claims; claims != nil {
		claims(a)
	}
	return a
}

// accept writes the accepted record and its claims. The claims of an earlier incarnation are released.
func (c *Claimer) accept(tx *cache.Transaction, a *Allocation, next *etcdschema.Accepted) error {
	for _, ref := range next.Object.Spec.References(a.ID.Project) {
		if c.Cache.Accepted(ref.To) != nil {
			tx.Require(etcdschema.AcceptedKey(ref.To))
		}
	}
	if err := a.settle(tx); err != nil {
		return err
	}
	_, err := tx.Put(etcdschema.AcceptedKey(a.ID), next, true)
	return err
}

// Remove deletes the accepted record of an object that is not declared any more, and releases its claims.
func (c *Claimer) Remove(tx *cache.Transaction, r *cache.Reader, acc *etcdschema.Accepted) error {
	id := acc.Object.ID()
	a := &Allocation{Reader: r, Claimer: c, ID: id, UID: acc.UID}
	if err := a.release(tx, acc.UID, cache.OrphanWork(acc.UID)); err != nil {
		return err
	}
	tx.Require(etcdschema.Intent(id))
	tx.Remove(etcdschema.AcceptedKey(id), true)
	return nil
}

// record makes the accepted record of an allocation.
func (c *Claimer) record(a *Allocation, in *cache.Intent, previous *etcdschema.Accepted) *etcdschema.Accepted {
	next := &etcdschema.Accepted{
		UID: a.UID, IntentRevision: in.ModRevision, CreateRevision: in.CreateRevision, Object: in.Object, Allocated: a.Result,
	}
	c.keep(a.Reader, previous, next)
	return next
}

// again makes the accepted record of an object whose newer intent is not valid, after what it refers to has changed.
func (c *Claimer) again(a *Allocation, acc *etcdschema.Accepted) *etcdschema.Accepted {
	next := *acc
	next.Allocated = a.Result
	next.Migration, next.GatewaySecret = nil, ""
	c.keep(a.Reader, acc, &next)
	return &next
}

// keep sets what an accepted object has besides its claims.
func (c *Claimer) keep(r *cache.Reader, previous, next *etcdschema.Accepted) {
	if keep := c.Kinds[next.Object.Spec.Kind()].Keep; keep != nil {
		keep(r, c.Settings, previous, next)
	}
}

// references checks the object against what it refers to, which must be accepted, except what may come later.
func (a *Allocation) references() {
	later := func(k model.Kind) bool { return a.Claimer.Kinds[k].ComesLater }
	lookup := func(id model.ID) (model.Object, bool) {
		declared := a.Declared(id)
		if acc := a.Accepted(id); acc != nil && (declared || refers(a.Previous, id)) {
			return acc.Object, true
		}
		return model.Object{}, later(id.Kind) || declared
	}
	for _, e := range model.ValidateRefs(a.object, lookup) {
		a.Condition.invalid(e.Field, e.Message)
	}
	for _, ref := range a.object.Spec.References(a.ID.Project) {
		if a.Accepted(ref.To) == nil && a.Declared(ref.To) && !later(ref.To.Kind) {
			a.Condition.Pending(ref.Field, fmt.Sprintf("waits for %s, which is not accepted: see its status", ref.To))
		}
	}
}

func refers(acc *etcdschema.Accepted, to model.ID) bool {
	if acc == nil {
		return false
	}
	for _, r := range acc.Object.Spec.References(acc.Object.Metadata.Project) {
		if r.To == to {
			return true
		}
	}
	return false
}
