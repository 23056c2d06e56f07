package control

import (
	"weft/etcdschema"
	"weft/model"
)

// migration is the migration that the spec of next asks for, nil when it asks for none. A migration that has started continues
// until the spec names other hosts. When the guest has announced itself on the new host, it has arrived. This is recorded with its
// consequences and never evaluated again. A node that forgets it, or a later leader, changes nothing.
func (p *planner) migration(previous, next *etcdschema.Accepted) *etcdschema.Migration {
	s, ok := next.Object.Spec.(*model.PortSpec)
	if !ok || s.Host == "" || s.MigrateTo == "" {
		return nil
	}
	m := etcdschema.Migration{From: s.Host, To: s.MigrateTo, Number: next.IntentRevision}
	if previous != nil && previous.UID == next.UID && previous.Migration != nil &&
		previous.Migration.From == m.From && previous.Migration.To == m.To {
		m = *previous.Migration
	}
	m.Activated = m.Activated || p.reader.activated(m.To, next.UID) == m.Number
	return &m
}

// activeHost is the host on which a port's guest runs: that of its spec, or the one at which it has arrived. It is empty for a port
// without host and for objects of other kinds.
func activeHost(a *etcdschema.Accepted) string {
	s, ok := a.Object.Spec.(*model.PortSpec)
	switch {
	case !ok:
		return ""
	case a.Migration != nil && a.Migration.Activated:
		return a.Migration.To
	}
	return s.Host
}

// port is what the node reports of a port; zero when it reports nothing.
func (n *node) port(uid string) etcdschema.PortReport {
	if b := n.buckets[etcdschema.Bucket(uid)]; b != nil {
		return b.Ports[uid]
	}
	return etcdschema.PortReport{}
}
