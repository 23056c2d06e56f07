package kind

import (
	"weft/etcdschema"
	"weft/model"
	"weft/model/desired"
	"weft/reconcile/control/cache"
	"weft/reconcile/control/claim"
)

// portKind: a port becomes an item on its host, and during a migration on both hosts. It claims its MAC, its addresses, its
// interface id and its device.
func portKind() ObjectKind {
	return ObjectKind{
		Cache: cache.ObjectKind{KindInfo: model.PortKind(), NewIndex: newPortIndex},
		Claim: claim.ObjectKind{
			ComesLater: true,
			Claims:     func(a *claim.Allocation) { claimPort(a, a.Object().Spec.(*model.PortSpec)) },
			Keep: func(r *cache.Reader, _ *claim.Settings, previous, next *etcdschema.Accepted) {
				next.Migration = migration(r, previous, next)
			},
			AddressesOn: func(acc *etcdschema.Accepted) model.ID {
				return acc.Object.Spec.(*model.PortSpec).NetworkID(acc.Object.Metadata.Project)
			},
		},
		Place:    placePort,
		Outlived: true, // a floating address may outlive its port
		Explicit: func(s model.Spec) bool {
			return len(s.(*model.PortSpec).Addresses) > 0 || !s.(*model.PortSpec).MAC.IsZero()
		},
		Status: func(_ *cache.Cache, acc *etcdschema.Accepted, s *etcdschema.Status) {
			s.Host = activeHost(acc)
			if s.Phase == etcdschema.PhaseAccepted {
				s.Reasons = append(s.Reasons, unplaced(acc)...)
			}
		},
		Surroundings: surroundingsOfPort,
		Prepare:      preparePort,
	}
}

func portItemKind() ItemKind {
	return ItemKind{
		Cache: cache.ItemKind{
			ItemKind: desired.PortKind(),
			Guest:    true,
			Groups: func(item desired.Item, in func(of cache.Source, member string)) {
				p := item.(*desired.Port)
				in(GuestNetworks, p.Network)
				for _, g := range p.SecurityGroups {
					in(usedGroups, g)
				}
				if len(p.SecurityGroups) > 0 {
					in(filteredNetworks, filteredMember(p.Project, p.Network))
					in(trackedNetworks, p.Network)
				}
			},
		},
		Withdraw: takeOffPort,
		Progress: awaitMetadata,
	}
}

// unplaced explains what it means that a port has no host. This may be intended, for a machine that Weft does not wire.
func unplaced(acc *etcdschema.Accepted) []etcdschema.Reason {
	s := acc.Object.Spec.(*model.PortSpec)
	if s.Host != "" || s.MigrateTo != "" {
		return nil
	}
	return []etcdschema.Reason{{Field: "spec.host", Message: "is not set: the port has addresses and is wired nowhere. A bare machine on the " +
		"network's segment that uses them is reached by its neighbours there, and not through a distributed router, which answers on hosts " +
		"with guests of its networks alone"}}
}
