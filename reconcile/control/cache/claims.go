package cache

import (
	"iter"
	"maps"

	"weft/etcdschema"
	"weft/reconcile/control/claimed"
)

// Addresses are the claimed addresses of a network, by its uid.
func (c *Cache) Addresses(network string) *claimed.Addresses {
	s := c.addresses[network]
	if s == nil {
		s = &claimed.Addresses{}
		c.addresses[network] = s
	}
	return s
}

// Segments are the claimed VLAN ids of a physical network.
func (c *Cache) Segments(physical string) *claimed.Segments {
	s := c.segments[physical]
	if s == nil {
		s = &claimed.Segments{}
		c.segments[physical] = s
	}
	return s
}

// Prefixes are the claimed prefixes of an external network, by its uid. Do not change them.
func (c *Cache) Prefixes(network string) *claimed.Prefixes { return c.prefixes[network] }

// Claim is the claim under the key. ok is false when there is none. A claim that cannot be decoded has no owner.
func (c *Cache) Claim(k etcdschema.Key) (cl etcdschema.Claim, ok bool) {
	e := c.entries[k]
	if e == nil {
		return cl, false
	}
	return claimIn(e), true
}

// claimIn is the claim that an entry holds. One that cannot be decoded has no owner.
func claimIn(e *Entry) etcdschema.Claim {
	if v, is := e.Value.(*etcdschema.Claim); is {
		return *v
	}
	return etcdschema.Claim{State: etcdschema.ClaimBound}
}

// OwnerName names the owner of a claim for people.
func (c *Cache) OwnerName(cl etcdschema.Claim) string {
	if id, ok := c.ID(cl.Owner); ok {
		return id.String()
	}
	if cl.For != "" {
		return cl.For
	}
	return "an object with uid " + cl.Owner
}

// Owned are the claims of an owner, by its uid. Do not change them.
func (c *Cache) Owned(uid string) map[etcdschema.Key]struct{} { return c.owned[uid] }

// Owners are the uids that own claims.
func (c *Cache) Owners() iter.Seq[string] { return maps.Keys(c.owned) }
