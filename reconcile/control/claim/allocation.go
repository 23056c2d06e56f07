package claim

import (
	"fmt"
	"net/netip"

	"weft/etcdschema"
	"weft/model"
	"weft/reconcile/control/cache"
)

// Allocation finds out which claims one object must own. It writes nothing before settle, so that an invalid object changes
// nothing.
type Allocation struct {
	*cache.Reader
	Claimer   *Claimer
	ID        model.ID
	UID       string
	object    model.Object
	Previous  *etcdschema.Accepted // accepted object of this name, perhaps an earlier incarnation; nil for none
	Result    etcdschema.Allocated
	Condition Condition
	Wanted    map[etcdschema.Key]struct{}
	others    map[etcdschema.Key]Claimant // the wanted claims that are for another object
	requires  []etcdschema.Key            // keys that must not have changed since they were read
	guards    map[etcdschema.Key]Claimant // keys that make transactions of two replicas collide, with their owners
	pairs     []netip.Prefix              // the object's own allowed address pairs: no address is chosen out of them
}

// Claimant is the future owner of a claim.
type Claimant struct {
	UID string
	ID  model.ID
}

// Object is the object whose claims are to be found. It must not be changed.
func (a *Allocation) Object() model.Object { return a.object }

// Invalid adds a reason why the object cannot be as it is declared. field is a path in the object.
func (a *Allocation) Invalid(field, message string) { a.Condition.invalid(field, message) }

// Pending adds a reason to the object's status: what it waits for. field is a path in the object, or empty.
func (a *Allocation) Pending(field, message string) { a.Condition.Pending(field, message) }

// Claim claims a value that the spec names. When another owner has it, the object is Invalid, or Pending while the value is held after
// its release. field is the path of the value in the object, value names it for people ("address 10.0.0.5").
func (a *Allocation) Claim(field string, k etcdschema.Key, value string) {
	if _, twice := a.Wanted[k]; twice {
		a.Condition.invalid(field, fmt.Sprintf("%s is needed twice by this object: change one of the fields", value))
		return
	}
	if cl, blocked := a.Conflict(k); blocked {
		a.refuse(field, k, cl, value, "belongs to")
		return
	}
	if pair, cl, blocked := a.pairConflict(k); blocked {
		a.refuse(field, pair, cl, value, "is in spec.allowedAddressPairs of")
		return
	}
	a.Want(k)
}

// refuse says that a value is not available, because another owner has the claim.
func (a *Allocation) refuse(field string, k etcdschema.Key, cl etcdschema.Claim, value, relation string) {
	a.InTheWay(k)
	if cl.State == etcdschema.ClaimHeld {
		a.Condition.Pending(field, fmt.Sprintf("%s was released by %s a short while ago and is kept from reuse until its hold time has passed",
			value, a.OwnerName(cl)))
		return
	}
	a.Condition.invalid(field, fmt.Sprintf("%s %s %s already: choose another value, or change that one first", value, relation, a.OwnerName(cl)))
}

// Conflict returns the claim of another object that prevents claiming a key, if there is one. If there is none, this is recorded as a
// read only for keys that are wanted and not obtained (see missed).
func (a *Allocation) Conflict(k etcdschema.Key) (cl etcdschema.Claim, blocked bool) {
	cl, ok := a.Cache.Claim(k)
	switch {
	case !ok, a.Owns(a.UID, k):
		return cl, false
	case a.Previous != nil && cl.Owner == a.Previous.UID:
		return cl, false
	case cl.For == a.ID.String() && !a.Alive(cl.Owner):
		return cl, false
	}
	return cl, true
}

// Want claims a value that was chosen.
func (a *Allocation) Want(k etcdschema.Key) { a.Wanted[k] = struct{}{} }

// wantFor claims a key for an owner that may be another object.
func (a *Allocation) wantFor(k etcdschema.Key, who Claimant) {
	a.Want(k)
	if who.UID == a.UID {
		return
	}
	if a.others == nil {
		a.others = map[etcdschema.Key]Claimant{}
	}
	a.others[k] = who
}

// Keeps says that this incarnation may keep a value that was allocated to it: it owns the claim, or the claim was deleted by
// mistake and nobody has claimed the value since.
func (a *Allocation) Keeps(k etcdschema.Key) bool {
	if _, claimed := a.Cache.Claim(k); !claimed {
		return a.Previous.UID == a.UID
	}
	return a.Owns(a.UID, k)
}

// Require makes etcd refuse the transaction if one of the keys has changed since it was read.
func (a *Allocation) Require(keys ...etcdschema.Key) { a.requires = append(a.requires, keys...) }

// Guard writes the key, which others own, so that the transactions of two replicas that guard the same thing collide.
func (a *Allocation) Guard(k etcdschema.Key, owner Claimant) {
	if a.guards == nil {
		a.guards = map[etcdschema.Key]Claimant{}
	}
	a.guards[k] = owner
}

// missed records, as reads, the claims that the object wants and does not get because something else is wrong with it.
func (a *Allocation) missed() {
	for k := range a.Wanted {
		a.Owns(a.UID, k)
	}
}

// Unclaimed says that nobody has claimed the key, and that the object does not want it for something else.
func (a *Allocation) Unclaimed(k etcdschema.Key) bool {
	_, wanted := a.Wanted[k]
	_, claimed := a.Cache.Claim(k)
	return !wanted && !claimed
}

// OwnerName names the owner of a claim for people.
func (a *Allocation) OwnerName(cl etcdschema.Claim) string { return a.Cache.OwnerName(cl) }
