package kind

import (
	"fmt"
	"slices"
	"strings"

	"weft/etcdschema"
	"weft/model"
	"weft/reconcile/control/cache"
	"weft/reconcile/control/claim"
)

// claimPortAddresses gives the port the addresses that its spec lists. For a family without a listed address it chooses one. IPv6 comes
// first.
func claimPortAddresses(a *claim.Allocation, s *model.PortSpec, network *etcdschema.Accepted) {
	for _, v6 := range []bool{true, false} {
		explicit := false
		for i, addr := range s.Addresses {
			if addr.Is6() != v6 {
				continue
			}
			explicit = true
			at := fmt.Sprintf("spec.addresses[%d]", i)
			refuseExcluded(a, at, addr, s, network.Object.ID())
			a.Result.Addresses = append(a.Result.Addresses, addr)
			a.Claim(at, etcdschema.AddressClaim(network.UID, addr), "address "+addr.String())
		}
		if !explicit {
			choosePortAddress(a, s, network, v6)
		}
	}
	refuseMove(a, s, network)
}

// refuseExcluded refuses an address that an address pool excludes, unless the port has it already.
func refuseExcluded(a *claim.Allocation, at string, addr model.Address, s *model.PortSpec, network model.ID) {
	pool := poolsIn(a.Cache).of(network).at(addr.Addr)
	if pool == nil || !pool.excludes(addr.Addr) || has(a, s, addr) {
		return
	}
	a.Members(excludesOf(network), "")
	a.Invalid(at, fmt.Sprintf("%s is excluded by %s: use another address, or take it out of spec.exclude there", addr, addressPoolID(pool.name)))
}

// has says that the port has the address on this network already.
func has(a *claim.Allocation, s *model.PortSpec, addr model.Address) bool {
	if a.Previous == nil || a.Previous.UID != a.UID || !slices.Contains(a.Previous.Allocated.Addresses, addr) {
		return false
	}
	before, ok := a.Previous.Object.Spec.(*model.PortSpec)
	return ok && before.NetworkID(a.ID.Project) == s.NetworkID(a.ID.Project)
}

// choosePortAddress keeps the port's address of a family, or takes one of the address pools that cover its host. A network without pools of
// the family has its allocation pools. What was read is recorded only when there is no address, because one that was chosen is kept.
func choosePortAddress(a *claim.Allocation, s *model.PortSpec, network *etcdschema.Accepted, v6 bool) {
	id, subnets := network.Object.ID(), claim.SubnetsOf(network.Object.Spec.(*model.NetworkSpec), v6)
	pools := poolsIn(a.Cache).of(id).family(v6)
	if len(pools) == 0 {
		if !a.OneAddress("spec.addresses", network.UID, subnets, "") {
			a.Members(poolsOf(id), "")
		}
		return
	}
	if len(subnets) == 0 || a.KeepAddress(network.UID, subnets, "") {
		return
	}
	g := groupOf(a, s.Host)
	g.known = g.known || !slices.ContainsFunc(pools, func(p *addressPool) bool { return len(p.spec.HostGroups) > 0 })
	for _, p := range pools {
		if g.known && p.spec.Covers(g.name) && p.serves(a.Cache) && a.TakeAddress(network.UID, p.gives(v6)) {
			a.Require(etcdschema.AcceptedKey(addressPoolID(p.name)))
			return
		}
	}
	waitForPool(a, s, id, g, v6)
}

// family are the pools that have ranges of the family, in the order in which they are asked.
func (n *networkPools) family(v6 bool) []*addressPool {
	if n == nil {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(n.pools), func(p *addressPool) bool { return !p.has(v6) })
}

// serves says that the pool gives addresses: it is neither drained nor deleted.
func (p *addressPool) serves(c *cache.Cache) bool {
	return !p.spec.Drain && c.Declared(addressPoolID(p.name))
}

// hostGroup is the group of a port's host. It is not known while the host is named and not accepted. The host may be in a group whose pool
// comes before others.
type hostGroup struct {
	name  string
	known bool
}

// groupOf is the group of a host. A port without a host is in no group: only pools for every host serve it.
func groupOf(a *claim.Allocation, host string) hostGroup {
	if host == "" {
		return hostGroup{known: true}
	}
	acc := a.Accepted(model.HostID(host))
	if acc == nil {
		return hostGroup{}
	}
	return hostGroup{acc.Object.Spec.(*model.HostSpec).Group, true}
}

// waitForPool says why a port gets no address, and what to do. It records all that may change it.
func waitForPool(a *claim.Allocation, s *model.PortSpec, network model.ID, g hostGroup, v6 bool) {
	a.Members(poolsOf(network), "")
	var covering, idle, others []string
	for _, p := range poolsIn(a.Cache).of(network).family(v6) {
		a.Declared(addressPoolID(p.name))
		switch {
		case !p.spec.Covers(g.name):
			others = append(others, fmt.Sprintf("%s is for %s", p.name, strings.Join(p.spec.HostGroups, ", ")))
		case !p.serves(a.Cache):
			idle = append(idle, p.name)
		default:
			a.Note(cache.Read{Of: poolFree, Name: p.name})
			covering = append(covering, p.name)
		}
	}
	family := map[bool]string{false: "IPv4", true: "IPv6"}[v6]
	switch {
	case !g.known:
		a.Pending("spec.host", fmt.Sprintf("host %s does not exist or is not accepted yet, and its group decides which address pool of %s gives the port its %s address",
			s.Host, network, family))
	case len(covering) > 0:
		more := ""
		if len(idle) > 0 {
			more = fmt.Sprintf(", and nothing is given of %s, which is drained or deleted", enumerate(idle))
		}
		a.Pending("spec.addresses", fmt.Sprintf("no free %s address is left for %s in AddressPool %s%s: add ranges to it, or declare another pool of %s for the group",
			family, whose(s, g), enumerate(covering), more, network))
	case len(idle) > 0:
		a.Pending("spec.addresses", fmt.Sprintf("no %s address is given to %s: AddressPool %s is drained or deleted; declare another pool of %s for the group",
			family, whose(s, g), enumerate(idle), network))
	case s.Host == "":
		a.Pending("spec.host", fmt.Sprintf("is not set, and the address pools of %s are for host groups (%s): the port gets its %s address with its host",
			network, enumerate(others), family))
	default:
		a.Pending("spec.addresses", fmt.Sprintf("no address pool of %s has %s addresses for %s (%s): name the group in spec.hostGroups of a pool, or declare a pool for it",
			network, family, whose(s, g), enumerate(others)))
	}
}

// whose is "host h1 (group rack1)".
func whose(s *model.PortSpec, g hostGroup) string {
	switch {
	case s.Host == "":
		return "ports without a host"
	case g.name == "":
		return fmt.Sprintf("host %s (without a group)", s.Host)
	}
	return fmt.Sprintf("host %s (group %s)", s.Host, g.name)
}

// listed bounds how many names a reason has.
const listed = 5

// enumerate is "a, b and c", or the first ones and how many there are besides.
func enumerate(names []string) string {
	switch n := len(names); {
	case n == 1:
		return names[0]
	case n > listed:
		return fmt.Sprintf("%s and %d more", strings.Join(names[:listed], ", "), n-listed)
	default:
		return strings.Join(names[:n-1], ", ") + " and " + names[n-1]
	}
}
