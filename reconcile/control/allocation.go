package control

import (
	"fmt"
	"slices"
	"time"

	"weft/etcdschema"
	"weft/model"
)

// maxSegments bounds VLAN ids (IEEE 802.1Q: 12 bits).
const maxSegments = 4096

// segmentSet tells which VLAN ids of a physical network are claimed.
type segmentSet [maxSegments]bool

// allocation works out which claims one object must own. Nothing is written before settle, so an object that turns out
// to be invalid changes nothing.
type allocation struct {
	*planner
	id       model.ID
	uid      string
	object   model.Object
	previous *etcdschema.Accepted // of the same name, perhaps an earlier incarnation; nil when there is none
	result   etcdschema.Allocated
	verdict  verdict
	wanted   map[etcdschema.Key]struct{}
	others   map[etcdschema.Key]claimant // of the wanted, those that are for another object
	requires []etcdschema.Key            // what else must be as it was looked at
}

// obstacle says who stands in the way of claiming a key, if anybody does. That nobody does is a read of those that are wanted and not
// had, see missed.
func (a *allocation) obstacle(k etcdschema.Key) (cl etcdschema.Claim, blocked bool) {
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

// demand claims a value that the spec names. When somebody has it, the object is invalid, or pending while it is only
// held after a release.
func (a *allocation) demand(field string, k etcdschema.Key, value string) {
	if _, twice := a.wanted[k]; twice {
		a.verdict.invalid(field, fmt.Sprintf("%s is needed twice by this object: change one of the fields", value))
		return
	}
	cl, blocked := a.obstacle(k)
	if !blocked {
		a.want(k)
		return
	}
	a.reader.inTheWay(k)
	if cl.State == etcdschema.ClaimHeld {
		a.verdict.pending(field, fmt.Sprintf("%s was released by %s a short while ago and is kept from reuse until its hold time has passed",
			value, a.ownerName(cl)))
		return
	}
	a.verdict.invalid(field, fmt.Sprintf("%s belongs to %s already: choose another value, or change that one first", value, a.ownerName(cl)))
}

func (a *allocation) want(k etcdschema.Key) { a.wanted[k] = struct{}{} }

// wantFor claims a key for somebody, perhaps another object.
func (a *allocation) wantFor(k etcdschema.Key, who claimant) {
	a.want(k)
	if who.uid == a.uid {
		return
	}
	if a.others == nil {
		a.others = map[etcdschema.Key]claimant{}
	}
	a.others[k] = who
}

// keeps says that this incarnation may keep what it was allocated: the claim is its own, or was lost by a mistake and
// taken by nobody since.
func (a *allocation) keeps(k etcdschema.Key) bool {
	if _, claimed := a.cache.claim(k); !claimed {
		return a.previous.UID == a.uid
	}
	return a.reader.owns(a.uid, k)
}

// missed notes what the object wants and does not get, since something else is wrong with it.
func (a *allocation) missed() {
	for k := range a.wanted {
		a.reader.owns(a.uid, k)
	}
}

// unclaimed says that nobody has the key and the object does not want it for something else.
func (a *allocation) unclaimed(k etcdschema.Key) bool {
	_, wanted := a.wanted[k]
	_, claimed := a.cache.claim(k)
	return !wanted && !claimed
}

func (a *allocation) ownerName(cl etcdschema.Claim) string {
	if id, ok := a.cache.ids[cl.Owner]; ok {
		return id.String()
	}
	if cl.For != "" {
		return cl.For
	}
	return "an object with uid " + cl.Owner
}

// settle makes the claims what the allocation wants: new ones bound, others released.
func (a *allocation) settle(r *round) error {
	for _, k := range a.requires {
		r.require(k)
	}
	for k := range a.wanted {
		if err := a.bind(r, k); err != nil {
			return err
		}
	}
	if err := a.release(r, a.uid, unit{kind: unitObject, id: a.id}); err != nil {
		return err
	}
	if a.previous != nil && a.previous.UID != a.uid {
		return a.release(r, a.previous.UID, unit{kind: unitOrphan, uid: a.previous.UID})
	}
	return nil
}

func (a *allocation) bind(r *round, k etcdschema.Key) error {
	who, other := a.others[k]
	if !other {
		who = claimant{a.uid, a.id}
	}
	cl, ok := a.cache.claim(k)
	if ok && cl.Owner == who.uid && cl.State == etcdschema.ClaimBound {
		return nil
	}
	if _, err := r.put(k, etcdschema.Claim{Owner: who.uid, State: etcdschema.ClaimBound, Since: a.now(), For: who.id.String()}, true); err != nil {
		return err
	}
	if network, _, is := etcdschema.ParseRoutedPrefixClaim(k); is {
		return a.guardPrefixes(r, network)
	}
	return nil
}

// release frees what the uid owns and the allocation does not want. rest is looked at for what is too much for one
// transaction. Prefixes wait for a transaction of their own, unless the object goes.
func (a *allocation) release(r *round, uid string, rest unit) error {
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
	return a.releaseSome(r, gone, rest)
}

// releaseShare bounds the claims that one transaction frees. The largest object claims 65 (a network of model.MaxSubnets),
// all of which may be new in the same transaction.
const releaseShare = 24

// releaseSome frees as many claims as one transaction has room for, and has the others looked at with another unit.
func (p *planner) releaseSome(r *round, keys []etcdschema.Key, rest unit) error {
	keys = slices.DeleteFunc(keys, func(k etcdschema.Key) bool {
		cl, ok := p.cache.claim(k)
		return !ok || cl.State == etcdschema.ClaimHeld
	})
	if len(keys) > releaseShare {
		slices.SortFunc(keys, compareKeys)
		keys = keys[:releaseShare]
		p.queue.add(rest)
	}
	return p.releaseKeys(r, keys)
}

// releaseKeys frees claims. An address, MAC or segment is held, so that whoever still sends to it, or has it cached,
// meets no stranger; names on a host are free at once.
func (p *planner) releaseKeys(r *round, keys []etcdschema.Key) error {
	for _, k := range keys {
		cl, ok := p.cache.claim(k)
		switch {
		case !ok || cl.State == etcdschema.ClaimHeld:
		case isHeldSpace(k):
			cl.State, cl.Since = etcdschema.ClaimHeld, p.now()
			if err := r.putHeld(k, cl); err != nil {
				return err
			}
		default:
			r.remove(k, true)
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
