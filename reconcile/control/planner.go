package control

import (
	"fmt"
	"strings"
	"time"

	"weft/etcdschema"
	"weft/model"
	"weft/model/desired"
	"weft/reconcile/control/pace"
)

// Settings are what allocation depends on besides the cache. All fields are needed; DefaultSettings fills them in.
type Settings struct {
	MACPrefix [3]byte
	Now       func() time.Time
	NewUID    func() string
	Random    func() uint64
	NewSecret func() string
}

// planner evaluates units of work against the cache and writes into a transaction. It is pure except for Settings.
type planner struct {
	cache    *Cache
	settings Settings
	spread   bool // after a lost race: choose values at random, to avoid another one

	queue      workQueue
	sets       pace.Limiter[unit]
	retries    pace.Backoff[unit]
	status     map[etcdschema.Key]struct{} // status keys to be evaluated because something changed
	compared   map[etcdschema.Key]struct{} // status keys that are only compared
	conditions map[model.ID]*condition
	reader     *reader                           // of the unit that is being evaluated
	spare      map[read]struct{}                 // an empty set for the next reader
	trouble    map[string]map[string]string      // why a router is not on a node, by its uid and the node
	lost       map[model.ID]*etcdschema.Accepted // deleted by mistake, to be written again
	foreign    map[etcdschema.Key]struct{}       // keys of node configs that somebody else has changed
	doubtful   map[etcdschema.Key]*write         // what the last transaction of unknown outcome would write
	refused    refusals                          // keys of nodes that are refused
	rewound    bool                              // etcd went back: events may be older than the cache
}

func newPlanner(c *Cache, s Settings) *planner {
	p := &planner{
		cache: c, queue: workQueue{kinds: &c.kinds}, reader: &reader{cache: c}, settings: s,
		status: map[etcdschema.Key]struct{}{}, compared: map[etcdschema.Key]struct{}{}, conditions: map[model.ID]*condition{},
		trouble: map[string]map[string]string{},
		lost:    map[model.ID]*etcdschema.Accepted{}, foreign: map[etcdschema.Key]struct{}{}, refused: newRefusals(),
	}
	c.record = newRecord(p.enqueue)
	return p
}

// enqueue queues a unit to be evaluated again; a set waits as long as its pace requires. What the unit that is being evaluated writes
// itself does not queue it.
func (p *planner) enqueue(u unit) {
	if p.reader.notes && p.reader.unit == u {
		return
	}
	if p.cache.kinds.class(u) != classSets || !p.sets.Hold(u, p.settings.Now()) {
		p.queue.add(u)
	}
}

// begin queues a unit that has not been evaluated yet. After that, changes of its reads queue it.
func (p *planner) begin(u unit) {
	if !p.cache.record.knows(u) {
		p.enqueue(u)
	}
}

func (p *planner) touch(id model.ID) { p.queue.add(unit{kind: unitObject, id: id}) }

// spaceOf is the claim space of a claim key ("address").
func spaceOf(k etcdschema.Key) string {
	parts := strings.SplitN(k.String(), "/", 3)
	if len(parts) < 3 {
		return ""
	}
	return parts[1]
}

// do evaluates one unit. After an error the transaction must be rolled back to where it was before.
func (p *planner) do(tx *transaction, u unit) error {
	switch u.kind {
	case unitObject:
		return p.object(tx, u.id)
	case unitItem:
		return p.item(tx, u.node, u.item)
	case unitHead:
		return tx.sealHead(u.node)
	case unitOrphan:
		return p.orphan(tx, u.uid)
	}
	return fmt.Errorf("unknown unit of work %d", u.kind)
}

// object brings one intent object as far as possible.
func (p *planner) object(tx *transaction, id model.ID) error {
	return p.reading(unit{kind: unitObject, id: id}, func() error { return p.advance(tx, id) })
}

func (p *planner) advance(tx *transaction, id model.ID) error {
	in, acc := p.cache.intents[id], p.cache.accepted[id]
	if acc == nil {
		acc = p.lost[id]
	}
	p.statusOf(id)
	delete(p.conditions, id)
	if in == nil {
		return p.remove(tx, id, acc)
	}
	cond := &condition{phase: etcdschema.PhaseAccepted}
	if len(in.problems) > 0 {
		cond.phase, cond.reasons = etcdschema.PhaseInvalid, in.problems
	}
	if cond.good() {
		a := p.allocate(in.object, in.born, acc)
		if a.condition.good() {
			next := &etcdschema.Accepted{
				UID: a.uid, IntentRevision: in.mod, CreateRevision: in.born, Object: in.object, Allocated: a.result,
			}
			p.keep(acc, next)
			tx.require(etcdschema.Intent(id))
			if err := p.accept(tx, a, acc, next); err != nil {
				return err
			}
			acc = next
		} else {
			a.missed()
			cond = &a.condition
		}
	}
	if !cond.good() && acc != nil {
		var err error
		if acc, err = p.uphold(tx, acc); err != nil {
			return err
		}
	}
	if acc != nil {
		if err := p.placeObject(tx, acc, cond); err != nil {
			return err
		}
	}
	p.conditions[id] = cond
	return nil
}

