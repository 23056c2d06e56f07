package claim

import (
	"fmt"
	"net/netip"

	"weft/etcdschema"
)

// RoutedPrefix is an IPv6 prefix behind a router, with the field that declares it.
type RoutedPrefix struct {
	Field  string
	Prefix netip.Prefix
}

// RequestPrefix claims a prefix on an external network, unless another owner has a claim of a prefix that overlaps it.
func (a *Allocation) RequestPrefix(p RoutedPrefix, x *etcdschema.Accepted, who Claimant) {
	free := true
	for _, other := range a.Cache.Prefixes(x.UID).Overlapping(p.Prefix) {
		k := etcdschema.RoutedPrefixClaim(x.UID, other)
		cl, _ := a.Cache.Claim(k)
		if cl.Owner == who.UID || cl.For == who.ID.String() && !a.Alive(cl.Owner) || a.Previous != nil && a.Previous.UID == cl.Owner {
			continue
		}
		free = false
		a.InTheWay(k)
		what := fmt.Sprintf("%s on %s", p.Prefix, x.Object.ID())
		if other != p.Prefix {
			what = fmt.Sprintf("%s overlaps %s, which", what, other)
		}
		if cl.State == etcdschema.ClaimHeld {
			a.Condition.Pending(p.Field, fmt.Sprintf("%s was released by %s a short while ago and is kept from reuse until its hold time has passed",
				what, a.OwnerName(cl)))
			continue
		}
		a.Condition.invalid(p.Field,
			fmt.Sprintf("%s belongs to %s already: a prefix leads to one router; choose another, or change that one first",
				what, a.OwnerName(cl)))
	}
	if free {
		a.wantFor(etcdschema.RoutedPrefixClaim(x.UID, p.Prefix), who)
	}
}
