package bridgefilter

import (
	"strings"
	"testing"

	own "weft/hostnet/nftables"
	"weft/hostnet/object"
)

// rulesOf are rules with these comments, and handles from 1.
func rulesOf(chain string, comments ...string) (rules []own.Rule) {
	for i, c := range comments {
		rules = append(rules, own.Rule{Chain: chain, Comment: c, Handle: uint64(i + 1)})
	}
	return rules
}

// TestGroupIsJudged: a group has its version only if each of its rules is there once, in order, and is the one that was there before.
func TestGroupIsJudged(t *testing.T) {
	t.Parallel()
	first, second, third := groupComment("v1", 0, 3), groupComment("v1", 1, 3), groupComment("v1", 2, 3)
	in, out := groupChain(1, true, 0), groupChain(1, false, 0)
	for name, c := range map[string]struct {
		chains map[string][]own.Rule
		want   string
	}{
		"right":           {map[string][]own.Rule{in: rulesOf(in, second, third), out: rulesOf(out, first)}, "v1"},
		"empty":           {map[string][]own.Rule{in: nil, out: nil}, object.FilterVersion(nil)},
		"a chain less":    {map[string][]own.Rule{in: rulesOf(in, first, second, third)}, "is missing"},
		"a rule less":     {map[string][]own.Rule{in: rulesOf(in, second), out: rulesOf(out, first)}, "is missing"},
		"a rule twice":    {map[string][]own.Rule{in: rulesOf(in, second, third, third), out: rulesOf(out, first)}, "not ours"},
		"a foreign rule":  {map[string][]own.Rule{in: rulesOf(in, second, third, ""), out: rulesOf(out, first)}, "order"},
		"another version": {map[string][]own.Rule{in: rulesOf(in, second, groupComment("v2", 2, 3)), out: rulesOf(out, first)}, "not ours"},
		"another order":   {map[string][]own.Rule{in: rulesOf(in, third, second), out: rulesOf(out, first)}, "order"},
	} {
		d := &Driver{handles: map[string]map[uint64]bool{}}
		fresh := newCache()
		d.sortChains(&fresh, found{c.chains})
		if got := fresh.groups[1].version; !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, expected %q", name, got, c.want)
		}
	}
	d := &Driver{handles: map[string]map[uint64]bool{in: {7: true, 8: true}}}
	fresh := newCache()
	d.sortChains(&fresh, found{map[string][]own.Rule{in: rulesOf(in, second, third), out: rulesOf(out, first)}})
	if got := fresh.groups[1].version; !strings.Contains(got, "not ours") {
		t.Errorf("the rules were replaced by others with the same comments: %q", got)
	}
}

// TestPortIsJudged: both chains have the same groups, and every set has the device.
func TestPortIsJudged(t *testing.T) {
	t.Parallel()
	egress, ingress := portChain(setEgress, "tap1"), portChain(setIngress, "tap1")
	one, two := jumpComment+object.GroupName(1), jumpComment+object.GroupName(2)
	for name, c := range map[string]struct {
		chains  map[string][]own.Rule
		without string
		fault   string
	}{
		"right":              {map[string][]own.Rule{egress: rulesOf(egress, one, two), ingress: rulesOf(ingress, two, one)}, "", ""},
		"another group":      {map[string][]own.Rule{egress: rulesOf(egress, one), ingress: rulesOf(ingress, one, two)}, "", "different groups"},
		"a foreign rule":     {map[string][]own.Rule{egress: rulesOf(egress, one, "accept"), ingress: rulesOf(ingress, one)}, "", "not ours"},
		"a chain less":       {map[string][]own.Rule{egress: nil}, "", "ingress-tap1 is missing"},
		"not filtered":       {map[string][]own.Rule{egress: nil, ingress: nil}, setFiltered, "set filtered lacks it"},
		"without a counter":  {map[string][]own.Rule{egress: nil, ingress: nil}, "sent_invalid", "set sent_invalid lacks it"},
		"no element at all":  {map[string][]own.Rule{egress: nil, ingress: nil}, "all", "lacks it"},
		"no chain but a set": {map[string][]own.Rule{}, "", "is missing"},
	} {
		d := &Driver{handles: map[string]map[uint64]bool{}}
		fresh := newCache()
		p := fresh.port("tap1")
		for _, set := range portSets() {
			if p.elements[set] = set != c.without; c.without == "all" {
				delete(p.elements, set)
			}
		}
		fresh.ports["tap1"] = p
		d.sortChains(&fresh, found{c.chains})
		got := fresh.ports["tap1"].fault
		if (got == "") != (c.fault == "") || !strings.Contains(got, c.fault) {
			t.Errorf("%s: %q, expected %q", name, got, c.fault)
		}
	}
}
