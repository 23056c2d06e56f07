package kind

import (
	"weft/etcdschema"
	"weft/model"
	"weft/model/desired"
	"weft/reconcile/control/cache"
	"weft/reconcile/control/claim"
	"weft/reconcile/control/partial"
)

// routerKind: a router becomes an item on each node that has guests of its networks, or on its gateway hosts. It claims its
// networks and, when it is centralized, its MAC and external addresses.
func routerKind() ObjectKind {
	return ObjectKind{
		Cache: cache.ObjectKind{KindInfo: model.RouterKind(), Groups: func(acc *etcdschema.Accepted, in func(of cache.Source, member string)) {
			if s := acc.Object.Spec.(*model.RouterSpec); s.ExternalNetwork != "" && !acc.Allocated.MAC.IsZero() {
				in(centralMACs, centralMember(s.ExternalID(acc.Object.Metadata.Project), acc.Allocated.MAC))
			}
		}},
		Claim: claim.ObjectKind{
			Claims:     func(a *claim.Allocation) { claimRouter(a, a.Object().Spec.(*model.RouterSpec)) },
			Surplus:    surplusPrefixes,
			Constrains: true,
			// The host of the active gateway reports its MAC and addresses otherwise.
			Reported: func(r etcdschema.ClaimedReport) bool { return r.MAC.IsZero() && len(r.Addresses) == 0 },
		},
		Place: placeRouter,
	}
}

func routerItemKind() ItemKind {
	return ItemKind{
		Cache:    cache.ItemKind{ItemKind: desired.RouterKind(), Groups: routerGroups},
		Update:   updateRouter,
		Withdraw: updateLater, // more nodes than fit one transaction are possible
		Progress: func(c *cache.Cache, name string, item desired.Item, s *etcdschema.NodeStatus) {
			rt := item.(*desired.Router)
			if rt.Central == nil {
				s.External = addressesOn(c, model.HostID(name), rt.External)
			} else {
				s.Gateway = c.Gateway(name, rt.UID)
			}
		},
		Prepare: func(p *partial.Part, name string, k desired.Key) {
			p.Node(name)
			p.List(etcdschema.NodeItems(name, desired.KindNeighbors)) // they go with the router
			if rt, ok := cache.ValueOf[*desired.Router](p.Cache.Item(name, k)); ok {
				p.Objects(model.ID{Project: rt.Project, Kind: model.KindRouter, Name: rt.Name})
			}
			prepareRouter(p, k.UID)
		},
	}
}

func routerGroups(item desired.Item, in func(of cache.Source, member string)) {
	rt := item.(*desired.Router)
	in(routersOn, rt.UID)
	for _, one := range rt.Interfaces {
		in(RoutedNetworks, one.Network)
	}
	if rt.External != "" {
		in(externalNetworks, rt.External)
		if rt.Central == nil {
			in(SharedNetworks, rt.External)
		}
	}
}
