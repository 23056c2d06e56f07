package kind

import (
	"fmt"

	"weft/etcdschema"
	"weft/model"
	"weft/reconcile/control/claim"
)

// claimRouter claims its networks, because each is on one router only. For a centralized router it also claims its MAC and external
// addresses.
func claimRouter(a *claim.Allocation, s *model.RouterSpec) {
	for i, id := range s.NetworkIDs(a.ID.Project) {
		if n := a.Accepted(id); n != nil {
			a.Claim(fmt.Sprintf("spec.networks[%d]", i), etcdschema.RouterNetworkClaim(n.UID), id.String())
		}
	}
	claimPrefixes(a, s)
	if s.Mode() == model.GatewayCentralized {
		claimCentral(a, s)
	}
}
