package cache

import (
	"maps"
	"slices"

	"weft/etcdschema"
	"weft/model"
	"weft/reconcile/control/claimed"
)

const (
	readPairs   Source = "pairs"    // network's uid → the claims of its allowed address pairs
	readPairUse Source = "pair-use" // port's uid → the claims of addresses in its allowed address pairs
)

// Pairs are the allowed address pairs on a network, by its uid; nil for none. Do not change them.
func (c *Cache) Pairs(network string) *claimed.Pairs { return c.pairs[network] }

// PairMACOwners are the uids of the ports whose allowed address pairs have the MAC, in order.
func (c *Cache) PairMACOwners(m model.MAC) []string {
	return slices.Sorted(maps.Keys(c.pairMACs[m]))
}

// Pairs are the allowed address pairs on a network, by its uid; nil for none. Do not change them.
func (s *Reader) Pairs(network string) *claimed.Pairs {
	s.Note(Read{Of: readPairs, Name: network})
	return s.Cache.Pairs(network)
}

// PairUse records the claims of addresses in the allowed address pairs of a port.
func (s *Reader) PairUse(port string) { s.Note(Read{Of: readPairUse, Name: port}) }

// indexPair adds the claim of an allowed address pair, or removes it.
func (c *Cache) indexPair(k etcdschema.Key, add bool) {
	if network, block, port, ok := etcdschema.ParseAddressPairClaim(k); ok {
		if c.pairs[network] == nil {
			c.pairs[network] = &claimed.Pairs{}
		}
		if c.pairs[network].Change(block, port, add); c.pairs[network].Empty() {
			delete(c.pairs, network)
		}
		return
	}
	if m, port, ok := etcdschema.ParsePairMACClaim(k); ok {
		c.pairMACs.change(m, port, add)
	}
}

// pairsChanged reports a changed claim to those who have read allowed address pairs, or the addresses in them.
func (c *Cache) pairsChanged(k etcdschema.Key) {
	if network, _, _, ok := etcdschema.ParseAddressPairClaim(k); ok {
		c.record.changed(Read{Of: readPairs, Name: network})
		return
	}
	network, a, ok := etcdschema.ParseAddressClaim(k)
	if !ok {
		return
	}
	for _, port := range c.Pairs(network).Covering(a.Addr) {
		c.record.changed(Read{Of: readPairUse, Name: port})
	}
}
