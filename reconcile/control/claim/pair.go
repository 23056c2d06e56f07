package claim

import (
	"fmt"
	"net/netip"

	"weft/etcdschema"
	"weft/model"
	"weft/reconcile/control/cache"
	"weft/reconcile/control/claimed"
)

// RequestPair claims a block of allowed address pairs for a port, unless another owner has an address of it. Ports of one network may have
// the same block, and blocks that overlap. field is the path of the block in the object.
func (a *Allocation) RequestPair(field string, network *etcdschema.Accepted, block model.AddressBlock) {
	a.pairs = append(a.pairs, block.Prefix)
	if k, cl, taken := a.addressIn(network.UID, block.Prefix); taken {
		_, addr, _ := etcdschema.ParseAddressClaim(k)
		what := "address " + addr.String()
		if !block.IsSingleIP() {
			what = fmt.Sprintf("%s of %s", what, block)
		}
		a.refuse(field, k, cl, what, "belongs to")
		return
	}
	a.Want(etcdschema.AddressPairClaim(network.UID, block.Prefix, a.UID))
}

// addressIn finds an address of the block that another owner has claimed.
func (a *Allocation) addressIn(network string, block netip.Prefix) (etcdschema.Key, etcdschema.Claim, bool) {
	for addr := range a.Cache.Addresses(network).In(claimed.RangeOf(block)) {
		k := etcdschema.AddressClaim(network, model.Address{Addr: addr})
		if cl, blocked := a.Conflict(k); blocked {
			return k, cl, true
		}
	}
	return etcdschema.Key{}, etcdschema.Claim{}, false
}

// RequestPairMAC claims a MAC for allowed address pairs of a port, unless it is the port's own. Other ports may have it in pairs too, but
// not as their own.
func (a *Allocation) RequestPairMAC(field string, m model.MAC) {
	if m.IsZero() || m == a.Result.MAC {
		return
	}
	k := etcdschema.MACClaim(m)
	if cl, blocked := a.Conflict(k); blocked {
		a.refuse(field, k, cl, "MAC "+m.String(), "belongs to")
		return
	}
	a.Want(etcdschema.PairMACClaim(m, a.UID))
}

// mine says that the object has the claim.
func (a *Allocation) mine(k etcdschema.Key) bool {
	cl, ok := a.Cache.Claim(k)
	return ok && cl.Owner == a.UID
}

// pairConflict finds the claim of another port's allowed address pair that has the address or MAC of the key. A port that has the pair comes
// before one that has released it. Who has the value already keeps it.
func (a *Allocation) pairConflict(k etcdschema.Key) (pair etcdschema.Key, cl etcdschema.Claim, blocked bool) {
	if a.mine(k) {
		return pair, cl, false
	}
	for _, other := range a.pairsWith(k) {
		if c, is := a.Conflict(other); is && (!blocked || c.State == etcdschema.ClaimBound) {
			pair, cl, blocked = other, c, true
			if c.State == etcdschema.ClaimBound {
				break
			}
		}
	}
	return pair, cl, blocked
}

// pairsWith are the claims of allowed address pairs that have the address or MAC of the key.
func (a *Allocation) pairsWith(k etcdschema.Key) (list []etcdschema.Key) {
	if network, addr, ok := etcdschema.ParseAddressClaim(k); ok {
		for block, owner := range a.Cache.Pairs(network).Covering(addr.Addr) {
			list = append(list, etcdschema.AddressPairClaim(network, block, owner))
		}
	}
	if m, ok := etcdschema.ParseMACClaim(k); ok {
		for _, owner := range a.Cache.PairMACOwners(m) {
			list = append(list, etcdschema.PairMACClaim(m, owner))
		}
	}
	return list
}

// firstFree is the lowest address from first to last that nobody has, and that is in no allowed address pair.
func (a *Allocation) firstFree(network string, first, last netip.Addr) (netip.Addr, bool) {
	pairs := a.Cache.Pairs(network)
	if len(a.pairs) > 0 {
		pairs = pairs.With(a.pairs, a.UID)
	}
	return claimed.Free(a.Cache.Addresses(network), pairs, first, last)
}

// TakenOf finds an address of a port's block that belongs to another object, and names this one for people. A released address belongs to
// nobody.
func TakenOf(c *cache.Cache, network string, block model.AddressBlock, port string) (addr netip.Addr, owner string, taken bool) {
	for addr := range c.Addresses(network).In(claimed.RangeOf(block.Prefix)) {
		cl, _ := c.Claim(etcdschema.AddressClaim(network, model.Address{Addr: addr}))
		if cl.Owner != port && cl.State == etcdschema.ClaimBound {
			return addr, c.OwnerName(cl), true
		}
	}
	return netip.Addr{}, "", false
}
