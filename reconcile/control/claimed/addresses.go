// Package claimed has sets of values that are claimed. They find the values that are still free.
package claimed

import (
	"net/netip"
	"slices"
)

// Addresses holds addresses as sorted runs that neither overlap nor touch. The lowest free address of a range is found with a
// binary search, however many addresses the set has. The zero value is empty.
type Addresses struct{ runs []Range }

// at is the index of the first run whose end is not below a.
func (s *Addresses) at(a netip.Addr) int {
	i, _ := slices.BinarySearchFunc(s.runs, a, func(r Range, a netip.Addr) int { return r.Last.Compare(a) })
	return i
}

func (s *Addresses) has(a netip.Addr) bool {
	i := s.at(a)
	return i < len(s.runs) && !a.Less(s.runs[i].First)
}

// Change adds an address, or removes it.
func (s *Addresses) Change(a netip.Addr, add bool) {
	if add {
		s.add(a)
	} else {
		s.remove(a)
	}
}

func (s *Addresses) add(a netip.Addr) {
	i := s.at(a)
	if i < len(s.runs) && !a.Less(s.runs[i].First) {
		return
	}
	left := i > 0 && s.runs[i-1].Last.Next() == a
	right := i < len(s.runs) && a.Next() == s.runs[i].First
	switch {
	case left && right:
		s.runs[i-1].Last = s.runs[i].Last
		s.runs = slices.Delete(s.runs, i, i+1)
	case left:
		s.runs[i-1].Last = a
	case right:
		s.runs[i].First = a
	default:
		s.runs = slices.Insert(s.runs, i, Range{a, a})
	}
}

func (s *Addresses) remove(a netip.Addr) {
	i := s.at(a)
	if i == len(s.runs) || a.Less(s.runs[i].First) {
		return
	}
	r := s.runs[i]
	switch {
	case r.First == r.Last:
		s.runs = slices.Delete(s.runs, i, i+1)
	case r.First == a:
		s.runs[i].First = a.Next()
	case r.Last == a:
		s.runs[i].Last = a.Prev()
	default:
		s.runs[i].Last = a.Prev()
		s.runs = slices.Insert(s.runs, i+1, Range{a.Next(), r.Last})
	}
}

// Free is the lowest address from first to last that is not in the set.
func (s *Addresses) Free(first, last netip.Addr) (netip.Addr, bool) {
	if i := s.at(first); i < len(s.runs) && !first.Less(s.runs[i].First) {
		first = s.runs[i].Last.Next()
	}
	if !first.IsValid() || last.Less(first) {
		return netip.Addr{}, false
	}
	return first, true
}

// LastFree is the highest address from first to last that is not in the set.
func (s *Addresses) LastFree(first, last netip.Addr) (netip.Addr, bool) {
	if i := s.at(last); i < len(s.runs) && !last.Less(s.runs[i].First) {
		last = s.runs[i].First.Prev()
	}
	if !last.IsValid() || last.Less(first) {
		return netip.Addr{}, false
	}
	return last, true
}