// uphold evaluates the accepted object again while a newer intent is not valid, because what the object refers to may have changed.
func (p *planner) uphold(tx *transaction, acc *etcdschema.Accepted) (*etcdschema.Accepted, error) {
	a := p.allocate(acc.Object, acc.CreateRevision, acc)
	if !a.condition.good() {
		a.missed()
		return acc, nil
	}
	next := *acc
	next.Allocated = a.result
	next.Migration, next.GatewaySecret = nil, ""
	p.keep(acc, &next)
	return &next, p.accept(tx, a, acc, &next)
}

// allocate finds the claims of a valid object. If its create revision differs from that of the accepted object, it is another
// incarnation and gets a new uid.
func (p *planner) allocate(o model.Object, born int64, acc *etcdschema.Accepted) *Allocation {
	a := &Allocation{
		planner: p, id: o.ID(), object: o, previous: acc, wanted: map[etcdschema.Key]struct{}{},
		condition: condition{phase: etcdschema.PhaseAccepted},
	}
	if acc != nil && acc.CreateRevision == born {
		a.uid = acc.UID
	} else {
		a.uid = p.settings.NewUID()
	}
	p.references(a)
	if !a.condition.good() {
		return a
	}
	if claims := p.cache.kinds.object(o.Spec.Kind()).Claims; claims != nil {
		claims(a)
	}
	return a
}

// references checks the object against what it refers to, which must be accepted. A host may come later, and so may the port of a
// floating address.
func (p *planner) references(a *Allocation) {
	lookup := func(id model.ID) (model.Object, bool) {
		declared := p.reader.declared(id)
		if acc := p.reader.accepted(id); acc != nil && (declared || p.refers(a.previous, id)) {
			return acc.Object, true
		}
		return model.Object{}, p.cache.kinds.object(id.Kind).ComesLater || declared
	}
	for _, e := range model.ValidateRefs(a.object, lookup) {
		a.condition.invalid(e.Field, e.Message)
	}
	for _, ref := range a.object.Spec.References(a.id.Project) {
		if p.reader.accepted(ref.To) == nil && p.reader.declared(ref.To) && !p.cache.kinds.object(ref.To.Kind).ComesLater {
			a.condition.pending(ref.Field, fmt.Sprintf("waits for %s, which is not accepted: see its status", ref.To))
		}
	}
}

func (p *planner) refers(acc *etcdschema.Accepted, to model.ID) bool {
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

// accept writes the accepted record and its claims.
func (p *planner) accept(tx *transaction, a *Allocation, old, next *etcdschema.Accepted) error {
	for _, ref := range next.Object.Spec.References(a.id.Project) {
		if p.cache.accepted[ref.To] != nil {
			tx.require(etcdschema.AcceptedKey(ref.To))
		}
	}
	if err := a.settle(tx); err != nil {
		return err
	}
	if old != nil && old.UID != next.UID {
		p.withdraw(tx, itemKind(a.id.Kind), old.UID)
	}
	delete(p.lost, a.id)
	_, err := tx.put(etcdschema.AcceptedKey(a.id), next, true)
	return err
}

func itemKind(k model.Kind) desired.Kind { return desired.Kind(k.Segment()) }

// placeObject writes the accepted object to the node configs.
func (p *planner) placeObject(tx *transaction, acc *etcdschema.Accepted, cond *condition) error {
	if place := p.cache.kinds.objectOf(acc).Place; place != nil {
		return place(&Placement{p, tx, acc, cond})
	}
	return nil
}

// keep sets what an accepted object has besides its claims.
func (p *planner) keep(previous, next *etcdschema.Accepted) {
	if keep := p.cache.kinds.objectOf(next).keep; keep != nil {
		keep(p, previous, next)
	}
}

// remove completes the deletion of an object. Objects that others still refer to wait, except ports: a floating address may outlive
// its port.
func (p *planner) remove(tx *transaction, id model.ID, acc *etcdschema.Accepted) error {
	if acc == nil {
		return nil
	}
	if users := p.reader.users(id); len(users) > 0 && !p.cache.kinds.object(id.Kind).Outlived {
		p.conditions[id] = stillUsed(sortedIDs(users))
		return p.placeObject(tx, acc, &condition{})
	}
	a := &Allocation{planner: p, id: id, uid: acc.UID}
	if err := a.release(tx, acc.UID, unit{kind: unitOrphan, uid: acc.UID}); err != nil {
		return err
	}
	p.withdraw(tx, itemKind(id.Kind), acc.UID)
	delete(p.lost, id)
	tx.require(etcdschema.Intent(id))
	tx.remove(etcdschema.AcceptedKey(id), true)
	p.reader.forget() // the object does not exist any more
	return nil
}

func stillUsed(users []model.ID) *condition {
	cond := &condition{phase: etcdschema.PhasePending}
	more := ""
	if n := len(users) - 1; n > 0 {
		more = fmt.Sprintf(" and %d more", n)
	}
	cond.pending("", fmt.Sprintf("is deleted, but still used by %s%s: it goes when they are gone", users[0], more))
	return cond
}
