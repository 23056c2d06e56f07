package model

import (
	"fmt"
	"net/netip"
)

// pairConflicts finds allowed address pairs that have an address or MAC which another object of the set names as its own.
func pairConflicts(objs []Located) Errors {
	addresses, macs := map[ID]map[netip.Addr]Located{}, map[MAC]Located{}
	own := func(network ID, a Address, l Located) {
		if addresses[network] == nil {
			addresses[network] = map[netip.Addr]Located{}
		}
		addresses[network][a.Addr] = l
	}
	for _, l := range objs {
		switch s := l.Object.Spec.(type) {
		case *PortSpec:
			for _, a := range s.Addresses {
				own(s.NetworkID(l.Object.Metadata.Project), a, l)
			}
			macs[s.MAC] = l
		case *FloatingIPSpec:
			own(s.NetworkID(l.Object.Metadata.Project), s.Address, l)
		}
	}
	var errs Errors
	for _, l := range objs {
		s, ok := l.Object.Spec.(*PortSpec)
		if !ok {
			continue
		}
		for i, p := range s.AllowedAddressPairs {
			at := fmt.Sprintf("spec.allowedAddressPairs[%d]", i)
			if owner, a, taken := p.Address.ownerIn(addresses[s.NetworkID(l.Object.Metadata.Project)], l.Object.ID()); taken {
				errs = append(errs, l.place(Errors{{Field: at + ".address", Message: fmt.Sprintf("%s is wanted already by %s (%s): choose another", a, owner.Object.ID(), owner.where())}})...)
			}
			if owner, taken := macs[p.MAC]; taken && !p.MAC.IsZero() && owner.Object.ID() != l.Object.ID() {
				errs = append(errs, l.place(Errors{{Field: at + ".mac", Message: fmt.Sprintf("%s is wanted already by %s (%s): choose another", p.MAC, owner.Object.ID(), owner.where())}})...)
			}
		}
	}
	return errs
}

// ownerIn finds the lowest address of the block that belongs to another object.
func (b AddressBlock) ownerIn(addresses map[netip.Addr]Located, but ID) (owner Located, lowest netip.Addr, taken bool) {
	if b.IsValid() && b.IsSingleIP() {
		owner, taken = addresses[b.Addr()]
		return owner, b.Addr(), taken && owner.Object.ID() != but
	}
	for a, l := range addresses {
		if b.IsValid() && b.Contains(a) && l.Object.ID() != but && (!taken || a.Less(lowest)) {
			owner, lowest, taken = l, a, true
		}
	}
	return owner, lowest, taken
}
