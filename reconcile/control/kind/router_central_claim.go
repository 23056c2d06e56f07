package kind

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"slices"

	"weft/model"
	"weft/model/desired"
	"weft/reconcile/control/claim"
)

// claimCentral claims the MAC and the external addresses of a centralized router, and chooses its hosts. When something is not
// available, the router is accepted nevertheless, and waits (see centralLacks).
func claimCentral(a *claim.Allocation, s *model.RouterSpec) {
	a.Result.GatewayHosts = gatewayHosts(a, s)
	if !a.OwnMAC() || s.ExternalNetwork == "" {
		return
	}
	if x := a.Accepted(s.ExternalID(a.ID.Project)); x != nil {
		a.OwnAddresses(x)
	}
}

// gatewayHosts are the hosts that have the router. First come those that had it and still can have it, in their order. Then come
// others by rendezvous hashing, so that routers are distributed over the hosts. A host that is only silent keeps its place.
func gatewayHosts(a *claim.Allocation, s *model.RouterSpec) []string {
	var list []string
	if a.Previous != nil && a.Previous.UID == a.UID {
		for _, name := range a.Previous.Allocated.GatewayHosts {
			if unfitGateway(a.Reader, name, a.ID.Project, s, true) == "" {
				list = append(list, name)
			}
		}
	}
	var fit []string
	for _, name := range gateways(a.Reader) {
		if !slices.Contains(list, name) && unfitGateway(a.Reader, name, a.ID.Project, s, false) == "" {
			fit = append(fit, name)
		}
	}
	slices.SortFunc(fit, func(x, y string) int {
		return cmp.Or(cmp.Compare(rendezvous(a.UID, y), rendezvous(a.UID, x)), cmp.Compare(x, y))
	})
	return append(list, fit[:min(len(fit), desired.MaxGatewayPeers-min(len(list), desired.MaxGatewayPeers))]...)
}

// rendezvous is the weight of a host for a router. The host with the highest weight comes first.
func rendezvous(uid, host string) uint64 {
	sum := sha256.Sum256([]byte(uid + " " + host))
	return binary.BigEndian.Uint64(sum[:])
}
