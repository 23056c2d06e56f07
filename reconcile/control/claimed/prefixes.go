package claimed

import (
	"net/netip"
	"slices"
)

// Prefixes has prefixes in the order of their address, then of their length. They may contain each other. The zero value is empty.
type Prefixes struct{ sorted []netip.Prefix }

func comparePrefixes(a, b netip.Prefix) int {
	if n := a.Addr().Compare(b.Addr()); n != 0 {
		return n
	}
	return a.Bits() - b.Bits()
}

// Change adds a prefix, or removes it.
func (s *Prefixes) Change(p netip.Prefix, add bool) {
	i, has := slices.BinarySearchFunc(s.sorted, p, comparePrefixes)
	switch {
	case add && !has:
		s.sorted = slices.Insert(s.sorted, i, p)
	case !add && has:
		s.sorted = slices.Delete(s.sorted, i, i+1)
	}
}

// Overlapping lists the prefixes that contain p or are contained in it, p included. A nil set has none. Its cost is one search for each length shorter
// than p, and the number of prefixes found.
func (s *Prefixes) Overlapping(p netip.Prefix) []netip.Prefix {
	if s == nil {
		return nil
	}
	p = p.Masked()
	var out []netip.Prefix
	for bits := range p.Bits() {
		wider := netip.PrefixFrom(p.Addr(), bits).Masked()
		if _, has := slices.BinarySearchFunc(s.sorted, wider, comparePrefixes); has {
			out = append(out, wider)
		}
	}
	i, _ := slices.BinarySearchFunc(s.sorted, p, comparePrefixes)
	for ; i < len(s.sorted) && p.Contains(s.sorted[i].Addr()); i++ {
		out = append(out, s.sorted[i])
	}
	return out
}
