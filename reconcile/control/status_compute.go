package control

import (
	"weft/etcdschema"
	"weft/model"
	"weft/model/desired"
)

// statusFor is the status that the key must have; nil when it must not exist. ok is false when this replica must not write the key.
func (p *planner) statusFor(k etcdschema.Key) (s *etcdschema.Status, ok bool) {
	if k == etcdschema.ControlStatusKey() {
		return nil, false
	}
	id, parsed := p.cache.parseID(k)
	if !parsed {
		return p.unreadable(k), true
	}
	in, acc, cond := p.cache.intents[id], p.cache.accepted[id], p.conditions[id]
	if in == nil && acc == nil {
		return nil, true
	}
	if cond == nil {
		return nil, false // not evaluated yet
	}
	s = &etcdschema.Status{}
	s.Phase, s.Reasons = p.outlook(id, cond)
	if acc != nil {
		s.UID, s.IntentRevision, s.Allocated = acc.UID, acc.IntentRevision, acc.Allocated
		s.Nodes = p.progress(id.Kind, acc.UID)
		if add := p.cache.kinds.objectOf(acc).status; add != nil {
			add(p, acc, s)
		}
	}
	if in != nil {
		s.IntentRevision = in.mod
	}
	return s, true
}

// outlook is the phase of an object and the reasons for it, with what is known of its nodes.
func (p *planner) outlook(id model.ID, cond *condition) (etcdschema.Phase, []etcdschema.Reason) {
	if acc := p.cache.accepted[id]; acc != nil {
		if add := p.cache.kinds.objectOf(acc).outlook; add != nil {
			out := add(p, acc, *cond)
			return out.phase, out.reasons
		}
	}
	return cond.phase, cond.reasons
}

// unreadable is the status of an intent key that names no object.
func (p *planner) unreadable(k etcdschema.Key) *etcdschema.Status {
	source, ok := etcdschema.IntentOf(k)
	e := p.cache.entries[source]
	if !ok || e == nil {
		return nil
	}
	return &etcdschema.Status{
		Phase: etcdschema.PhaseInvalid, IntentRevision: e.mod, Reasons: e.value.(*intent).problems,
	}
}

// progress is the progress on each node that has the item.
func (p *planner) progress(kind model.Kind, uid string) map[string]etcdschema.NodeStatus {
	key := desired.Key{Kind: itemKind(kind), UID: uid}
	ofKind, _ := p.cache.kinds.item(key.Kind)
	placed := p.cache.placed[key]
	if len(placed) == 0 {
		return nil
	}
	nodes := make(map[string]etcdschema.NodeStatus, len(placed))
	for name := range placed {
		n := p.cache.nodes[name]
		e := n.items[key]
		s := etcdschema.NodeStatus{DesiredRevision: e.mod, Programmed: n.processed(e.mod)}
		if x, has := n.exception(uid); has {
			s.Programmed, s.Reason = false, string(x.State)+": "+x.Reason
		}
		s.Warnings = n.warnings(uid)
		if item, ok := e.value.(desired.Item); ok && ofKind.progress != nil {
			ofKind.progress(p.cache, name, item, &s)
		}
		nodes[name] = s
	}
	return nodes
}
