package packetsocket

import (
	"net/netip"
	"slices"
	"testing"
)

func arpFilter(i int) Filter {
	return Filter{Rules: []Rule{UDP4To(67), ARPRequestFor(netip.AddrFrom4([4]byte{10, byte(i >> 8), byte(i), 2}))}}
}

// TestRuleSetSaysWhenItsListChanges adds and removes many filters, and compares the list before and after each.
func TestRuleSetSaysWhenItsListChanges(t *testing.T) {
	t.Parallel()
	s := newRuleSet()
	keys := func() (all []string) {
		for _, r := range s.list() {
			all = append(all, r.key())
		}
		return all
	}
	step := func(what string, i int, do func(Filter) bool) {
		t.Helper()
		before := keys()
		changed := do(arpFilter(i))
		if after := keys(); changed == slices.Equal(before, after) || len(after) > rulesMost {
			t.Fatalf("%s %d: changed %v, from %d rules to %d", what, i, changed, len(before), len(after))
		}
	}
	add := func(f Filter) bool {
		kept, changed := s.add(f)
		if len(kept.Rules) != 2 || kept.Rules[0].key() != f.Rules[0].key() || kept.Rules[1].key() != f.Rules[1].key() {
			t.Fatalf("%v is kept as %v", f, kept)
		}
		return changed
	}
	for i := range 2 * rulesMost {
		step("add", i, add)
		step("add again", i, add)
	}
	if got := len(s.list()); got != 2 {
		t.Errorf("%d rules for very many servers; want one for all of ARP and one for DHCP", got)
	}
	for i := range 2 * rulesMost {
		step("remove", i, s.remove)
		step("remove again", i, s.remove)
	}
	if len(s.list()) != 0 || s.remove(arpFilter(1)) {
		t.Error("something is left")
	}
}

// TestEqualRulesAreInMemoryOnce: a thousand ports that want the same have one filter's worth of rules.
func TestEqualRulesAreInMemoryOnce(t *testing.T) {
	t.Parallel()
	s := newRuleSet()
	first, _ := s.add(arpFilter(1))
	second, _ := s.add(arpFilter(1))
	other, _ := s.add(arpFilter(2))
	for i := range first.Rules {
		if &first.Rules[i][0] != &second.Rules[i][0] {
			t.Errorf("rule %d is in memory twice", i)
		}
	}
	if &first.Rules[0][0] != &other.Rules[0][0] || &first.Rules[1][0] == &other.Rules[1][0] {
		t.Error("only equal rules may be shared")
	}
}
