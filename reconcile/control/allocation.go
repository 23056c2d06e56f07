package control

import (
	"fmt"
	"slices"
	"time"

	"weft/etcdschema"
	"weft/model"
)

// Allocation finds out which claims one object must own. It writes nothing before settle, so that an invalid object changes
// nothing.
type Allocation struct {
	*planner
	id        model.ID
	uid       string
	object    model.Object
	previous  *etcdschema.Accepted // accepted object of this name, perhaps an earlier incarnation; nil for none
	result    etcdschema.Allocated
	condition condition
	wanted    map[etcdschema.Key]struct{}
	others    map[etcdschema.Key]claimant // the wanted claims that are for another object
	requires  []etcdschema.Key            // keys that must not have changed since they were read
}

// Object is the object whose claims are to be found. It must not be changed.
func (a *Allocation) Object() model.Object { return a.object }

// Claim claims a value that the spec names. When another owner has it, the object is Invalid, or Pending while the value is held after
// its release. field is the path of the value in the object, value names it for people ("address 10.0.0.5").
func (a *Allocation) Claim(field string, k etcdschema.Key, value string) { a.request(field, k, value) }

// conflict returns the claim of another object that prevents claiming a key, if there is one. If there is none, this is recorded as a
// read only for keys that are wanted and not obtained (see missed).
func (a *Allocation) conflict(k etcdschema.Key) (cl etcdschema.Claim, blocked bool) {
	cl, ok := a.cache.claim(k)
	switch {
	case !ok, a.reader.owns(a.uid, k):
		return cl, false
	case a.previous != nil && cl.Owner == a.previous.UID:
		return cl, false
	case cl.For == a.id.String() && !a.reader.alive(cl.Owner):
		return cl, false
	}
	return cl, true
}

// request claims a value that the spec names. When another owner has it, the object is invalid, or pending if the value is only held
// after a release.
func (a *Allocation) request(field string, k etcdschema.Key, value string) {
	if _, twice := a.wanted[k]; twice {
		a.condition.invalid(field, fmt.Sprintf("%s is needed twice by this object: change one of the fields", value))
		return
	}
	cl, blocked := a.conflict(k)
	if !blocked {
		a.want(k)
		return
	}
	a.reader.inTheWay(k)
	if cl.State == etcdschema.ClaimHeld {
		a.condition.pending(field, fmt.Sprintf("%s was released by %s a short while ago and is kept from reuse until its hold time has passed",
			value, a.ownerName(cl)))
		return
	}
	a.condition.invalid(field, fmt.Sprintf("%s belongs to %s already: choose another value, or change that one first", value, a.ownerName(cl)))
}

func (a *Allocation) want(k etcdschema.Key) { a.wanted[k] = struct{}{} }

// wantFor claims a key for an owner that may be another object.
func (a *Allocation) wantFor(k etcdschema.Key, who claimant) {
	a.want(k)
	if who.uid == a.uid {
		return
	}
	if a.others == nil {
		a.others = map[etcdschema.Key]claimant{}
	}
	a.others[k] = who
}

// keeps says that this incarnation may keep a value that was allocated to it: it owns the claim, or the claim was deleted by
// mistake and nobody has claimed the value since.
func (a *Allocation) keeps(k etcdschema.Key) bool {
	if _, claimed := a.cache.claim(k); !claimed {
		return a.previous.UID == a.uid
	}
	return a.reader.owns(a.uid, k)
}

// missed records, as reads, the claims that the object wants and does not get because something else is wrong with it.
func (a *Allocation) missed() {
	for k := range a.wanted {
		a.reader.owns(a.uid, k)
	}
}

// unclaimed says that nobody has claimed the key, and that the object does not want it for something else.
func (a *Allocation) unclaimed(k etcdschema.Key) bool {
	_, wanted := a.wanted[k]
	_, claimed := a.cache.claim(k)
	return !wanted && !claimed
}

