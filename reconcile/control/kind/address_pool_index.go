package kind

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"weft/etcdschema"
	"weft/model"
	"weft/reconcile/control/cache"
	"weft/reconcile/control/claimed"
)

// poolIndex has the address pools of each network, and counts their addresses. A claim that comes or goes changes one counter. The claims
// of a network are only looked at again after one of its pools has changed, or the network itself, and only when somebody asks.
type poolIndex struct {
	cache    *cache.Cache
	networks map[model.ID]*networkPools
	counted  map[string]*networkPools // by the uid of the network whose claims are counted
}

func newPoolIndex(c *cache.Cache) cache.Index {
	return &poolIndex{cache: c, networks: map[model.ID]*networkPools{}, counted: map[string]*networkPools{}}
}

// poolsIn finds the index in the cache.
func poolsIn(c *cache.Cache) *poolIndex { return c.Index(model.KindAddressPool).(*poolIndex) }

// networkPools are the address pools of one network.
type networkPools struct {
	pools  []*addressPool // the higher priority first, then by name
	ranges []poolRange    // those of all pools, ascending; nil until somebody asks
	uid    string         // of the network whose claims are counted; empty while none are
	used   claimed.Addresses
}

// poolRange is one range of a pool. Ranges of two accepted pools do not overlap.
type poolRange struct {
	claimed.Range
	pool *addressPool
}

// addressPool is one accepted pool.
type addressPool struct {
	name   string
	spec   *model.AddressPoolSpec
	give   []claimed.Range // the ranges without what is excluded, ascending
	v4, v6 poolCount
}

// poolCount counts the claims of a pool's addresses of one family. Those of the network itself are reserved.
type poolCount struct{ used, held, reserved, excluded uint64 }

func rangesOf(list []model.PoolRange) []claimed.Range {
	out := make([]claimed.Range, len(list))
	for i, r := range list {
		out[i] = claimed.Range{First: r.Start.Addr, Last: r.End.Addr}
	}
	return out
}

// Change adds a pool, or removes it.
func (x *poolIndex) Change(acc *etcdschema.Accepted, add bool) {
	spec, name := acc.Object.Spec.(*model.AddressPoolSpec), acc.Object.Metadata.Name
	id := spec.NetworkID()
	n := x.networks[id]
	if n == nil {
		n = &networkPools{}
		x.networks[id] = n
	}
	delete(x.counted, n.uid)
	n.uid, n.ranges = "", nil
	n.pools = slices.DeleteFunc(n.pools, func(p *addressPool) bool { return p.name == name })
	if add {
		n.add(newAddressPool(name, spec))
	}
	if len(n.pools) == 0 {
		delete(x.networks, id)
	}
}

func newAddressPool(name string, spec *model.AddressPoolSpec) *addressPool {
	excluded := make([]claimed.Range, len(spec.Exclude))
	for i, e := range spec.Exclude {
		excluded[i] = claimed.Range{First: e.First.Addr, Last: e.Last.Addr}
	}
	return &addressPool{name: name, spec: spec, give: claimed.Without(rangesOf(spec.Ranges), excluded)}
}

// add inserts a pool at its place.
func (n *networkPools) add(p *addressPool) {
	at, _ := slices.BinarySearchFunc(n.pools, p, func(a, b *addressPool) int {
		if a.spec.Priority != b.spec.Priority {
			return b.spec.Priority - a.spec.Priority
		}
		return strings.Compare(a.name, b.name)
	})
	n.pools = slices.Insert(n.pools, at, p)
}

// all are the ranges of all pools, ascending.
func (n *networkPools) all() []poolRange {
	if n.ranges == nil {
		for _, p := range n.pools {
			for _, r := range rangesOf(p.spec.Ranges) {
				n.ranges = append(n.ranges, poolRange{r, p})
			}
		}
		slices.SortFunc(n.ranges, func(a, b poolRange) int { return a.First.Compare(b.First) })
	}
	return n.ranges
}

// at is the pool that has the address, nil for none.
func (n *networkPools) at(a netip.Addr) *addressPool {
	if n == nil {
		return nil
	}
	all := n.all()
	i, found := slices.BinarySearchFunc(all, a, func(r poolRange, a netip.Addr) int { return r.First.Compare(a) })
	if !found {
		i--
	}
	if i < 0 || !all[i].Contains(a) {
		return nil
	}
	return all[i].pool
}

