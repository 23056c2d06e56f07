package claim

import (
	"time"

	"weft/etcdschema"
	"weft/model"
	"weft/reconcile/control/cache"
)

// ObjectKind is what claims know of a kind of intent. A function that is nil does nothing.
type ObjectKind struct {
	// Claims finds out which values the object gets and which claims it needs for that. What it refers to is accepted.
	Claims func(a *Allocation)
	// ComesLater says that others may refer to an object of this kind before it exists.
	ComesLater bool
	// Keep sets what an accepted object has besides its claims. previous may be nil or another incarnation.
	Keep func(r *cache.Reader, s *Settings, previous, next *etcdschema.Accepted)
	// Surplus lists claims of an accepted object that it does not need and that its evaluation does not release.
	Surplus func(r *cache.Reader, acc *etcdschema.Accepted) []etcdschema.Key
	// AddressesOn is the network on which an object of this kind has its addresses. Their subnet must stay as long as it has them.
	AddressesOn func(acc *etcdschema.Accepted) model.ID
	// Constrains says that what an object of this kind refers to must not change so that the object becomes invalid.
	Constrains bool
	// HoldTime is how long objects of this kind want a claim to be held after its release, whoever has it; 0 when none says so.
	HoldTime func(c *cache.Cache, k etcdschema.Key) time.Duration
	// Reported says that any node may report this claim of an object of the kind, so that it is rebuilt from that. nil: no node may.
	Reported func(r etcdschema.ClaimedReport) bool
}
