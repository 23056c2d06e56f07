package planner

import (
	"weft/etcdschema"
	"weft/model"
	"weft/reconcile/control/cache"
	"weft/reconcile/control/kind"
	"weft/reconcile/control/pace"
)

// EnqueueAll queues everything: after a start, a change of leadership or the end of a hold. What people have changed since comes
// first. Everything else is probably right already and is compared later.
func (p *Planner) EnqueueAll() {
	for id, in := range p.cache.Intents() {
		if acc := p.cache.Accepted(id); acc == nil || acc.IntentRevision != in.ModRevision {
			p.touch(id)
		} else {
			p.Queue.addLater(cache.ObjectWork(id))
		}
	}
	for id := range p.cache.AllAccepted() {
		if p.cache.Intent(id) == nil {
			p.touch(id)
		}
	}
	p.expectObjects()
	for name, n := range p.cache.Nodes() {
		for k := range n.Items {
			if ofKind, known := p.kinds.Item(k.Kind); known && ofKind.Update == nil {
				if _, known := p.objectOf(k); known {
					continue // written with the object
				}
			}
			p.Queue.addLater(cache.ItemWork(name, k))
		}
		if !n.HeadMatches() {
			p.Queue.Add(cache.HeadWork(name))
		}
	}
	p.expectItems()
	for uid := range p.cache.Owners() {
		p.Queue.addLater(cache.OrphanWork(uid))
	}
	for k := range p.cache.Entries() {
		switch cache.Area(k) {
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
func (p *Planner) expectObjects() {
	for id, in := range p.cache.Intents() {
		p.expect(id, in.Object, p.cache.Accepted(id))
	}
	for id, acc := range p.cache.AllAccepted() {
		if p.cache.Intent(id) == nil {
			p.expect(id, acc.Object, acc)
		}
	}
}

// expect records what an object refers to, in its intent and in its accepted state.
func (p *Planner) expect(id model.ID, o model.Object, acc *etcdschema.Accepted) {
	r := p.cache.NewReader(nil)
	p.expectReferences(r, id, o)
	if acc != nil {
		p.expectReferences(r, id, acc.Object)
	}
	if p.cache.Intent(id) == nil {
		r.Users(id)
	}
	p.cache.Expect(cache.ObjectWork(id), r)
}

func (p *Planner) expectReferences(r *cache.Reader, id model.ID, o model.Object) {
	if o.Spec == nil {
		return
	}
	for _, ref := range o.Spec.References(id.Project) {
		r.Declared(ref.To)
		to := r.Accepted(ref.To)
		if referred := p.kinds.Object(ref.To.Kind).Referred; referred != nil {
			referred(r, ref.To)
		}
		if expect := p.kinds.Object(id.Kind).Expect; expect != nil && to != nil {
			expect(r, to)
		}
	}
}

// expectItems records what the items of some kinds will read when they are evaluated.
func (p *Planner) expectItems() {
	for name, n := range p.cache.Nodes() {
		for k := range n.Items {
			if ofKind, _ := p.kinds.Item(k.Kind); ofKind.Expect != nil {
				_ = p.evaluate(nil, cache.ItemWork(name, k), func(e *kind.Evaluation) error { ofKind.Expect(e, name, k); return nil })
			}
		}
	}
}

// Idle forgets the work of a replica that does not lead. When it takes over, it evaluates everything.
func (p *Planner) Idle() {
	p.Queue, p.sets, p.Retries, p.Doubtful = newWorkQueue(&p.kinds, p.cache), pace.Limiter[cache.Work]{}, pace.Backoff[cache.Work]{}, nil
	p.status, p.compared = cache.Cleared(p.status), cache.Cleared(p.compared)
	p.Foreign, p.encoded = cache.Cleared(p.Foreign), cache.Cleared(p.encoded)
	p.conditions = cache.Cleared(p.conditions)
	p.cache.ForgetReads()
	p.reasons = cache.Cleared(p.reasons)
}
