package control

import (
	"weft/etcdschema"
	"weft/model"
	"weft/model/desired"
)

// floatingKind: a floating address becomes an item on the node of its guest, or on all nodes of its centralized router. It claims
// its address, and the guest's address behind it.
func floatingKind() ObjectKind {
	return ObjectKind{
		KindInfo: model.FloatingIPKind(),
		Claims:   func(a *Allocation) { a.floating(a.object.Spec.(*model.FloatingIPSpec)) },
		Place:    placeFloating,
		explicit: func(s model.Spec) bool { return s.(*model.FloatingIPSpec).Address.IsValid() },
		status:   (*planner).addFixedAddress,
		reported: func(etcdschema.ClaimedReport) bool { return true },
		expect: func(s *reader, to *etcdschema.Accepted) {
			if port, ok := to.Object.Spec.(*model.PortSpec); ok {
				s.accepted(port.NetworkID(to.Object.Metadata.Project))
			}
		},
		surroundings: func(p *part, o model.Object) {
			s, project := o.Spec.(*model.FloatingIPSpec), o.Metadata.Project
			p.network(s.NetworkID(project))
			for _, r := range s.References(project) {
				if r.To.Kind == model.KindPort {
					p.target(r.To)
				}
			}
		},
		prepare: (*part).floating,
	}
}

func floatingItemKind() ItemKind {
	return ItemKind{ItemKind: desired.FloatingIPKind()}
}

// placeFloating puts the floating address on its nodes. When it leads to no guest, it is on no node.
func placeFloating(p *Placement) error {
	hosts, item := p.planner.resolveFloating(p.accepted, p.condition)
	items := map[string]desired.Item{}
	if item != nil {
		for _, name := range hosts {
			items[name] = item
		}
	}
	return p.Put(desired.KindFloatingIP, items)
}

// addFixedAddress adds to a floating address's status the address to which it is translated.
func (p *planner) addFixedAddress(acc *etcdschema.Accepted, s *etcdschema.Status) {
	key := desired.Key{Kind: desired.KindFloatingIP, UID: acc.UID}
	for name := range s.Nodes {
		if f, ok := entryValue[*desired.FloatingIP](p.cache.nodes[name].items[key]); ok {
			s.Allocated.FixedAddress = f.Fixed
		}
	}
}
