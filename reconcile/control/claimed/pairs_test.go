package claimed

import (
	"net/netip"
	"testing"

	"pgregory.net/rapid"
)

// TestPairsAreSpared: an address is found exactly if it is in no claimed address and in no block of any owner. A block stays until its last
// owner is gone.
func TestPairsAreSpared(t *testing.T) {
	t.Parallel()
	at := func(b byte) netip.Addr { return netip.AddrFrom4([4]byte{10, 0, 0, b}) }
	rapid.Check(t, func(t *rapid.T) {
		var used Addresses
		var pairs Pairs
		taken := map[netip.Addr]bool{}
		for _, b := range rapid.SliceOfN(rapid.ByteRange(0, 40), 0, 10).Draw(t, "used") {
			used.Change(at(b), true)
			taken[at(b)] = true
		}
		type one struct {
			block netip.Prefix
			owner string
		}
		have := map[one]bool{}
		for range rapid.IntRange(0, 12).Draw(t, "changes") {
			bits := rapid.IntRange(27, 32).Draw(t, "bits")
			o := one{netip.PrefixFrom(at(rapid.ByteRange(0, 40).Draw(t, "block")), bits).Masked(), rapid.SampledFrom([]string{"a", "b"}).Draw(t, "owner")}
			have[o] = !have[o]
			pairs.Change(o.block, o.owner, have[o])
		}
		free := func(b byte) bool {
			for o, there := range have {
				if there && o.block.Contains(at(b)) {
					return false
				}
			}
			return !taken[at(b)]
		}
		var low, high netip.Addr
		for b := byte(0); b <= 40; b++ {
			if free(b) && !low.IsValid() {
				low = at(b)
			}
			if free(b) {
				high = at(b)
			}
		}
		if got, ok := Free(&used, &pairs, at(0), at(40)); ok != low.IsValid() || ok && got != low {
			t.Fatalf("the lowest free address is %s, expected %s", got, low)
		}
		if got, ok := LastFree(&used, &pairs, at(0), at(40)); ok != high.IsValid() || ok && got != high {
			t.Fatalf("the highest free address is %s, expected %s", got, high)
		}
		there := 0
		for _, is := range have {
			if is {
				there++
			}
		}
		if pairs.Empty() != (there == 0) {
			t.Fatalf("%d blocks, and empty is %v", there, pairs.Empty())
		}
	})
	var none *Pairs
	if a, ok := Free(&Addresses{}, none, at(1), at(2)); !ok || a != at(1) || !none.Empty() {
		t.Errorf("without pairs: %s, %v", a, ok)
	}
}

// TestRangeOfPrefixes: the whole block, at both ends of the families too.
func TestRangeOfPrefixes(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][2]string{
		"10.0.0.64/28": {"10.0.0.64", "10.0.0.79"}, "10.0.0.5/32": {"10.0.0.5", "10.0.0.5"}, "255.255.255.0/24": {"255.255.255.0", "255.255.255.255"},
		"2001:db8::/64": {"2001:db8::", "2001:db8::ffff:ffff:ffff:ffff"}, "0.0.0.0/0": {"0.0.0.0", "255.255.255.255"}, "2001:db8::8/125": {"2001:db8::8", "2001:db8::f"},
	} {
		if r := RangeOf(netip.MustParsePrefix(text)); r.First.String() != want[0] || r.Last.String() != want[1] {
			t.Errorf("%s is %s to %s", text, r.First, r.Last)
		}
	}
}
