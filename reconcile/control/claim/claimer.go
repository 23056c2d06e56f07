package claim

import (
	"slices"
	"strings"
	"time"

	"weft/etcdschema"
	"weft/model"
	"weft/reconcile/control/cache"
)

// Claimer accepts objects: it makes the claims that an object needs, and writes what was accepted. Every transaction of it is guarded by
// compares, so any replica may commit it, whoever leads.
type Claimer struct {
	Cache    *cache.Cache
	Kinds    map[model.Kind]ObjectKind
	Settings *Settings
	Spread   bool             // after a lost race: choose values at random, to avoid another one
	Later    func(cache.Work) // takes what has no room in the transaction
}

// ReleaseSurplus releases claims of an accepted object that it does not need any more. It has a transaction of its own, because both
// sets of claims would not fit into one.
func (c *Claimer) ReleaseSurplus(tx *cache.Transaction, r *cache.Reader, acc *etcdschema.Accepted) error {
	surplus := c.Kinds[acc.Object.Spec.Kind()].Surplus
	if surplus == nil {
		return nil
	}
	gone := surplus(r, acc)
	if len(gone) == 0 {
		return nil
	}
	tx.Require(etcdschema.AcceptedKey(acc.Object.ID()))
	return c.releaseKeys(tx, gone)
}

// ReleaseOwner releases the claims of an owner that is not accepted.
func (c *Claimer) ReleaseOwner(tx *cache.Transaction, uid string) error {
	var keys []etcdschema.Key
	for k := range c.Cache.Owned(uid) {
		keys = append(keys, k)
	}
	return c.releaseSome(tx, keys, cache.OrphanWork(uid))
}

// releaseShare bounds the claims that one transaction releases. The largest object has 65 claims (a network of model.MaxSubnets),
// and all of them may be new in the same transaction.
const releaseShare = 24

// releaseSome releases as many claims as one transaction has room for. The others are left to the work rest.
func (c *Claimer) releaseSome(tx *cache.Transaction, keys []etcdschema.Key, rest cache.Work) error {
	keys = slices.DeleteFunc(keys, func(k etcdschema.Key) bool {
		cl, ok := c.Cache.Claim(k)
		return !ok || cl.State == etcdschema.ClaimHeld
	})
	if len(keys) > releaseShare {
		slices.SortFunc(keys, etcdschema.Key.Compare)
		keys = keys[:releaseShare]
		c.Later(rest)
	}
	return c.releaseKeys(tx, keys)
}

// releaseKeys releases claims. An address, MAC, segment or prefix is held for a while, so that traffic of senders that still use or
// cache it does not reach a new owner. Other claims are deleted at once.
func (c *Claimer) releaseKeys(tx *cache.Transaction, keys []etcdschema.Key) error {
	for _, k := range keys {
		cl, ok := c.Cache.Claim(k)
		switch {
		case !ok || cl.State == etcdschema.ClaimHeld:
		case isHeldSpace(k):
			cl.State, cl.Since = etcdschema.ClaimHeld, c.Settings.now()
			if err := tx.PutHeld(k, cl, c.holdTime(k)); err != nil {
				return err
			}
		default:
			tx.Remove(k, true)
		}
	}
	return nil
}

// holdTime is how long a released claim is held; 0 when no kind says it, which stands for the controllers' own time.
func (c *Claimer) holdTime(k etcdschema.Key) time.Duration {
	for _, kind := range c.Kinds {
		if kind.HoldTime == nil {
			continue
		}
		if d := kind.HoldTime(c.Cache, k); d != 0 {
			return d
		}
	}
	return 0
}

// choice is the number of free values from which one is chosen at random. Normally it is 1, the lowest value. After a lost race it
// is larger.
func (c *Claimer) choice() int {
	if c.Spread {
		return 64
	}
	return 1
}

func isHeldSpace(k etcdschema.Key) bool {
	switch SpaceOf(k) {
	case "address", "mac", "segment", prefixSpace, "address-pair", "pair-mac":
		return true
	}
	return false
}

// SpaceOf is the claim space of a claim key ("address").
func SpaceOf(k etcdschema.Key) string {
	parts := strings.SplitN(k.String(), "/", 3)
	if len(parts) < 3 {
		return ""
	}
	return parts[1]
}

// prefixSpace is the claim space of routed prefixes.
const prefixSpace = "prefix"
