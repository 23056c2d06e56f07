package claim

import (
	"maps"
	"slices"

	"weft/etcdschema"
	"weft/model"
)

// OwnAddresses chooses the addresses of a host or router on an external network, as far as any are available.
func (a *Allocation) OwnAddresses(x *etcdschema.Accepted) {
	at := etcdschema.ExternalAddresses{UID: x.UID, Network: x.Object.Metadata.Project + "/" + x.Object.Metadata.Name}
	for _, v6 := range []bool{false, true} {
		if addr, ok := a.ownAddress(x, v6); ok {
			at.Addresses = append(at.Addresses, addr)
		}
	}
	if len(at.Addresses) > 0 {
		a.Result.External = append(a.Result.External, at)
	}
}

// ownAddress chooses the address of one family of a host or router on an external network: the one it has, one that it released a
// short while ago, or a free one.
func (a *Allocation) ownAddress(x *etcdschema.Accepted, v6 bool) (model.Address, bool) {
	subnets := SubnetsOf(x.Object.Spec.(*model.NetworkSpec), v6)
	if len(subnets) == 0 {
		return model.Address{}, false
	}
	if a.Previous != nil && a.Previous.UID == a.UID {
		for _, had := range a.Previous.Allocated.External {
			for _, addr := range had.Addresses {
				k := etcdschema.AddressClaim(x.UID, addr)
				inside := slices.ContainsFunc(subnets, func(s model.Subnet) bool { return s.CIDR.Contains(addr.Addr) })
				if had.UID == x.UID && inside && a.Keeps(k) {
					a.Want(k)
					return addr, true
				}
			}
		}
	}
	for _, k := range slices.SortedFunc(maps.Keys(a.Owned(a.UID)), etcdschema.Key.Compare) {
		uid, addr, ok := etcdschema.ParseAddressClaim(k)
		if ok && uid == x.UID && slices.ContainsFunc(subnets, func(s model.Subnet) bool { return s.CIDR.Contains(addr.Addr) }) {
			a.Want(k)
			return addr, true
		}
	}
	for _, s := range subnets {
		if addr, ok := a.freeAddress(x.UID, Pools(s, "")); ok {
			a.Want(etcdschema.AddressClaim(x.UID, addr))
			return addr, true
		}
	}
	a.Exhausted(x.UID)
	return model.Address{}, false
}

// Unbound counts the claims that the allocation wants and that the object does not have yet.
func (a *Allocation) Unbound() int {
	n := 0
	for k := range a.Wanted {
		if _, has := a.Owned(a.UID)[k]; !has {
			n++
		}
	}
	return n
}
