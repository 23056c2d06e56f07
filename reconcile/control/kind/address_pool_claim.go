package kind

import (
	"fmt"
	"slices"

	"weft/etcdschema"
	"weft/model"
	"weft/reconcile/control/cache"
	"weft/reconcile/control/claim"
	"weft/reconcile/control/claimed"
)

// claimAddressPool decides whether a pool can be as it is declared: its addresses are no other pool's, and what it gives up is not in
// use.
func claimAddressPool(a *claim.Allocation, s *model.AddressPoolSpec) {
	network := a.Accepted(s.NetworkID())
	if network == nil {
		return // reported with the references
	}
	a.Note(cache.Read{Of: poolUse, Name: a.ID.Name}) // the status has the counts
	refuseSharedRanges(a, s)
	keepUsedRanges(a, s)
	if addsRanges(a.Previous, s) {
		a.Guard(etcdschema.AddressPoolGuard(network.UID), claim.Claimant{UID: network.UID, ID: network.Object.ID()})
	}
}

// refuseSharedRanges refuses ranges that overlap those of another pool of the network. The pool that was accepted first keeps them.
func refuseSharedRanges(a *claim.Allocation, s *model.AddressPoolSpec) {
	pools := poolsIn(a.Cache).of(s.NetworkID())
	if pools == nil {
		return
	}
	for i, r := range rangesOf(s.Ranges) {
		for _, o := range pools.overlapping(r) {
			if o.pool.name == a.ID.Name {
				continue
			}
			a.Members(poolsOf(s.NetworkID()), "")
			a.Invalid(fmt.Sprintf("spec.ranges[%d]", i), fmt.Sprintf("%s to %s overlaps %s to %s of %s: an address belongs to one pool; use others, or change that one first",
				r.First, r.Last, o.First, o.Last, addressPoolID(o.pool.name)))
			break
		}
	}
}

// overlapping are the ranges of pools that have an address in common with the range.
func (n *networkPools) overlapping(r claimed.Range) []poolRange {
	all := n.all()
	i, _ := slices.BinarySearchFunc(all, r, func(o poolRange, r claimed.Range) int { return o.Last.Compare(r.First) })
	j := i
	for j < len(all) && !r.Last.Less(all[j].First) {
		j++
	}
	return all[i:j]
}

// keepUsedRanges makes the pool wait while addresses are in use that it would not have any more, also those of an earlier incarnation.
func keepUsedRanges(a *claim.Allocation, s *model.AddressPoolSpec) {
	old := poolBefore(a.Previous)
	if old == nil {
		return
	}
	gone, field := rangesOf(old.Ranges), "spec.network"
	if old.NetworkID() == s.NetworkID() {
		gone, field = claimed.Without(gone, rangesOf(s.Ranges)), "spec.ranges"
	}
	n, example := usedIn(a.Reader, old.NetworkID(), gone)
	if n == 0 {
		return
	}
	a.Pending(field, fmt.Sprintf("takes addresses away, and %s: the pool stays as it was until they are released; put them into spec.exclude, "+
		"or set spec.drain, so that no more of them are given", inUse(n, example)))
}

// excludedOn are the addresses that the network's address pools exclude.
func excludedOn(s *cache.Reader, network model.ID) (out []claimed.Range) {
	s.Members(excludesOf(network), "")
	pools := poolsIn(s.Cache).of(network)
	if pools == nil {
		return nil
	}
	for _, p := range pools.pools {
		out = append(out, claimed.Without(rangesOf(p.spec.Ranges), p.give)...)
	}
	return out
}

// addsRanges says that the pool has addresses that it did not have before.
func addsRanges(previous *etcdschema.Accepted, s *model.AddressPoolSpec) bool {
	old := poolBefore(previous)
	return old == nil || old.NetworkID() != s.NetworkID() || len(claimed.Without(rangesOf(s.Ranges), rangesOf(old.Ranges))) > 0
}

// poolBefore is the spec of an accepted pool; nil when there is none, or the record is of another kind.
func poolBefore(acc *etcdschema.Accepted) *model.AddressPoolSpec {
	if acc == nil {
		return nil
	}
	s, _ := acc.Object.Spec.(*model.AddressPoolSpec)
	return s
}
