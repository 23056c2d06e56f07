package claimed

import (
	"net/netip"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// The set finds exactly what a search of all prefixes finds.
func TestPrefixSetFindsWhatOverlaps(t *testing.T) {
	t.Parallel()
	prefix := rapid.Custom(func(t *rapid.T) netip.Prefix {
		var b [16]byte
		b[0], b[8], b[15] = rapid.ByteRange(0, 3).Draw(t, "a"), rapid.Byte().Draw(t, "b"), rapid.ByteRange(0, 3).Draw(t, "c")
		return netip.PrefixFrom(netip.AddrFrom16(b), rapid.SampledFrom([]int{0, 1, 7, 8, 64, 65, 71, 72, 127, 128}).Draw(t, "bits")).Masked()
	})
	rapid.Check(t, func(t *rapid.T) {
		var s Prefixes
		have := map[netip.Prefix]bool{}
		for _, p := range rapid.SliceOfN(prefix, 0, 40).Draw(t, "prefixes") {
			add := !have[p] || rapid.Bool().Draw(t, "again")
			s.Change(p, add)
			have[p] = add
		}
		p := prefix.Draw(t, "p")
		var want []netip.Prefix
		for q, there := range have {
			if there && q.Overlaps(p) {
				want = append(want, q)
			}
		}
		got := s.Overlapping(p)
		slices.SortFunc(got, comparePrefixes)
		slices.SortFunc(want, comparePrefixes)
		if !slices.Equal(got, want) {
			t.Fatalf("%s overlaps %v, found %v", p, want, got)
		}
	})
	var none *Prefixes
	if none.Overlapping(netip.MustParsePrefix("::/0")) != nil {
		t.Error("nothing overlaps something")
	}
}
