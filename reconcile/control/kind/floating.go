package kind

import (
	"weft/etcdschema"
	"weft/model"
	"weft/model/desired"
	"weft/reconcile/control/cache"
	"weft/reconcile/control/claim"
)

// floatingKind: a floating address becomes an item on the node of its guest, or on all nodes of its centralized router. It claims
// its address, and the guest's address behind it.
func floatingKind() ObjectKind {
	return ObjectKind{
		Cache: cache.ObjectKind{KindInfo: model.FloatingIPKind()},
		Claim: claim.ObjectKind{
			Claims:     func(a *claim.Allocation) { claimFloating(a, a.Object().Spec.(*model.FloatingIPSpec)) },
			Constrains: true,
			Reported:   func(etcdschema.ClaimedReport) bool { return true },
			AddressesOn: func(acc *etcdschema.Accepted) model.ID {
				return acc.Object.Spec.(*model.FloatingIPSpec).NetworkID(acc.Object.Metadata.Project)
			},
		},
		Place:    placeFloating,
		Explicit: func(s model.Spec) bool { return s.(*model.FloatingIPSpec).Address.IsValid() },
		Status:   addFixedAddress,
		Expect: func(s *cache.Reader, to *etcdschema.Accepted) {
			if port, ok := to.Object.Spec.(*model.PortSpec); ok {
				s.Accepted(port.NetworkID(to.Object.Metadata.Project))
			}
		},
		Surroundings: surroundingsOfFloating,
		Prepare:      prepareFloating,
	}
}

func floatingItemKind() ItemKind {
	return ItemKind{Cache: cache.ItemKind{ItemKind: desired.FloatingIPKind()}}
}

// addFixedAddress adds to a floating address's status the address to which it is translated.
func addFixedAddress(c *cache.Cache, acc *etcdschema.Accepted, s *etcdschema.Status) {
	key := desired.Key{Kind: desired.KindFloatingIP, UID: acc.UID}
	for name := range s.Nodes {
		if f, ok := cache.ValueOf[*desired.FloatingIP](c.Item(name, key)); ok {
			s.Allocated.FixedAddress = f.Fixed
		}
	}
}
