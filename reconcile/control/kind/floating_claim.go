package kind

import (
	"fmt"
	"slices"

	"weft/etcdschema"
	"weft/model"
	"weft/reconcile/control/claim"
)

// claimFloating claims the floating address. It also claims the guest's address behind it, unless another floating address has that
// claim.
func claimFloating(a *claim.Allocation, s *model.FloatingIPSpec) {
	x := a.Accepted(s.NetworkID(a.ID.Project))
	if x == nil {
		return // reported with the references
	}
	if s.Address.IsValid() {
		a.Result.Addresses = []model.Address{s.Address}
		a.Claim("spec.address", etcdschema.AddressClaim(x.UID, s.Address), "address "+s.Address.String())
	} else {
		claimFloatingAddress(a, s, x)
	}
	if s.Port == "" || len(a.Result.Addresses) == 0 {
		return
	}
	port := a.Accepted(model.ID{Project: a.ID.Project, Kind: model.KindPort, Name: s.Port})
	if port == nil {
		return
	}
	network := a.Accepted(port.Object.Spec.(*model.PortSpec).NetworkID(a.ID.Project))
	fixed, ok := fixedAddress(port, s.FixedAddress, a.Result.Addresses[0])
	if network == nil || !ok {
		return
	}
	k := etcdschema.FixedClaim(network.UID, fixed)
	if _, blocked := a.Conflict(k); blocked {
		a.InTheWay(k)
		return
	}
	a.Want(k)
}

// claimFloatingAddress keeps the address or takes the lowest free one. Its family is that of the declared fixed address. Without one it
// is IPv4, if the network has IPv4.
func claimFloatingAddress(a *claim.Allocation, s *model.FloatingIPSpec, x *etcdschema.Accepted) {
	spec := x.Object.Spec.(*model.NetworkSpec)
	v4, v6 := pooled(claim.SubnetsOf(spec, false), s.Pool), pooled(claim.SubnetsOf(spec, true), s.Pool)
	if spec.External == nil || spec.External.Mode() == model.ExternalIPv6Routed {
		v6 = nil
	}
	subnets := v4
	fixed := s.FixedAddress
	for _, f := range s.PortForwards {
		if f.FixedAddress.IsValid() {
			fixed = f.FixedAddress
		}
	}
	if fixed.IsValid() && fixed.Is6() || !fixed.IsValid() && len(v4) == 0 {
		subnets = v6
	}
	if len(subnets) == 0 && s.Pool != "" {
		a.Invalid("spec.pool",
			fmt.Sprintf("the pool %s of %s has no floating addresses of the family: use a pool that has some", s.Pool, x.Object.ID()))
		return
	}
	if len(subnets) == 0 {
		a.Invalid("spec.network",
			fmt.Sprintf("%s has no subnet for floating addresses of the family: use a network that has one", x.Object.ID()))
		return
	}
	a.OneAddress("spec.address", x.UID, subnets, s.Pool)
}

// pooled returns the subnets that have a pool of this name; all of them when no pool is named.
func pooled(subnets []model.Subnet, pool string) []model.Subnet {
	if pool == "" {
		return subnets
	}
	return slices.DeleteFunc(subnets, func(s model.Subnet) bool { return len(s.Pools(pool)) == 0 })
}

// fixedAddress is the port's address that a floating address leads to.
func fixedAddress(port *etcdschema.Accepted, wanted, floating model.Address) (model.Address, bool) {
	for _, a := range port.Allocated.Addresses {
		if wanted.IsValid() && a == wanted || !wanted.IsValid() && a.Is4() == floating.Is4() {
			return a, true
		}
	}
	return model.Address{}, false
}
