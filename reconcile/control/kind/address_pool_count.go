package kind

import (
	"fmt"
	"math"
	"slices"

	"weft/etcdschema"
	"weft/model"
	"weft/reconcile/control/cache"
	"weft/reconcile/control/claimed"
)

// usedIn is the number of addresses in the ranges of a network's pools that somebody uses, and one of them with its owner. The network's
// own addresses do not count. The caller records that it reads the pool's claims. Those are of one incarnation of the network: what another
// has given out is not in use any more.
func usedIn(s *cache.Reader, network model.ID, ranges []claimed.Range) (n uint64, example string) {
	s.Accepted(network)
	pools := poolsIn(s.Cache).counts(network)
	if pools == nil {
		return 0, ""
	}
	for _, r := range ranges {
		n = claimed.Sum(n, pools.used.Count(r))
		for a := range pools.used.In(r) {
			if example == "" {
				cl, _ := s.Cache.Claim(etcdschema.AddressClaim(pools.uid, model.Address{Addr: a}))
				example = fmt.Sprintf("%s by %s", a, s.Cache.OwnerName(cl))
			}
			break
		}
	}
	return n, example
}

// status counts the addresses of an accepted pool; nil when it is not in the index.
func (x *poolIndex) status(acc *etcdschema.Accepted) *etcdschema.AddressPoolStatus {
	n := x.counts(acc.Object.Spec.(*model.AddressPoolSpec).NetworkID())
	if n == nil {
		return nil
	}
	i := slices.IndexFunc(n.pools, func(p *addressPool) bool { return p.name == acc.Object.Metadata.Name })
	if i < 0 {
		return nil
	}
	return &etcdschema.AddressPoolStatus{IPv4: n.pools[i].status(false), IPv6: n.pools[i].status(true)}
}

// status are the counts of one family; nil when the pool has no ranges of it.
func (p *addressPool) status(v6 bool) *etcdschema.AddressCount {
	if !p.has(v6) {
		return nil
	}
	size := uint64(0)
	for _, r := range p.gives(v6) {
		size = claimed.Sum(size, r.Size())
	}
	c := p.count(v6)
	out := &etcdschema.AddressCount{Size: size, Used: c.used, Held: c.held, Free: size, Excluded: c.excluded}
	if size < math.MaxUint64 {
		out.Size -= c.reserved
		out.Free = out.Size - c.used - c.held
	}
	return out
}
