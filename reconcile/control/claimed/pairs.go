package claimed

import (
	"iter"
	"maps"
	"net/netip"
	"slices"
)

// Pairs has the blocks of the allowed address pairs on a network, with the uids of the ports that have them. Several ports may have the same
// block. The zero value and a nil value are empty.
type Pairs struct {
	blocks Prefixes
	owners map[netip.Prefix]map[string]struct{}
}

// Change adds a port's block, or removes it.
func (s *Pairs) Change(p netip.Prefix, owner string, add bool) {
	if add {
		if s.owners == nil {
			s.owners = map[netip.Prefix]map[string]struct{}{}
		}
		if s.owners[p] == nil {
			s.owners[p] = map[string]struct{}{}
			s.blocks.Change(p, true)
		}
		s.owners[p][owner] = struct{}{}
		return
	}
	delete(s.owners[p], owner)
	if len(s.owners[p]) == 0 {
		delete(s.owners, p)
		s.blocks.Change(p, false)
	}
}

// Covering are the blocks that contain the address, the widest first, each with its owners in order.
func (s *Pairs) Covering(a netip.Addr) iter.Seq2[netip.Prefix, string] {
	return func(yield func(netip.Prefix, string) bool) {
		if s == nil || len(s.owners) == 0 {
			return
		}
		for _, p := range s.blocks.Overlapping(netip.PrefixFrom(a, a.BitLen())) {
			for _, owner := range slices.Sorted(maps.Keys(s.owners[p])) {
				if !yield(p, owner) {
					return
				}
			}
		}
	}
}

// widest is the range of the widest block that contains the address.
func (s *Pairs) widest(a netip.Addr) (Range, bool) {
	for p := range s.Covering(a) {
		return RangeOf(p), true
	}
	return Range{}, false
}

// RangeOf is the range of all addresses of a prefix.
func RangeOf(p netip.Prefix) Range {
	last := p.Masked().Addr().AsSlice()
	for bit := p.Bits(); bit < 8*len(last); bit++ {
		last[bit/8] |= 0x80 >> (bit % 8)
	}
	end, _ := netip.AddrFromSlice(last)
	return Range{p.Masked().Addr(), end}
}

// Free is the lowest address from first to last that is in neither set.
func Free(used *Addresses, pairs *Pairs, first, last netip.Addr) (netip.Addr, bool) {
	for {
		a, ok := used.Free(first, last)
		if !ok {
			return a, false
		}
		block, covered := pairs.widest(a)
		if !covered {
			return a, true
		}
		if first = block.Last.Next(); !first.IsValid() {
			return netip.Addr{}, false
		}
	}
}

// LastFree is the highest address from first to last that is in neither set.
func LastFree(used *Addresses, pairs *Pairs, first, last netip.Addr) (netip.Addr, bool) {
	for {
		a, ok := used.LastFree(first, last)
		if !ok {
			return a, false
		}
		block, covered := pairs.widest(a)
		if !covered {
			return a, true
		}
		if last = block.First.Prev(); !last.IsValid() {
			return netip.Addr{}, false
		}
	}
}

// Empty says that there are no blocks.
func (s *Pairs) Empty() bool { return s == nil || len(s.owners) == 0 }

// With is a copy that has the blocks too.
func (s *Pairs) With(blocks []netip.Prefix, owner string) *Pairs {
	out := &Pairs{}
	if s != nil {
		out.blocks.sorted = slices.Clone(s.blocks.sorted)
		out.owners = maps.Clone(s.owners)
	}
	for _, p := range blocks {
		if _, has := out.owners[p]; !has {
			out.Change(p, owner, true)
		}
	}
	return out
}
