package bridgefilter

import (
	"slices"
	"strings"
	"testing"

	"weft/hostnet/object"
)

// TestChainsEndInADrop: what nothing allows does not pass. Only chains that are jumped to come back, and the base chain before the connection tracker
// decides nothing.
func TestChainsEndInADrop(t *testing.T) {
	t.Parallel()
	text := newRuleText(ruleset())
	last := map[string]string{}
	for line := range strings.Lines(text.fill) {
		words := strings.Fields(line) // add rule bridge TABLE CHAIN …
		last[words[4]] = line
	}
	for _, chain := range []string{"sends", "sends_invalid", "sends_full", "receives", "receives_invalid", "receives_full"} {
		if !strings.Contains(last[chain], " "+chain+" drop comment ") {
			t.Errorf("chain %s ends in %q", chain, last[chain])
		}
	}
	if len(last) != 9 || len(last) != len(text.chains) {
		t.Errorf("there are rules in %d chains, and %d chains", len(last), len(text.chains))
	}
}

// TestEveryCounterHasAReason: what a set counts is told, under one reason.
func TestEveryCounterHasAReason(t *testing.T) {
	t.Parallel()
	var told []string
	for _, r := range object.RejectReasons() {
		told = append(told, countedBy(r)...)
	}
	slices.Sort(told)
	if want := slices.Sorted(slices.Values(counterSets())); !slices.Equal(told, want) {
		t.Errorf("told are %v, counted %v", told, want)
	}
}

// TestRulesAreNumbered: each rule has a comment of its own, and everything else is declared before.
func TestRulesAreNumbered(t *testing.T) {
	t.Parallel()
	text := newRuleText(ruleset())
	var all []string
	for _, comments := range text.chains {
		all = append(all, comments...)
	}
	slices.Sort(all)
	if len(all) != strings.Count(text.fill, "\n") || len(slices.Compact(all)) != len(all) {
		t.Errorf("%d rules have the comments %v", strings.Count(text.fill, "\n"), all)
	}
	for _, set := range staticSets() {
		if !strings.Contains(text.make, " bridge weft_filter "+set+" {") {
			t.Errorf("set %s is not declared", set)
		}
	}
	if strings.Contains(text.make+text.fill, "$") || !strings.Contains(text.fill, `"`+object.BridgePrefix+`*" notrack`) {
		t.Errorf("a word is not filled in:\n%s", text.fill)
	}
	if strings.Contains(text.make, "accept comment") || strings.Contains(text.make, "drop") {
		t.Errorf("the declarations have rules:\n%s", text.make)
	}
}
