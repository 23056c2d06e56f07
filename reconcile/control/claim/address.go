package claim

import (
	"fmt"
	"net/netip"
	"slices"

	"weft/etcdschema"
	"weft/model"
	"weft/reconcile/control/claimed"
)

// OneAddress keeps the address that the object has in one of the subnets (and in the pool, if one is named), or takes the lowest
// free one. field is the field in which the address could be declared. It returns false when there is none.
func (a *Allocation) OneAddress(field, network string, subnets []model.Subnet, pool string) bool {
	if len(subnets) == 0 || a.KeepAddress(network, subnets, pool) {
		return true
	}
	for _, s := range subnets {
		if a.TakeAddress(network, Pools(s, pool)) {
			return true
		}
	}
	a.Exhausted(network)
	if pool != "" {
		a.Condition.Pending("spec.pool",
			fmt.Sprintf("no free address is left in the pool %s of %s: add an allocation pool of that name to the network", pool, CIDRs(subnets)))
		return false
	}
	a.Condition.Pending(field, fmt.Sprintf("no free address is left in %s: add a subnet or an allocation pool to the network", CIDRs(subnets)))
	return false
}

// KeepAddress keeps the address that the object has in one of the subnets (and in the pool, if one is named). It returns false when it has
// none.
func (a *Allocation) KeepAddress(network string, subnets []model.Subnet, pool string) bool {
	if a.Previous == nil {
		return false
	}
	for _, addr := range a.Previous.Allocated.Addresses {
		k := etcdschema.AddressClaim(network, addr)
		inside := slices.ContainsFunc(subnets, func(s model.Subnet) bool {
			return s.CIDR.Contains(addr.Addr) && (pool == "" || s.Allots(pool, addr))
		})
		if inside && a.Keeps(k) {
			a.take(addr, k)
			return true
		}
	}
	return false
}

// TakeAddress takes the lowest free address of the ranges of a network. It returns false when there is none.
func (a *Allocation) TakeAddress(network string, ranges []claimed.Range) bool {
	addr, ok := a.freeAddress(network, ranges)
	if ok {
		a.take(addr, etcdschema.AddressClaim(network, addr))
	}
	return ok
}

func (a *Allocation) take(addr model.Address, k etcdschema.Key) {
	a.Result.Addresses = append(a.Result.Addresses, addr)
	a.Want(k)
}

// freeAddress is the lowest unclaimed address of the ranges. After a lost race it first searches from a random address on, so that
// replicas that allocate at the same time do not collide again.
func (a *Allocation) freeAddress(network string, ranges []claimed.Range) (model.Address, bool) {
	for _, pool := range ranges {
		if a.Claimer.Spread {
			if from := within(pool, a.Claimer.Settings.Random()); from.IsValid() {
				if addr, ok := a.firstFree(network, from, pool.Last); ok {
					return model.Address{Addr: addr}, true
				}
			}
		}
		if addr, ok := a.firstFree(network, pool.First, pool.Last); ok {
			return model.Address{Addr: addr}, true
		}
	}
	return model.Address{}, false
}

// Pools are the ranges with this name from which addresses are given. When a subnet declares no ranges at all, the range without a
// name is all host addresses of the block.
func Pools(s model.Subnet, name string) []claimed.Range {
	var out []claimed.Range
	for _, p := range s.Pools(name) {
		out = append(out, claimed.Range{First: p.Start.Addr, Last: p.End.Addr})
	}
	if len(s.AllocationPools) == 0 && name == "" {
		out = append(out, Hosts(s))
	}
	return out
}

// Hosts are all addresses of the subnet that a machine can have.
func Hosts(s model.Subnet) claimed.Range {
	first, last := s.Hosts()
	return claimed.Range{First: first, Last: last}
}

// spreadSpan bounds the distance of the random address from the start of a pool.
const spreadSpan = 1 << 12

// within is a random address of the range, at most spreadSpan from its start; the zero Addr when that is outside of the range.
func within(r claimed.Range, random uint64) netip.Addr {
	b := r.First.As16()
	v := uint32(b[12])<<24 | uint32(b[13])<<16 | uint32(b[14])<<8 | uint32(b[15])
	v += uint32(random % spreadSpan)
	b[12], b[13], b[14], b[15] = byte(v>>24), byte(v>>16), byte(v>>8), byte(v)
	a := netip.AddrFrom16(b)
	if r.First.Is4() {
		a = a.Unmap()
	}
	if a.Less(r.First) || r.Last.Less(a) {
		return netip.Addr{}
	}
	return a
}

// SubnetsOf are the subnets of one family.
func SubnetsOf(s *model.NetworkSpec, v6 bool) []model.Subnet {
	var out []model.Subnet
	for _, sub := range s.Subnets {
		if sub.CIDR.Addr().Is6() == v6 {
			out = append(out, sub)
		}
	}
	return out
}

// CIDRs lists the blocks of subnets for people.
func CIDRs(subnets []model.Subnet) string {
	s := ""
	for i, sub := range subnets {
		if i > 0 {
			s += ", "
		}
		s += sub.CIDR.String()
	}
	return s
}
