package kind

import (
	"maps"
	"slices"

	"weft/etcdschema"
	"weft/model"
	"weft/reconcile/control/cache"
	"weft/reconcile/control/claim"
)

// claimHost claims what the host needs for the distributed routers on it: a MAC for their frames on the physical network, and an address
// of each family on each of their external networks. When something is not available, the host is accepted nevertheless, and the
// routers wait.
func claimHost(a *claim.Allocation, s *model.HostSpec) {
	externals := map[string]*etcdschema.Accepted{}
	routed := slices.Contains(s.Roles, model.RoleGateway) && s.Driver != model.DriverBridge // its peers identify it by this MAC
	for uid := range a.Members(GuestNetworks, a.ID.Name) {
		router := routerOf(a.Reader, uid)
		if router == nil || isCentral(router) || unroutable(a.Reader, a.ID.Name, s, router) != "" {
			continue
		}
		routed = true
		if x := externalOf(a.Reader, router); x != nil {
			externals[x.UID] = x
		}
	}
	if !routed {
		return
	}
	if !a.OwnMAC() {
		return
	}
	for _, uid := range slices.Sorted(maps.Keys(externals)) {
		if a.Unbound() >= hostShare && len(addressesOn(a.Cache, a.ID, uid)) == 0 {
			a.Claimer.Later(cache.ObjectWork(a.ID)) // the rest follows in another transaction; the routers wait
			continue
		}
		a.OwnAddresses(externals[uid])
	}
}

// hostShare bounds the claims that a host makes in one transaction, because it may be on any number of external networks.
const hostShare = 40
