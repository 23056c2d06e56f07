package kind

import (
	"fmt"
	"maps"
	"net/netip"
	"reflect"
	"slices"

	"weft/model"
	"weft/reconcile/control/claim"
	"weft/reconcile/control/claimed"
)

// keepUsed refuses to remove a subnet in which ports or floating addresses still have addresses.
func keepUsed(a *claim.Allocation, s *model.NetworkSpec) {
	if a.Previous == nil || a.Previous.UID != a.UID {
		return
	}
	old := a.Previous.Object.Spec.(*model.NetworkSpec)
	for _, sub := range old.Subnets {
		if slices.ContainsFunc(s.Subnets, func(n model.Subnet) bool { return covers(n, sub) }) {
			continue
		}
		if id, addr, ok := userOf(a, sub, s); ok {
			a.Invalid("spec.subnets",
				fmt.Sprintf("subnet %s is gone, but %s still has %s of it: change or delete that one first", sub.CIDR, id, addr))
		}
	}
}

func covers(n, old model.Subnet) bool {
	return n.CIDR.Bits() <= old.CIDR.Bits() && n.CIDR.Contains(old.CIDR.Addr())
}

// userOf finds an object that keeps an address in the subnet which is in no subnet of the new spec.
func userOf(a *claim.Allocation, sub model.Subnet, now *model.NetworkSpec) (model.ID, model.Address, bool) {
	for id := range a.Users(a.ID) {
		user := a.Accepted(id)
		if on := a.Claimer.Kinds[id.Kind].AddressesOn; on == nil || on(user) != a.ID {
			continue
		}
		for _, addr := range user.Allocated.Addresses {
			if sub.CIDR.Contains(addr.Addr) && now.SubnetOf(addr) < 0 {
				return id, addr, true
			}
		}
	}
	return model.ID{}, model.Address{}, false
}

// keepRouted refuses changes that would make an object invalid that refers to the network, as far as its kind demands this: a router or
// a floating address. They were accepted with the network as it was.
func keepRouted(a *claim.Allocation, s *model.NetworkSpec) {
	if a.Previous == nil || a.Previous.UID != a.UID {
		return
	}
	if was := a.Previous.Object.Spec.(*model.NetworkSpec); reflect.DeepEqual(was.Subnets, s.Subnets) && reflect.DeepEqual(was.External, s.External) {
		return
	}
	claimForRouter(a, s)
	keepApart(a, s)
	lookup := func(id model.ID) (model.Object, bool) {
		if id == a.ID {
			return a.Object(), true
		}
		if acc := a.Accepted(id); acc != nil {
			return acc.Object, true
		}
		return model.Object{}, true
	}
	for _, id := range slices.SortedFunc(maps.Keys(a.Users(a.ID)), model.ID.Compare) {
		if !a.Claimer.Kinds[id.Kind].Constrains {
			continue
		}
		if errs := model.ValidateRefs(a.Accepted(id).Object, lookup); len(errs) > 0 {
			a.Invalid("spec", fmt.Sprintf("would make %s wrong (%s: %s): change that one first", id, errs[0].Field, errs[0].Message))
		}
	}
}

// keepApart refuses to switch an external network to routed IPv6 while two of its routers have overlapping prefixes.
func keepApart(a *claim.Allocation, s *model.NetworkSpec) {
	was := a.Previous.Object.Spec.(*model.NetworkSpec)
	if s.External == nil || s.External.Mode() != model.ExternalIPv6Routed || was.External != nil && was.External.Mode() == model.ExternalIPv6Routed {
		return
	}
	var all claimed.Prefixes
	owners := map[netip.Prefix]model.ID{}
	for _, id := range slices.SortedFunc(maps.Keys(a.Users(a.ID)), model.ID.Compare) {
		router, ok := a.Accepted(id).Object.Spec.(*model.RouterSpec)
		if !ok {
			continue
		}
		for _, p := range prefixesBehind(a.Reader, id, router) {
			if other := all.Overlapping(p.Prefix); len(other) > 0 {
				a.Invalid("spec.external.ipv6",
					fmt.Sprintf("%s of %s overlaps %s of %s, and a routed prefix leads to one router: change one of them first",
						p.Prefix, id, other[0], owners[other[0]]))
				return
			}
		}
		for _, p := range prefixesBehind(a.Reader, id, router) {
			all.Change(p.Prefix, true)
			owners[p.Prefix] = id
		}
	}
}
