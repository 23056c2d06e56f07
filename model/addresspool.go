package model

import "slices"

// KindAddressPool is the kind of objects with an AddressPoolSpec.
const KindAddressPool Kind = "AddressPool"

// AddressPoolKind is the row of the kind in AllKinds. Pools belong to the cluster, as hosts do: who declares one knows the host groups.
func AddressPoolKind() KindInfo {
	return KindInfo{Kind: KindAddressPool, ClusterScoped: true, New: func() Spec { return &AddressPoolSpec{} }}
}

// AddressPoolSpec declares addresses of a network for the ports on some hosts. A port that asks for no address gets one of each family
// from the pools that cover its host: that of the highest priority first, of equal ones the first by name, and in a pool the lowest free
// address. Where a network has pools of a family, its subnets' allocation pools are not used for ports. Addresses that Weft needs
// itself (gateways, DHCP servers) are never given, even if they lie in a range.
type AddressPoolSpec struct {
	// Network is the network, as "project/name".
	Network string `json:"network"`
	// Ranges of both families, each in one subnet of the network. Ranges of two pools of a network must not overlap. A range that is
	// in use cannot be removed.
	Ranges []PoolRange `json:"ranges,omitempty"`
	// HostGroups are the groups (HostSpec.Group) whose ports get addresses of the pool; those of every host when empty.
	HostGroups []string `json:"hostGroups,omitempty"`
	// Exclude lists addresses in the ranges that nobody gets from now on, neither chosen nor asked for. Who has one keeps it.
	Exclude []AddressRange `json:"exclude,omitempty"`
	// HoldTime is how long a released address of the pool is kept from reuse, in whole seconds; the controllers' own when empty.
	HoldTime Duration `json:"holdTime,omitzero"`
	// Priority decides between the pools that cover a host: the higher one first. It may be negative.
	Priority int `json:"priority,omitempty"`
	// Drain says that nothing of the pool is given any more. Who has an address keeps it.
	Drain bool `json:"drain,omitempty"`
}

// PoolRange is an inclusive range of addresses of one family.
type PoolRange struct {
	Start Address `json:"start"`
	End   Address `json:"end"`
}

// Overlaps says that the ranges have an address in common. Both must be valid.
func (r PoolRange) Overlaps(o PoolRange) bool {
	return r.Start.Is4() == o.Start.Is4() && !r.End.Less(o.Start.Addr) && !o.End.Less(r.Start.Addr)
}

// Covers says that ports on hosts of the group get addresses of the pool. The group is empty for a host without one.
func (s *AddressPoolSpec) Covers(group string) bool {
	return len(s.HostGroups) == 0 || slices.Contains(s.HostGroups, group)
}

// Has says that the address is in one of the ranges, excluded or not.
func (s *AddressPoolSpec) Has(a Address) bool {
	return slices.ContainsFunc(s.Ranges, func(r PoolRange) bool { return r.Overlaps(PoolRange{a, a}) })
}

// Kind implements Spec.
func (*AddressPoolSpec) Kind() Kind { return KindAddressPool }

// References implements Spec: the network.
func (s *AddressPoolSpec) References(string) []Reference {
	return []Reference{{"spec.network", s.NetworkID()}}
}

// NetworkID is the network of the pool.
func (s *AddressPoolSpec) NetworkID() ID { return networkID(ClusterProject, s.Network) }
