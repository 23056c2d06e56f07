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
	id, parsed := etcdschema.ParseID(k)
	if !parsed {
		return p.unreadable(k), true
	}
	in, acc, v := p.cache.intents[id], p.cache.accepted[id], p.verdicts[id]
	if in == nil && acc == nil {
		return nil, true
	}
	if v == nil {
		return nil, false // not evaluated yet
	}
	s = &etcdschema.Status{}
	s.Phase, s.Reasons = p.outlook(id, v)
	if acc != nil {
		s.UID, s.IntentRevision, s.Allocated = acc.UID, acc.IntentRevision, acc.Allocated
		s.Nodes = p.progress(id.Kind, acc.UID)
		p.fixedAddress(id.Kind, s)
		s.Host = activeHost(acc)
		if s.Phase == etcdschema.PhaseAccepted {
			s.Reasons = append(s.Reasons, unplaced(acc)...)
		}
	}
	if in != nil {
		s.IntentRevision = in.mod
	}
	return s, true
}

// unplaced explains what it means that a port has no host. This may be intended, for a machine that Weft does not wire.
func unplaced(acc *etcdschema.Accepted) []etcdschema.Reason {
	s, ok := acc.Object.Spec.(*model.PortSpec)
	if !ok || s.Host != "" || s.MigrateTo != "" {
		return nil
	}
	return []etcdschema.Reason{{Field: "spec.host", Message: "is not set: the port has addresses and is wired nowhere. A bare machine in the " +
		"network's VLAN that uses them is reached by its neighbours there, and not through a distributed router, which answers on hosts " +
		"with guests of its networks alone"}}
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
		if rt, ok := e.value.(*desired.Router); ok {
			s.External = p.cache.externalAddresses(hostID(name), rt.External)
			if rt.Central != nil {
				s.External, s.Gateway = nil, n.gateway(uid)
			}
		}
		nodes[name] = s
	}
	return nodes
}
