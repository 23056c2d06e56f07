package control

import (
	"reflect"

	"weft/etcdschema"
	"weft/model"
	"weft/model/desired"
)

// wakeDependents marks what must be looked at again after an accepted object changed; old or now is nil when it came or
// went.
func (p *planner) wakeDependents(id model.ID, old, now *etcdschema.Accepted) {
	if old != nil {
		p.wakeLeaving(old)
	}
	if old == nil || now == nil || old.UID != now.UID {
		p.wakeUsers(id)
		p.wakeBehind(id)
		return
	}
	p.wakeUnhappy(id)
	switch s := now.Object.Spec.(type) {
	case *model.PhysicalNetworkSpec:
		if !reflect.DeepEqual(old.Object.Spec, now.Object.Spec) {
			p.wakeUsers(id)
		}
	case *model.HostSpec:
		if !reflect.DeepEqual(old.Object.Spec, now.Object.Spec) {
			p.wakeUsers(id)
		}
	case *model.PortSpec:
		if !reflect.DeepEqual(old.Object.Spec, s) || !reflect.DeepEqual(old.Allocated, now.Allocated) || activeHost(old) != activeHost(now) {
			p.wakeUsers(id)
		}
	case *model.NetworkSpec:
		was := old.Object.Spec.(*model.NetworkSpec)
		if !reflect.DeepEqual(was.Subnets, s.Subnets) || !reflect.DeepEqual(was.External, s.External) || was.PhysicalNetwork != s.PhysicalNetwork || was.Type != s.Type {
			p.wakeUsers(id)
		}
	}
}

// wakeLeaving looks again at objects that are deleted and wait for the last reference to them to go, and at those whose
// newest intent was refused, which may have been because of what refers to them.
func (p *planner) wakeLeaving(old *etcdschema.Accepted) {
	for _, ref := range old.Object.Spec.References(old.Object.Metadata.Project) {
		v := p.verdicts[ref.To]
		if p.cache.accepted[ref.To] != nil && (p.cache.intents[ref.To] == nil || v != nil && !v.good()) {
			p.touch(ref.To)
		}
	}
}

func (p *planner) wakeUsers(id model.ID) {
	for user := range p.cache.using[id] {
		p.touch(user)
	}
	for user := range p.cache.wanting[id] {
		p.touch(user)
	}
}

// wakeBehind looks at the floating addresses of a network's ports: what they claim bears the uid of the network, though the
// ports' own records are what they were.
func (p *planner) wakeBehind(network model.ID) {
	if network.Kind != model.KindNetwork {
		return
	}
	for user := range p.cache.using[network] {
		if user.Kind == model.KindPort {
			p.wakeUsers(user)
		}
	}
}

// wakeUnhappy looks again at objects that were not accepted and refer to this one.
func (p *planner) wakeUnhappy(id model.ID) {
	for user := range p.cache.wanting[id] {
		if v := p.verdicts[user]; v == nil || !v.good() {
			p.touch(user)
		}
	}
}

// wakeAll looks at everything: after a start, a change of leadership or the end of a brake. What people have asked for since goes
// first; the rest, most of which is as it should be, is compared behind whatever is asked.
func (p *planner) wakeAll() {
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
	for name, n := range p.cache.nodes {
		for k := range n.items {
			if id, known := p.cache.ids[k.UID]; known && id.Kind == model.KindPort && k.Kind == desired.KindPort {
				continue // looked at with the port
			}
			p.queue.addLater(unit{kind: unitItem, node: name, item: k})
		}
		if !n.headMatches() {
			p.queue.add(unit{kind: unitHead, node: name})
		}
	}
	p.readNeighbors()
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
