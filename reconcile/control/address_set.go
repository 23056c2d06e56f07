package control

import (
	"net/netip"
	"slices"
)

// addressRun is an inclusive range of addresses of one family.
type addressRun struct{ first, last netip.Addr }

// addressSet holds addresses as sorted runs that neither overlap nor touch. The lowest free address of a range is found with a
// binary search, however many addresses the set has. The zero value is empty.
type addressSet struct{ runs []addressRun }

// at is the index of the first run whose end is not below a.
func (s *addressSet) at(a netip.Addr) int {
	i, _ := slices.BinarySearchFunc(s.runs, a, func(r addressRun, a netip.Addr) int { return r.last.Compare(a) })
	return i
}

func (s *addressSet) has(a netip.Addr) bool {
	i := s.at(a)
	return i < len(s.runs) && !a.Less(s.runs[i].first)
}

func (s *addressSet) add(a netip.Addr) {
	i := s.at(a)
	if i < len(s.runs) && !a.Less(s.runs[i].first) {
		return
	}
	left := i > 0 && s.runs[i-1].last.Next() == a
	right := i < len(s.runs) && a.Next() == s.runs[i].first
	switch {
	case left && right:
		s.runs[i-1].last = s.runs[i].last
		s.runs = slices.Delete(s.runs, i, i+1)
	case left:
		s.runs[i-1].last = a
	case right:
		s.runs[i].first = a
	default:
		s.runs = slices.Insert(s.runs, i, addressRun{a, a})
	}
}

func (s *addressSet) remove(a netip.Addr) {
	i := s.at(a)
	if i == len(s.runs) || a.Less(s.runs[i].first) {
		return
	}
	r := s.runs[i]
	switch {
	case r.first == r.last:
		s.runs = slices.Delete(s.runs, i, i+1)
	case r.first == a:
		s.runs[i].first = a.Next()
	case r.last == a:
		s.runs[i].last = a.Prev()
	default:
		s.runs[i].last = a.Prev()
		s.runs = slices.Insert(s.runs, i+1, addressRun{a.Next(), r.last})
	}
}

// free is the lowest address from first to last that is not in the set.
func (s *addressSet) free(first, last netip.Addr) (netip.Addr, bool) {
	if i := s.at(first); i < len(s.runs) && !first.Less(s.runs[i].first) {
		first = s.runs[i].last.Next()
	}
	if !first.IsValid() || last.Less(first) {
		return netip.Addr{}, false
	}
	return first, true
}

// lastFree is the highest address from first to last that is not in the set.
func (s *addressSet) lastFree(first, last netip.Addr) (netip.Addr, bool) {
	if i := s.at(last); i < len(s.runs) && !last.Less(s.runs[i].first) {
		last = s.runs[i].first.Prev()
	}
	if !last.IsValid() || last.Less(first) {
		return netip.Addr{}, false
	}
	return last, true
}

// lastAddr is the highest address of the prefix.
func lastAddr(p netip.Prefix) netip.Addr {
	b := p.Addr().AsSlice()
	for bit := p.Bits(); bit < len(b)*8; bit++ {
		b[bit/8] |= 0x80 >> (bit % 8)
	}
	a, _ := netip.AddrFromSlice(b)
	return a
}
