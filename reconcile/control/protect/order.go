package protect

import (
	"time"

	"weft/etcdschema"
	"weft/model"
)

// deletionPatience is how long a deletion order waits for objects to be deleted. Objects that still exist then are not permitted any
// more.
const deletionPatience = 10 * time.Minute

// AcceptOrder is the key of the order "accept".
func AcceptOrder() etcdschema.Key { return etcdschema.OrderKey(etcdschema.ControlNode, "accept") }

// readDeletions reads deletion orders, before the batch is judged.
func (p *Protection) readDeletions(batch etcdschema.Batch, now time.Time) {
	for _, ev := range batch.Events {
		if !etcdschema.IsDeletionOrder(ev.Key) {
			continue
		}
		delete(p.deletions, ev.Key)
		o, err := etcdschema.Decode[etcdschema.Order](ev.Value)
		if ev.Deleted || err != nil {
			continue
		}
		d := &deletion{ids: map[model.ID]struct{}{}, heard: now}
		for _, path := range o.Objects {
			if id, ok := etcdschema.ParseIDOf(p.kinds, etcdschema.ParseKey("intent/"+path)); ok {
				d.ids[id] = struct{}{}
			}
		}
		if p.deletions == nil {
			p.deletions = map[etcdschema.Key]*deletion{}
		}
		p.deletions[ev.Key] = d
	}
}

// permitted says that people have allowed the deletion of the object.
func (p *Protection) permitted(id model.ID) bool {
	if _, ok := p.pardoned[id]; ok {
		return true
	}
	for _, d := range p.deletions {
		if _, ok := d.ids[id]; ok {
			return true
		}
	}
	return false
}

// Accept reads the order "accept" after a batch was applied. The order permits the deletion of what is gone at that moment, and ends a
// hold that began before it. Accept returns true once for each order.
func (p *Protection) Accept() (heard bool) {
	mod := p.state.ModRevision(AcceptOrder())
	resumed := p.resume != nil && p.resume.Order == mod
	switch {
	case mod == 0:
		p.accepting, p.pardoned = nil, nil
		return false
	case p.accepting != nil && p.accepting.Order == mod: // being carried out
		return false
	case p.held != nil && mod <= p.held.Revision: // the order is older than the hold
		return false
	case p.held == nil && mod <= p.revision && !resumed: // carried out already, by a version that does not delete the order
		return false
	}
	p.accepting = &etcdschema.Accepting{Order: mod, Restored: p.held != nil && p.held.Restored || resumed && p.resume.Restored}
	p.pardoned = map[model.ID]struct{}{}
	for id := range p.state.Undeclared() {
		p.pardoned[id] = struct{}{}
	}
	p.release()
	return true
}

// Rebuilding says that the accept which is being carried out asks for a rebuild of the claims, because etcd went back.
func (p *Protection) Rebuilding() bool { return p.accepting != nil && p.accepting.Restored }

// HasOrders says that there may be orders to carry out.
func (p *Protection) HasOrders() bool {
	return p.state.ModRevision(AcceptOrder()) != 0 || len(p.deletions) > 0
}

// CarriedOut lists the orders that have nothing left to permit. rebuilding says that claims are still being rebuilt.
func (p *Protection) CarriedOut(rebuilding bool, now time.Time) []etcdschema.Key {
	var done []etcdschema.Key
	if p.state.ModRevision(AcceptOrder()) != 0 && !rebuilding && !p.stillGoing(p.pardoned) {
		done = append(done, AcceptOrder())
	}
	for k, d := range p.deletions {
		for id := range d.ids {
			if p.state.Declared(id) && now.Sub(d.heard) > deletionPatience || !p.state.Declared(id) && p.state.Accepted(id) == nil {
				delete(d.ids, id)
			}
		}
		if len(d.ids) == 0 {
			done = append(done, k)
		}
	}
	return done
}

// stillGoing says that one of the objects is deleted and still accepted.
func (p *Protection) stillGoing(ids map[model.ID]struct{}) bool {
	for id := range ids {
		if p.state.Accepted(id) != nil && !p.state.Declared(id) {
			return true
		}
	}
	return false
}
