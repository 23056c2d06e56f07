package claimed

import (
	"math"
	"net/netip"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func span(first, last string) Range {
	return Range{netip.MustParseAddr(first), netip.MustParseAddr(last)}
}

func TestSizes(t *testing.T) {
	t.Parallel()
	for want, r := range map[uint64]Range{
		1: span("10.0.0.5", "10.0.0.5"), 65536: span("10.0.0.0", "10.0.255.255"), 1 << 32: span("0.0.0.0", "255.255.255.255"),
		3: span("2001:db8::ffff:ffff:ffff:fffe", "2001:db8:0:1::"), 1 << 63: span("2001:db8::", "2001:db8::7fff:ffff:ffff:ffff"),
		math.MaxUint64: span("2001:db8::", "2001:db8::ffff:ffff:ffff:ffff"), math.MaxUint64 - 1: span("2001:db8::2", "2001:db8::ffff:ffff:ffff:ffff"),
	} {
		if got := r.Size(); got != want {
			t.Errorf("%v has %d addresses, expected %d", r, got, want)
		}
	}
	if got := span("2001:db8::", "2001:db8:1::").Size(); got != math.MaxUint64 {
		t.Errorf("a range that is too large to count has %d", got)
	}
	if Sum(math.MaxUint64, 1) != math.MaxUint64 || Sum(2, 3) != 5 {
		t.Error("sums")
	}
}

// An IPv4 address is in no IPv6 range, and the other way round.
func TestRangesContainTheirFamily(t *testing.T) {
	t.Parallel()
	for a, want := range map[string]bool{"10.0.0.4": false, "10.0.0.5": true, "10.0.0.9": true, "10.0.0.10": false, "2001:db8::5": false} {
		if span("10.0.0.5", "10.0.0.9").Contains(netip.MustParseAddr(a)) != want {
			t.Errorf("%s: %v", a, !want)
		}
	}
	if span("::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff").Contains(netip.MustParseAddr("10.0.0.5")) {
		t.Error("all of IPv6 contains an IPv4 address")
	}
}

// The last address of a family has no successor.
func TestNothingIsLeftBehindTheLastAddress(t *testing.T) {
	t.Parallel()
	all := []Range{span("255.255.255.0", "255.255.255.255")}
	if left := Without(all, []Range{span("255.255.255.8", "255.255.255.255")}); !slices.Equal(left, []Range{span("255.255.255.0", "255.255.255.7")}) {
		t.Errorf("left is %v", left)
	}
	if left := Without(all, []Range{span("255.255.255.255", "255.255.255.255"), span("255.255.255.255", "255.255.255.255")}); !slices.Equal(left, []Range{span("255.255.255.0", "255.255.255.254")}) {
		t.Errorf("left is %v", left)
	}
}

// Ranges and sets of one byte are compared with looking at every address.
func TestRangesAreTheirAddresses(t *testing.T) {
	t.Parallel()
	at := func(n int) netip.Addr { return netip.AddrFrom4([4]byte{10, 0, 0, byte(n)}) }
	rapid.Check(t, func(t *rapid.T) {
		draw := func(most int, what string) (out []Range) {
			for range rapid.IntRange(0, most).Draw(t, what) {
				first := rapid.IntRange(0, 60).Draw(t, "first")
				out = append(out, Range{at(first), at(first + rapid.IntRange(0, 12).Draw(t, "length"))})
			}
			return out
		}
		in := func(list []Range, a netip.Addr) bool {
			return slices.ContainsFunc(list, func(r Range) bool { return r.Contains(a) })
		}
		ranges, others, set := draw(1, "ranges"), draw(5, "others"), Addresses{}
		if len(ranges) == 1 && rapid.Bool().Draw(t, "second") {
			ranges = append(ranges, Range{at(100), at(110)})
			others = append(others, Range{at(95), at(rapid.IntRange(95, 112).Draw(t, "to"))})
		}
		left := Without(ranges, others)
		members := 0
		for n := range 130 {
			if rapid.IntRange(0, 2).Draw(t, "member") == 0 {
				set.Change(at(n), true)
			}
			if want := in(ranges, at(n)) && !in(others, at(n)); in(left, at(n)) != want {
				t.Fatalf("%v without %v is %v: wrong at %s", ranges, others, left, at(n))
			}
		}
		if !slices.IsSortedFunc(left, compare) {
			t.Fatalf("%v is not sorted", left)
		}
		r := Range{at(rapid.IntRange(0, 60).Draw(t, "from")), at(rapid.IntRange(60, 129).Draw(t, "until"))}
		var want []netip.Addr
		for n := range 130 {
			if set.has(at(n)) && r.Contains(at(n)) {
				want = append(want, at(n))
				members++
			}
		}
		if got := slices.Collect(set.In(r)); !slices.Equal(got, want) || set.Count(r) != uint64(members) {
			t.Fatalf("in %v are %v, %d; expected %v", r, got, set.Count(r), want)
		}
	})
}
