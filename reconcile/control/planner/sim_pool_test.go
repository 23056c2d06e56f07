package planner

import (
	"net/netip"
	"reflect"
	"slices"

	"weft/etcdschema"
	"weft/model"
)

// checkPools: the counts in the status of each address pool are those of the claims that are there, and no two pools share an address.
func (s *sim) checkPools() {
	s.t.Helper()
	for id, acc := range s.cache().AllAccepted() {
		spec, ok := acc.Object.Spec.(*model.AddressPoolSpec)
		if !ok {
			continue
		}
		status, _ := s.planner.StatusFor(etcdschema.StatusKey(id))
		if status == nil {
			s.t.Fatalf("%s has no status", id)
			return
		}
		want := &etcdschema.AddressPoolStatus{IPv4: s.countPool(spec, false), IPv6: s.countPool(spec, true)}
		if !reflect.DeepEqual(status.AddressPool, want) {
			s.t.Fatalf("%s counts %+v %+v, expected %+v %+v", id, status.AddressPool.IPv4, status.AddressPool.IPv6, want.IPv4, want.IPv6)
		}
		for other, o := range s.cache().AllAccepted() {
			if o, ok := o.Object.Spec.(*model.AddressPoolSpec); ok && other != id && o.NetworkID() == spec.NetworkID() {
				for _, r := range spec.Ranges {
					if slices.ContainsFunc(o.Ranges, r.Overlaps) {
						s.t.Fatalf("%s and %s share addresses of %+v", id, other, r)
					}
				}
			}
		}
	}
}

// countPool looks at each address of a small pool.
func (s *sim) countPool(spec *model.AddressPoolSpec, v6 bool) *etcdschema.AddressCount {
	var c *etcdschema.AddressCount
	network := s.cache().Accepted(spec.NetworkID())
	for _, r := range spec.Ranges {
		if r.Start.Is6() != v6 {
			continue
		}
		if c == nil {
			c = &etcdschema.AddressCount{}
		}
		for a := r.Start.Addr; !r.End.Less(a); a = a.Next() {
			s.countAddress(c, spec, network, a)
		}
	}
	return c
}

func (s *sim) countAddress(c *etcdschema.AddressCount, spec *model.AddressPoolSpec, network *etcdschema.Accepted, a netip.Addr) {
	addr := model.Address{Addr: a}
	cl, claimed := s.cache().Claim(etcdschema.AddressClaim(network.UID, addr))
	own := claimed && cl.Owner == network.UID
	used := claimed && !own && cl.State == etcdschema.ClaimBound
	excluded := slices.ContainsFunc(spec.Exclude, func(x model.AddressRange) bool {
		return model.PoolRange{Start: x.First, End: x.Last}.Overlaps(model.PoolRange{Start: addr, End: addr})
	})
	switch {
	case excluded && used:
		c.Excluded++
	case excluded || own:
	case used:
		c.Size, c.Used = c.Size+1, c.Used+1
	case claimed:
		c.Size, c.Held = c.Size+1, c.Held+1
	default:
		c.Size, c.Free = c.Size+1, c.Free+1
	}
}
