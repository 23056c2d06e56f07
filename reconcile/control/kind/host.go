package kind

import (
	"slices"

	"weft/etcdschema"
	"weft/model"
	"weft/model/desired"
	"weft/reconcile/control/cache"
	"weft/reconcile/control/claim"
	"weft/reconcile/control/partial"
)

// hostKind: a host becomes the host's own item on its node. It claims a MAC and addresses on external networks for its distributed
// routers.
func hostKind() ObjectKind {
	return ObjectKind{
		Cache: cache.ObjectKind{
			KindInfo: model.HostKind(),
			Groups:   hostGroups,
		},
		Claim: claim.ObjectKind{
			ComesLater: true,
			Claims:     func(a *claim.Allocation) { claimHost(a, a.Object().Spec.(*model.HostSpec)) },
			Keep: func(_ *cache.Reader, s *claim.Settings, previous, next *etcdschema.Accepted) {
				next.GatewaySecret = gatewaySecret(s, previous, next)
			},
		},
		Place: func(p *Placement) error {
			name := p.accepted.Object.Metadata.Name
			beginRouters(p.Evaluation, name)
			if why := unprotected(p.Reader, name); why != "" {
				p.Pending("", why)
			}
			return p.Put(desired.KindHost, map[string]desired.Item{name: resolveHost(p.Reader, p.Settings.MACPrefix, p.accepted)})
		},
		Referred: func(s *cache.Reader, id model.ID) { s.Lacks(id.Name) },
		Prepare:  func(p *partial.Part, id model.ID) { prepareHost(p, id.Name) },
	}
}

func hostItemKind() ItemKind {
	return ItemKind{Cache: cache.ItemKind{ItemKind: desired.HostKind()}}
}

func hostGroups(acc *etcdschema.Accepted, in func(of cache.Source, member string)) {
	s := acc.Object.Spec.(*model.HostSpec)
	for _, m := range s.PhysicalNetworks {
		in(mappedNetworks, m.Name)
	}
	if !acc.Allocated.MAC.IsZero() {
		in(hostMACs, acc.Allocated.MAC.String())
	}
	if slices.Contains(s.Roles, model.RoleGateway) {
		in(gatewayRole, gatewayMember(acc))
	}
}
