package claim

import (
	"fmt"
	"maps"
	"slices"

	"weft/etcdschema"
	"weft/model"
)

// macTries bounds the search for a free MAC. There are 2^24 values behind a prefix. Even with 100,000 ports only one try in 170
// meets a MAC that is taken.
const macTries = 64

// ChooseMAC keeps the MAC the object has, or takes a free one.
func (a *Allocation) ChooseMAC() bool {
	if a.Previous != nil && !a.Previous.Allocated.MAC.IsZero() && a.Keeps(etcdschema.MACClaim(a.Previous.Allocated.MAC)) {
		a.Result.MAC = a.Previous.Allocated.MAC
		a.Want(etcdschema.MACClaim(a.Result.MAC))
		return true
	}
	for range macTries {
		v := a.Claimer.Settings.Random()
		p := a.Claimer.Settings.MACPrefix
		m := model.MAC{p[0], p[1], p[2], byte(v >> 16), byte(v >> 8), byte(v)}
		if k := etcdschema.MACClaim(m); a.Unclaimed(k) {
			a.Result.MAC = m
			a.Want(k)
			return true
		}
	}
	return false
}

// OwnMAC chooses the MAC of a host or router: the one it has, one that it released a short while ago, or a free one.
func (a *Allocation) OwnMAC() bool {
	if a.Previous == nil || a.Previous.Allocated.MAC.IsZero() {
		a.previousMAC()
	}
	return !a.Result.MAC.IsZero() || a.ChooseMAC()
}

// previousMAC takes back a MAC that was released a short while ago.
func (a *Allocation) previousMAC() {
	for _, k := range slices.SortedFunc(maps.Keys(a.Owned(a.UID)), etcdschema.Key.Compare) {
		if m, ok := etcdschema.ParseMACClaim(k); ok {
			a.Result.MAC = m
			a.Want(k)
			return
		}
	}
}

// NoFreeMAC says for people that chooseMAC found none.
func (a *Allocation) NoFreeMAC() string {
	return fmt.Sprintf("no free MAC was found with prefix %x after %d tries", a.Claimer.Settings.MACPrefix, macTries)
}
