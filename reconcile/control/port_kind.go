package control

import (
	"weft/etcdschema"
	"weft/model"
	"weft/model/desired"
)

// portKind: a port becomes an item on its host, and during a migration on both hosts. It claims its MAC, its addresses, its
// interface id and its device.
func portKind() ObjectKind {
	return ObjectKind{
		KindInfo: model.PortKind(), ComesLater: true, Outlived: true, // a floating address may outlive its port
		Claims: func(a *Allocation) { a.port(a.object.Spec.(*model.PortSpec)) },
		Place:  func(p *Placement) error { return p.planner.place(p.transaction, p.accepted, p.condition) },
		keep:   func(p *planner, previous, next *etcdschema.Accepted) { next.Migration = p.migration(previous, next) },
		explicit: func(s model.Spec) bool {
			return len(s.(*model.PortSpec).Addresses) > 0 || !s.(*model.PortSpec).MAC.IsZero()
		},
		index:   (*Cache).indexMembers,
		changed: (*Cache).membersChanged,
		status: func(_ *planner, acc *etcdschema.Accepted, s *etcdschema.Status) {
			s.Host = activeHost(acc)
			if s.Phase == etcdschema.PhaseAccepted {
				s.Reasons = append(s.Reasons, unplaced(acc)...)
			}
		},
		surroundings: func(p *part, o model.Object) {
			s := o.Spec.(*model.PortSpec)
			p.network(s.NetworkID(o.Metadata.Project))
			p.node(s.Host)
			p.node(s.MigrateTo)
			p.named(s, o.Metadata.Name)
		},
		prepare: (*part).port,
	}
}

func portItemKind() ItemKind {
	return ItemKind{
		ItemKind: desired.PortKind(),
		guest:    true,
		withdraw: (*planner).takeOff,
		index: func(n *node, item desired.Item, add bool) {
			count(n.networks, item.(*desired.Port).Network, add)
		},
		changed: func(c *Cache, name string, was, is desired.Item) {
			before, _ := was.(*desired.Port)
			after, _ := is.(*desired.Port)
			c.guestsChanged(name, before, after)
			c.guestsChanged(name, after, before)
		},
	}
}

// guestsChanged reports when the first port of a network appears on a node or the last one disappears: the port is in one of two
// states and not in the other, and no other port there is on its network.
func (c *Cache) guestsChanged(name string, one, other *desired.Port) {
	if one != nil && (other == nil || other.Network != one.Network) && c.node(name).networks[one.Network] <= 1 {
		c.record.changed(read{of: groupGuests, node: name, name: one.Network})
		c.record.changed(read{of: groupGuests, node: name})
	}
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
