package claim

import (
	"time"

	"weft/etcdschema"
	"weft/reconcile/control/cache"
)

// settle writes the claims that the allocation wants, and releases the others.
func (a *Allocation) settle(tx *cache.Transaction) error {
	for _, k := range a.requires {
		tx.Require(k)
	}
	for k := range a.Wanted {
		if err := a.bind(tx, k); err != nil {
			return err
		}
	}
	for k, owner := range a.guards {
		if err := a.writeGuard(tx, k, owner); err != nil {
			return err
		}
	}
	if err := a.release(tx, a.UID, cache.ObjectWork(a.ID)); err != nil {
		return err
	}
	if a.Previous != nil && a.Previous.UID != a.UID {
		return a.release(tx, a.Previous.UID, cache.OrphanWork(a.Previous.UID))
	}
	return nil
}

func (a *Allocation) bind(tx *cache.Transaction, k etcdschema.Key) error {
	who, other := a.others[k]
	if !other {
		who = Claimant{a.UID, a.ID}
	}
	cl, ok := a.Cache.Claim(k)
	if ok && cl.Owner == who.UID && cl.State == etcdschema.ClaimBound {
		return nil
	}
	cl = etcdschema.Claim{Owner: who.UID, State: etcdschema.ClaimBound, Since: a.Claimer.Settings.now(), For: who.ID.String()}
	if _, err := tx.Put(k, cl, true); err != nil {
		return err
	}
	if network, _, is := etcdschema.ParseRoutedPrefixClaim(k); is { // whatever the prefixes are
		id, _ := a.Cache.ID(network)
		return a.writeGuard(tx, etcdschema.RoutedPrefixGuard(network), Claimant{network, id})
	}
	return nil
}

// release releases the claims that the uid owns and the allocation does not want. What is too much for one transaction is done by
// the work item rest. Prefixes have a transaction of their own, unless the object is deleted.
func (a *Allocation) release(tx *cache.Transaction, uid string, rest cache.Work) error {
	var gone []etcdschema.Key
	for k := range a.Owned(uid) {
		if _, wanted := a.Wanted[k]; wanted {
			continue
		}
		if a.object.Spec != nil && SpaceOf(k) == prefixSpace {
			a.Claimer.Later(cache.OrphanWork(uid))
			continue
		}
		gone = append(gone, k)
	}
	return a.Claimer.releaseSome(tx, gone, rest)
}

// writeGuard makes the transactions of two replicas collide that write the same guard at the same time.
func (a *Allocation) writeGuard(tx *cache.Transaction, k etcdschema.Key, owner Claimant) error {
	cl, _ := a.Cache.Claim(k)
	at := a.Claimer.Settings.now()
	if !at.After(cl.Since) {
		at = cl.Since.Add(time.Millisecond) // the value must change
	}
	_, err := tx.Put(k, etcdschema.Claim{Owner: owner.UID, State: etcdschema.ClaimBound, Since: at, For: owner.ID.String()}, true)
	return err
}
