package planner

import (
	"fmt"
	"maps"
	"slices"

	"weft/etcdschema"
	"weft/model"
	"weft/model/desired"
	"weft/reconcile/control/cache"
	"weft/reconcile/control/claim"
)

// StatusFor is the status that the key must have; nil when it must not exist. ok is false when this replica must not write the key.
func (p *Planner) StatusFor(k etcdschema.Key) (s *etcdschema.Status, ok bool) {
	if k == etcdschema.ControlStatusKey() {
		return nil, false
	}
	id, parsed := p.cache.ParseID(k)
	if !parsed {
		return p.unreadable(k), true
	}
	in, acc, cond := p.cache.Intent(id), p.cache.Accepted(id), p.conditions[id]
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
		if add := p.kinds.ObjectOf(acc).Status; add != nil {
			add(p.cache, acc, s)
		}
	}
	if in != nil {
		s.IntentRevision = in.ModRevision
	}
	return s, true
}

// reasonsShown bounds how many nodes a status names.
const reasonsShown = 5

// outlook is the phase of an object and the reasons for it, with those that nodes gave.
func (p *Planner) outlook(id model.ID, cond *claim.Condition) (etcdschema.Phase, []etcdschema.Reason) {
	acc := p.cache.Accepted(id)
	if acc == nil || len(p.reasons[acc.UID]) == 0 {
		return cond.Phase, cond.Reasons
	}
	byNode := p.reasons[acc.UID]
	out := claim.Condition{Phase: cond.Phase, Reasons: slices.Clone(cond.Reasons)}
	for i, name := range slices.Sorted(maps.Keys(byNode)) {
		if i == reasonsShown {
			out.Pending("", fmt.Sprintf("the same or another reason on %d more hosts", len(byNode)-reasonsShown))
			break
		}
		out.Pending("", byNode[name])
	}
	return out.Phase, out.Reasons
}

// unreadable is the status of an intent key that names no object.
func (p *Planner) unreadable(k etcdschema.Key) *etcdschema.Status {
	source, ok := etcdschema.IntentOf(k)
	e := p.cache.Entry(source)
	if !ok || e == nil {
		return nil
	}
	return &etcdschema.Status{
		Phase: etcdschema.PhaseInvalid, IntentRevision: e.ModRevision, Reasons: e.Value.(*cache.Intent).Problems,
	}
}

// progress is the progress on each node that has the item.
func (p *Planner) progress(kind model.Kind, uid string) map[string]etcdschema.NodeStatus {
	key := desired.Key{Kind: itemKind(kind), UID: uid}
	ofKind, _ := p.kinds.Item(key.Kind)
	placed := p.cache.Placed(key)
	if len(placed) == 0 {
		return nil
	}
	nodes := make(map[string]etcdschema.NodeStatus, len(placed))
	bucket := etcdschema.Bucket(uid) // the same on all nodes
	for name := range placed {
		n := p.cache.Node(name)
		e := n.Items[key]
		s := etcdschema.NodeStatus{DesiredRevision: e.ModRevision, Programmed: n.Processed(e.ModRevision)}
		if x, has := n.Exception(bucket, uid); has {
			s.Programmed, s.Reason = false, string(x.State)+": "+x.Reason
		}
		s.Warnings = n.Warnings(bucket, uid)
		if item, ok := e.Value.(desired.Item); ok && ofKind.Progress != nil {
			ofKind.Progress(p.cache, name, item, &s)
		}
		nodes[name] = s
	}
	return nodes
}
