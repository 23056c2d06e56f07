package bridgefilter

import (
	"strings"
	"testing"

	own "weft/hostnet/nftables"
	"weft/hostnet/object"
)

// TestRulesThatCannotBeLoaded: the reason is a fact, and the facts are read again when it comes or goes.
func TestRulesThatCannotBeLoaded(t *testing.T) {
	t.Parallel()
	var events []object.Event
	d := &Driver{program: own.NewProgram("/bin/false"), text: newRuleText(ruleset()), cache: newCache()}
	d.lacks.tell(func(e object.Event) { events = append(events, e) })
	for range 2 {
		if err := d.load(t.Context()); err == nil {
			t.Fatal("loaded by /bin/false")
		}
	}
	var facts object.Facts
	d.Facts(&facts)
	if !strings.Contains(facts.NoBridgeFilter, "nf_conntrack_bridge") || len(events) != 1 || !events[0].Resync {
		t.Errorf("the fact is %q, and the events %v", facts.NoBridgeFilter, events)
	}
	d.program = own.NewProgram("/bin/true")
	if err := d.load(t.Context()); err != nil {
		t.Fatal(err)
	}
	if d.Facts(&facts); facts.NoBridgeFilter != "" || len(events) != 2 {
		t.Errorf("the fact is still %q, and the events %v", facts.NoBridgeFilter, events)
	}
}
