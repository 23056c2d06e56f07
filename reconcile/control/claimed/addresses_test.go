package claimed

import (
	"net/netip"
	"testing"
)

func TestAddressSetFindsTheLowestFree(t *testing.T) {
	t.Parallel()
	var s Addresses
	at := func(n int) netip.Addr { return netip.AddrFrom4([4]byte{10, 0, 0, byte(n)}) }
	for _, n := range []int{3, 1, 2, 7, 5} {
		s.Change(at(n), true)
		s.Change(at(n), true)
	}
	if len(s.runs) != 3 {
		t.Errorf("runs: %v", s.runs)
	}
	for _, c := range []struct{ from, to, want int }{{1, 9, 4}, {5, 9, 6}, {7, 7, 0}, {8, 9, 8}, {1, 3, 0}} {
		a, ok := s.Free(at(c.from), at(c.to))
		if ok != (c.want != 0) || ok && a != at(c.want) {
			t.Errorf("free from %d to %d: %v %v, expected %d", c.from, c.to, a, ok, c.want)
		}
	}
	for _, c := range []struct{ from, to, want int }{{1, 9, 9}, {1, 7, 6}, {1, 5, 4}, {7, 7, 0}, {1, 3, 0}} {
		a, ok := s.LastFree(at(c.from), at(c.to))
		if ok != (c.want != 0) || ok && a != at(c.want) {
			t.Errorf("last free from %d to %d: %v %v, expected %d", c.from, c.to, a, ok, c.want)
		}
	}
	s.Change(at(2), false)
	if a, _ := s.Free(at(1), at(9)); a != at(2) || s.has(at(2)) || !s.has(at(3)) {
		t.Errorf("after removing 2: %v %v", a, s.runs)
	}
}