// excludes says that the address, which is the pool's, is excluded.
func (p *addressPool) excludes(a netip.Addr) bool {
	i, found := slices.BinarySearchFunc(p.give, a, func(r claimed.Range, a netip.Addr) int { return r.First.Compare(a) })
	if !found {
		i--
	}
	return i < 0 || !p.give[i].Contains(a)
}

func (p *addressPool) count(v6 bool) *poolCount {
	if v6 {
		return &p.v6
	}
	return &p.v4
}

// gives are the ranges of one family that the pool has to give.
func (p *addressPool) gives(v6 bool) []claimed.Range {
	return slices.DeleteFunc(slices.Clone(p.give), func(r claimed.Range) bool { return r.First.Is6() != v6 })
}

// has says that the pool has ranges of the family.
func (p *addressPool) has(v6 bool) bool {
	return slices.ContainsFunc(p.spec.Ranges, func(r model.PoolRange) bool { return r.Start.Is6() == v6 })
}

// of finds the pools of a network; nil for none.
func (x *poolIndex) of(network model.ID) *networkPools { return x.networks[network] }

// poolOf finds the pool of an address by the claim of the address; nil for none.
func (x *poolIndex) poolOf(k etcdschema.Key) *addressPool {
	if len(x.networks) == 0 {
		return nil
	}
	uid, a, ok := etcdschema.ParseAddressClaim(k)
	if !ok {
		return nil
	}
	id, _ := x.cache.ID(uid)
	return x.networks[id].at(a.Addr)
}

// ChangeClaim counts a claim.
func (x *poolIndex) ChangeClaim(k etcdschema.Key, cl etcdschema.Claim, add bool) {
	if len(x.counted) == 0 {
		return
	}
	uid, a, ok := etcdschema.ParseAddressClaim(k)
	n := x.counted[uid]
	if !ok || n == nil || k != etcdschema.AddressClaim(uid, a) { // another spelling of an address is nobody's claim
		return
	}
	if p := n.at(a.Addr); p != nil {
		n.tally(p, a.Addr, cl, add)
	}
}

// tally counts a claim of one of the pool's addresses.
func (n *networkPools) tally(p *addressPool, a netip.Addr, cl etcdschema.Claim, add bool) {
	c := p.count(a.Is6())
	one := &c.used
	switch excluded := p.excludes(a); {
	case cl.Owner == n.uid && !excluded:
		one = &c.reserved
	case cl.Owner == n.uid, cl.State == etcdschema.ClaimHeld && excluded:
		return
	case cl.State == etcdschema.ClaimHeld:
		one = &c.held
	case excluded:
		one = &c.excluded
	}
	if one == &c.used || one == &c.excluded {
		n.used.Change(a, add)
	}
	if add {
		*one++
	} else {
		*one--
	}
}

// counts brings the counters of a network's pools up to date. They are those of the network as it is accepted now.
func (x *poolIndex) counts(id model.ID) *networkPools {
	n, network := x.networks[id], x.cache.Accepted(id)
	if n == nil || network == nil || n.uid == network.UID {
		return n
	}
	delete(x.counted, n.uid)
	n.uid, n.used = network.UID, claimed.Addresses{}
	x.counted[n.uid] = n
	for _, p := range n.pools {
		p.v4, p.v6 = poolCount{}, poolCount{}
	}
	for _, r := range n.all() {
		for a := range x.cache.Addresses(n.uid).In(r.Range) {
			if cl, ok := x.cache.Claim(etcdschema.AddressClaim(n.uid, model.Address{Addr: a})); ok {
				n.tally(r.pool, a, cl, true)
			}
		}
	}
	return n
}

// Changed reports nothing: readers of pools read their groups.
func (*poolIndex) Changed(_, _ *etcdschema.Accepted, _ func(cache.Read)) {}

// ClaimChanged reports the pool whose address is concerned.
func (x *poolIndex) ClaimChanged(k etcdschema.Key, _ string, _ bool, report func(cache.Read)) {
	if p := x.poolOf(k); p != nil {
		report(cache.Read{Of: poolUse, Name: p.name})
	}
}

// Freed reports the pool that has an address to give again.
func (x *poolIndex) Freed(k etcdschema.Key, report func(cache.Read)) {
	if p := x.poolOf(k); p != nil {
		report(cache.Read{Of: poolFree, Name: p.name})
	}
}

// poolHoldTime is how long the pool of an address wants it to be held; 0 for the controllers' own time.
func poolHoldTime(c *cache.Cache, k etcdschema.Key) time.Duration {
	if p := poolsIn(c).poolOf(k); p != nil {
		return p.spec.HoldTime.Duration
	}
	return 0
}
