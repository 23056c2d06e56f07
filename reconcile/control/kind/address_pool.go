package kind

import (
	"fmt"

	"weft/etcdschema"
	"weft/model"
	"weft/reconcile/control/cache"
	"weft/reconcile/control/claim"
)

// addressPoolKind: an address pool is on no node. Ports take addresses of it. It claims nothing itself, because the claims of addresses are
// the network's and its ports'.
func addressPoolKind() ObjectKind {
	return ObjectKind{
		Cache: cache.ObjectKind{KindInfo: model.AddressPoolKind(), NewIndex: newPoolIndex, Groups: poolGroups},
		Claim: claim.ObjectKind{
			Claims:     func(a *claim.Allocation) { claimAddressPool(a, a.Object().Spec.(*model.AddressPoolSpec)) },
			Constrains: true,
			HoldTime:   poolHoldTime,
		},
		InUse:  poolInUse,
		Status: poolStatus,
	}
}

const (
	// poolUse: an address pool's name → the claims of its addresses.
	poolUse cache.Source = "address-pool-use"
	// poolFree: an address pool's name → whether an address of it may be claimed.
	poolFree cache.Source = "address-pool-free"
)

// poolsOf is the group of a network's address pools with what they are. excludesOf has what they exclude.
func poolsOf(network model.ID) cache.Source {
	return cache.Source("address-pools of " + network.String())
}
func excludesOf(network model.ID) cache.Source {
	return cache.Source("address-pool-excludes of " + network.String())
}

// poolGroups: a member is the name of a pool and all that it is, so that the group changes with it.
func poolGroups(acc *etcdschema.Accepted, in func(of cache.Source, member string)) {
	s := acc.Object.Spec.(*model.AddressPoolSpec)
	spec, _ := etcdschema.Encode(s) // a spec that was decoded can be encoded
	in(poolsOf(s.NetworkID()), acc.Object.Metadata.Name+" "+string(spec))
	for _, x := range s.Exclude {
		in(excludesOf(s.NetworkID()), x.String())
	}
}

// addressPoolID is the ID of an address pool.
func addressPoolID(name string) model.ID {
	return model.ID{Project: model.ClusterProject, Kind: model.KindAddressPool, Name: name}
}

// poolInUse says what still uses the addresses of a pool that is to be deleted; empty when nothing does.
func poolInUse(s *cache.Reader, acc *etcdschema.Accepted) string {
	spec := poolBefore(acc)
	if spec == nil {
		return ""
	}
	s.Note(cache.Read{Of: poolUse, Name: acc.Object.Metadata.Name})
	n, example := usedIn(s, spec.NetworkID(), rangesOf(spec.Ranges))
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("is deleted and gives nothing any more, but %s: it goes when they are released", inUse(n, example))
}

// inUse is "12 of its addresses are in use, for example 10.0.0.5 by Port alpha/web".
func inUse(n uint64, example string) string {
	if n == 1 {
		return "1 of its addresses is in use, " + example
	}
	return fmt.Sprintf("%d of its addresses are in use, for example %s", n, example)
}

// poolStatus adds the counts to a pool's status, and says how far a pool is that is drained.
func poolStatus(c *cache.Cache, acc *etcdschema.Accepted, s *etcdschema.Status) {
	spec := acc.Object.Spec.(*model.AddressPoolSpec)
	s.AddressPool = poolsIn(c).status(acc)
	if !spec.Drain || s.Phase != etcdschema.PhaseAccepted {
		return
	}
	text := "is set: nothing uses the pool any more, it can be deleted"
	if n, example := usedIn(c.Reader(), spec.NetworkID(), rangesOf(spec.Ranges)); n > 0 {
		text = "is set: nothing is given any more, and " + inUse(n, example)
	}
	s.Reasons = append(s.Reasons, etcdschema.Reason{Field: "spec.drain", Message: text})
}
