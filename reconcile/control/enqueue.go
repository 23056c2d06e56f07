package control

import (
	"weft/etcdschema"
	"weft/model"
)

// enqueueAll queues everything: after a start, a change of leadership or the end of a hold. What people have changed since comes
// first. Everything else is probably right already and is compared later.
func (p *planner) enqueueAll() {
	for id, in := range p.cache.intents {
		if acc := p.cache.accepted[id]; acc == nil || acc.IntentRevision != in.mod {
			p.touch(id)
		} else {
			p.queue.addLater(unit{kind: unitObject, id: id})
		}
	}
	for id := range p.cache.accepted {
		if p.cache.intents[id] == nil {
			p.touch(id)
		}
	}
	p.expectObjects()
	for name, n := range p.cache.nodes {
		for k := range n.items {
			if kind, known := p.cache.kinds.item(k.Kind); known && kind.update == nil {
				if _, known := p.objectOf(k); known {
					continue // written with the object
				}
			}
			p.queue.addLater(unit{kind: unitItem, node: name, item: k})
		}
		if !n.headMatches() {
			p.queue.add(unit{kind: unitHead, node: name})
		}
	}
	p.expectItems()
	for uid := range p.cache.owned {
		p.queue.addLater(unit{kind: unitOrphan, uid: uid})
	}
	for k := range p.cache.entries {
		switch area(k) {
		case "status":
			p.compareStatus(k)
		case "intent":
			if s, ok := etcdschema.StatusOf(k); ok {
				p.compareStatus(s)
			}
		}
	}
}

// expectObjects records what every object will read of others when it is evaluated. Changes that arrive before that then queue it.
func (p *planner) expectObjects() {
	for id, in := range p.cache.intents {
		p.expect(id, in.object, p.cache.accepted[id])
	}
	for id, acc := range p.cache.accepted {
		if p.cache.intents[id] == nil {
			p.expect(id, acc.Object, acc)
		}
	}
}

// expect records what an object refers to, in its intent and in its accepted state. For a floating address it also records the
// networks of its ports.
func (p *planner) expect(id model.ID, o model.Object, acc *etcdschema.Accepted) {
	s := &reader{cache: p.cache, notes: true}
	s.refersTo(id, o)
	if acc != nil {
		s.refersTo(id, acc.Object)
	}
	if p.cache.intents[id] == nil {
		s.users(id)
	}
	p.cache.record.expect(unit{kind: unitObject, id: id}, s.reads)
}

func (s *reader) refersTo(id model.ID, o model.Object) {
	if o.Spec == nil {
		return
	}
	for _, r := range o.Spec.References(id.Project) {
		s.declared(r.To)
		to := s.accepted(r.To)
		if referred := s.cache.kinds.object(r.To.Kind).referred; referred != nil {
			referred(s, r.To)
		}
		if expect := s.cache.kinds.object(id.Kind).expect; expect != nil && to != nil {
			expect(s, to)
		}
	}
}

// expectItems records what the items of some kinds will read when they are evaluated.
func (p *planner) expectItems() {
	for name, n := range p.cache.nodes {
		for k := range n.items {
			if kind, _ := p.cache.kinds.item(k.Kind); kind.expect != nil {
				_ = p.reading(unit{kind: unitItem, node: name, item: k}, func() error { kind.expect(p, name, k); return nil })
			}
		}
	}
}
