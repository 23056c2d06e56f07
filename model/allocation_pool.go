package model

import "slices"

// AllocationPool is an inclusive range of addresses of one family.
type AllocationPool struct {
	// Name reserves the addresses for floating addresses that ask for the pool (FloatingIPSpec.Pool). A pool consists of all ranges
	// with its name. They may be in several subnets and both families. The ranges without a name are for everybody else. Pools for
	// the ports of host groups are objects of their own (AddressPoolSpec).
	Name  string  `json:"name,omitempty"`
	Start Address `json:"start"`
	End   Address `json:"end"`
}

// contains says that the address is in the range. The range need not be valid.
func (p AllocationPool) contains(a Address) bool {
	return p.Start.IsValid() && p.End.IsValid() && !a.Less(p.Start.Addr) && !p.End.Less(a.Addr)
}

// Pools are the subnet's ranges with this name; "" means those without a name.
func (s Subnet) Pools(name string) []AllocationPool {
	var out []AllocationPool
	for _, p := range s.AllocationPools {
		if p.Name == name {
			out = append(out, p)
		}
	}
	return out
}

// Allots says that the address is in a range with this name; "" means the ranges without a name, or the whole block when the subnet
// has no ranges at all.
func (s Subnet) Allots(pool string, a Address) bool {
	if len(s.AllocationPools) == 0 {
		return pool == "" && s.CIDR.Contains(a.Addr)
	}
	return slices.ContainsFunc(s.Pools(pool), func(p AllocationPool) bool { return p.contains(a) })
}

// hasPool says that a subnet has a range with this name.
func (s *NetworkSpec) hasPool(name string) bool {
	return slices.ContainsFunc(s.Subnets, func(sub Subnet) bool { return len(sub.Pools(name)) > 0 })
}
