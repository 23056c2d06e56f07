package control

import (
	"fmt"
	"maps"
	"slices"

	"weft/etcdschema"
	"weft/model"
	"weft/model/desired"
)

// routerKind: a router becomes an item on each node that has guests of its networks, or on its gateway hosts. It claims its
// networks and, when it is centralized, its MAC and external addresses.
func routerKind() ObjectKind {
	return ObjectKind{
		KindInfo: model.RouterKind(),
		Claims:   func(a *Allocation) { a.router(a.object.Spec.(*model.RouterSpec)) },
		Place: func(p *Placement) error {
			p.planner.route(p.accepted, p.condition)
			return nil
		},
		outlook: (*planner).addTroubles,
		// The host of the active gateway reports its MAC and addresses otherwise.
		reported: func(r etcdschema.ClaimedReport) bool { return r.MAC.IsZero() && len(r.Addresses) == 0 },
	}
}

func routerItemKind() ItemKind {
	return ItemKind{
		ItemKind: desired.RouterKind(),
		update:   (*planner).routerOn,
		withdraw: (*planner).updateLater, // more nodes than fit one transaction are possible
		index:    func(n *node, item desired.Item, add bool) { n.indexRouter(item.(*desired.Router), add) },
		changed: func(c *Cache, name string, was, is desired.Item) {
			before, _ := was.(*desired.Router)
			after, _ := is.(*desired.Router)
			c.legsChanged(name, before, after)
			c.legsChanged(name, after, before)
		},
		progress: func(c *Cache, name string, item desired.Item, s *etcdschema.NodeStatus) {
			rt := item.(*desired.Router)
			s.External = c.externalAddresses(hostID(name), rt.External)
			if rt.Central != nil {
				s.External, s.Gateway = nil, c.node(name).gateway(rt.UID)
			}
		},
		prepare: func(p *part, name string, k desired.Key) {
			p.node(name)
			p.list(etcdschema.NodeItems(name, desired.KindNeighbors)) // they go with the router
			p.routerWith(k.UID)
		},
	}
}

func (n *node) indexRouter(rt *desired.Router, add bool) {
	for _, leg := range rt.Legs {
		count(n.legs, leg.Network, add)
	}
	if rt.External != "" {
		count(n.external, rt.External, add)
		if rt.Central == nil {
			count(n.shared, rt.External, add)
		}
	}
}

// legsChanged reports the networks to which a router leads in one of two states, and not in the other.
func (c *Cache) legsChanged(name string, one, other *desired.Router) {
	if one == nil {
		return
	}
	for _, leg := range one.Legs {
		if other == nil || !hasLeg(other, leg.Network) {
			c.record.changed(read{of: groupLegs, node: name, name: leg.Network})
		}
	}
	if one.External != "" && (other == nil || other.External != one.External || (other.Central == nil) != (one.Central == nil)) {
		c.record.changed(read{of: groupOutside, node: name, name: one.External})
	}
}

// troubles bounds how many nodes a status names.
const troubles = 5

// addTroubles adds to a router's condition why the router is not on some nodes.
func (p *planner) addTroubles(acc *etcdschema.Accepted, cond condition) condition {
	trouble := p.trouble[acc.UID]
	if len(trouble) == 0 {
		return cond
	}
	cond.reasons = slices.Clone(cond.reasons)
	for i, name := range slices.Sorted(maps.Keys(trouble)) {
		if i == troubles {
			cond.pending("", fmt.Sprintf("the same or another reason on %d more hosts", len(trouble)-troubles))
			break
		}
		cond.pending("", trouble[name])
	}
	return cond
}