func (a *Allocation) ownerName(cl etcdschema.Claim) string {
	if id, ok := a.cache.ids[cl.Owner]; ok {
		return id.String()
	}
	if cl.For != "" {
		return cl.For
	}
	return "an object with uid " + cl.Owner
}

// settle writes the claims that the allocation wants, and releases the others.
func (a *Allocation) settle(tx *transaction) error {
	for _, k := range a.requires {
		tx.require(k)
	}
	for k := range a.wanted {
		if err := a.bind(tx, k); err != nil {
			return err
		}
	}
	if err := a.release(tx, a.uid, unit{kind: unitObject, id: a.id}); err != nil {
		return err
	}
	if a.previous != nil && a.previous.UID != a.uid {
		return a.release(tx, a.previous.UID, unit{kind: unitOrphan, uid: a.previous.UID})
	}
	return nil
}

func (a *Allocation) bind(tx *transaction, k etcdschema.Key) error {
	who, other := a.others[k]
	if !other {
		who = claimant{a.uid, a.id}
	}
	cl, ok := a.cache.claim(k)
	if ok && cl.Owner == who.uid && cl.State == etcdschema.ClaimBound {
		return nil
	}
	cl = etcdschema.Claim{Owner: who.uid, State: etcdschema.ClaimBound, Since: a.now(), For: who.id.String()}
	if _, err := tx.put(k, cl, true); err != nil {
		return err
	}
	if network, _, is := etcdschema.ParseRoutedPrefixClaim(k); is {
		return a.guardPrefixes(tx, network)
	}
	return nil
}

// release releases the claims that the uid owns and the allocation does not want. What is too much for one transaction is done by
// the unit rest. Prefixes have a transaction of their own, unless the object is deleted.
func (a *Allocation) release(tx *transaction, uid string, rest unit) error {
	var gone []etcdschema.Key
	for k := range a.reader.owned(uid) {
		if _, wanted := a.wanted[k]; wanted {
			continue
		}
		if a.object.Spec != nil && spaceOf(k) == prefixSpace {
			a.queue.add(unit{kind: unitOrphan, uid: uid})
			continue
		}
		gone = append(gone, k)
	}
	return a.releaseSome(tx, gone, rest)
}

// releaseShare bounds the claims that one transaction releases. The largest object has 65 claims (a network of model.MaxSubnets),
// and all of them may be new in the same transaction.
const releaseShare = 24

// releaseSome releases as many claims as one transaction has room for. It queues the unit rest for the others.
func (p *planner) releaseSome(tx *transaction, keys []etcdschema.Key, rest unit) error {
	keys = slices.DeleteFunc(keys, func(k etcdschema.Key) bool {
		cl, ok := p.cache.claim(k)
		return !ok || cl.State == etcdschema.ClaimHeld
	})
	if len(keys) > releaseShare {
		slices.SortFunc(keys, compareKeys)
		keys = keys[:releaseShare]
		p.queue.add(rest)
	}
	return p.releaseKeys(tx, keys)
}

// releaseKeys releases claims. An address, MAC, segment or prefix is held for a while, so that traffic of senders that still use or
// cache it does not reach a new owner. Other claims are deleted at once.
func (p *planner) releaseKeys(tx *transaction, keys []etcdschema.Key) error {
	for _, k := range keys {
		cl, ok := p.cache.claim(k)
		switch {
		case !ok || cl.State == etcdschema.ClaimHeld:
		case isHeldSpace(k):
			cl.State, cl.Since = etcdschema.ClaimHeld, p.now()
			if err := tx.putHeld(k, cl); err != nil {
				return err
			}
		default:
			tx.remove(k, true)
		}
	}
	return nil
}

func isHeldSpace(k etcdschema.Key) bool {
	switch spaceOf(k) {
	case "address", "mac", "segment", prefixSpace:
		return true
	}
	return false
}

func (p *planner) now() time.Time { return p.settings.Now().UTC().Truncate(time.Millisecond) }
