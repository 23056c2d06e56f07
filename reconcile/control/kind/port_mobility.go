package kind

import (
	"fmt"
	"slices"
	"strings"

	"weft/etcdschema"
	"weft/model"
	"weft/reconcile/control/claim"
)

// refuseMove refuses to take an address of a pool to a host that the pool does not cover, where the network keeps addresses in their host
// groups. What was accepted before stays, so that no guest loses the address that it uses.
func refuseMove(a *claim.Allocation, s *model.PortSpec, network *etcdschema.Accepted) {
	if network.Object.Spec.(*model.NetworkSpec).AddressMobility != model.MobilityHostGroup {
		return
	}
	pools := poolsIn(a.Cache).of(network.Object.ID())
	for _, to := range []struct{ field, host string }{{"spec.host", s.Host}, {"spec.migrateTo", s.MigrateTo}} {
		for _, addr := range a.Result.Addresses {
			pool := pools.at(addr.Addr)
			if to.host == "" || pool == nil || len(pool.spec.HostGroups) == 0 || has(a, s, addr) && wasOn(a.Previous, to.host) {
				continue
			}
			if g := groupOf(a, to.host); !g.known || !pool.spec.Covers(g.name) {
				stayInGroup(a, to.field, to.host, g, addr, pool, network.Object.ID())
				break
			}
		}
	}
}

// wasOn says that the port as it was accepted was on the host, or about to move there.
func wasOn(previous *etcdschema.Accepted, host string) bool {
	s := previous.Object.Spec.(*model.PortSpec)
	return s.Host == host || s.MigrateTo == host
}

// stayInGroup says why the port may not be on a host. It records all that may change it.
func stayInGroup(a *claim.Allocation, field, host string, g hostGroup, addr model.Address, pool *addressPool, network model.ID) {
	a.Members(poolsOf(network), "")
	a.Whole(network) // its mobility
	if !g.known {
		a.Pending(field, fmt.Sprintf("host %s does not exist or is not accepted yet, and its group decides whether the port may be there with %s of %s",
			host, addr, addressPoolID(pool.name)))
		return
	}
	group := "in group " + g.name
	if g.name == "" {
		group = "in no group"
	}
	groups := slices.Clone(pool.spec.HostGroups)
	a.Invalid(field, fmt.Sprintf("host %s is %s, and the port's address %s is of %s, which is for %s: %s keeps addresses in the host groups of their pools "+
		"(spec.addressMobility: %s); name a host of these groups, or declare the port again to give it another address",
		host, group, addr, addressPoolID(pool.name), strings.Join(groups[:min(len(groups), listed)], ", "), network, model.MobilityHostGroup))
}
