package claimed

import (
	"encoding/binary"
	"iter"
	"math"
	"math/bits"
	"net/netip"
	"slices"
)

// Range is an inclusive range of addresses of one family.
type Range struct{ First, Last netip.Addr }

// Contains says that the address is in the range.
func (r Range) Contains(a netip.Addr) bool {
	return a.Is4() == r.First.Is4() && !a.Less(r.First) && !r.Last.Less(a)
}

// Size is the number of addresses in the range, at most math.MaxUint64.
func (r Range) Size() uint64 {
	first, last := r.First.As16(), r.Last.As16()
	low, borrow := bits.Sub64(binary.BigEndian.Uint64(last[8:]), binary.BigEndian.Uint64(first[8:]), 0)
	high, _ := bits.Sub64(binary.BigEndian.Uint64(last[:8]), binary.BigEndian.Uint64(first[:8]), borrow)
	if high > 0 || low == math.MaxUint64 {
		return math.MaxUint64
	}
	return low + 1
}

// Sum adds numbers of addresses. It stays at math.MaxUint64.
func Sum(a, b uint64) uint64 {
	if s, carry := bits.Add64(a, b, 0); carry == 0 {
		return s
	}
	return math.MaxUint64
}

// Without is what is left of the ranges when the others are taken out, in ascending order. The ranges must not overlap each other; the
// others may.
func Without(ranges, others []Range) []Range {
	others = slices.SortedFunc(slices.Values(others), compare)
	var left []Range
	for _, r := range slices.SortedFunc(slices.Values(ranges), compare) {
		for _, o := range others {
			if o.Last.Less(r.First) {
				continue
			}
			if !r.First.IsValid() || r.Last.Less(o.First) {
				break
			}
			if r.First.Less(o.First) {
				left = append(left, Range{r.First, o.First.Prev()})
			}
			r.First = o.Last.Next()
		}
		if r.First.IsValid() && !r.Last.Less(r.First) {
			left = append(left, r)
		}
	}
	return left
}

func compare(a, b Range) int { return a.First.Compare(b.First) }

// within are the parts of the set's runs that are in the range, in ascending order.
func (s *Addresses) within(r Range) iter.Seq[Range] {
	return func(yield func(Range) bool) {
		for i := s.at(r.First); i < len(s.runs) && !r.Last.Less(s.runs[i].First); i++ {
			part := s.runs[i]
			if part.First.Less(r.First) {
				part.First = r.First
			}
			if r.Last.Less(part.Last) {
				part.Last = r.Last
			}
			if !yield(part) {
				return
			}
		}
	}
}

// In are the addresses of the set that are in the range, in ascending order.
func (s *Addresses) In(r Range) iter.Seq[netip.Addr] {
	return func(yield func(netip.Addr) bool) {
		for part := range s.within(r) {
			for a := part.First; ; a = a.Next() {
				if !yield(a) {
					return
				}
				if a == part.Last {
					break
				}
			}
		}
	}
}

// Count is the number of addresses of the set that are in the range.
func (s *Addresses) Count(r Range) uint64 {
	n := uint64(0)
	for part := range s.within(r) {
		n = Sum(n, part.Size())
	}
	return n
}
