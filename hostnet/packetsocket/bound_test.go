package packetsocket

import (
	"net/netip"
	"strings"
	"testing"
	"time"
)

// TestNamesAtTheirBounds: each class of bytes at both ends, and the longest name.
func TestNamesAtTheirBounds(t *testing.T) {
	t.Parallel()
	for c := range 128 {
		ch := byte(c)
		letter := strings.ContainsRune("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", rune(ch))
		if got := IsName(string(rune(ch))); got != letter {
			t.Errorf("%q alone: %v", ch, got)
		}
		if got := IsName("a" + string(rune(ch)) + "b"); got != (letter || ch == '-' || ch == '.') {
			t.Errorf("%q inside: %v", ch, got)
		}
	}
	label := strings.Repeat("a", 63) + "."
	longest := strings.Repeat(label, 3) + strings.Repeat("a", 61)
	if len(longest) != 253 || !IsName(longest) || IsName(longest+"a") {
		t.Error("the longest name has another length")
	}
	if IsName(strings.Repeat("a", 64)+".b") || !IsName(label+"b") {
		t.Error("the longest label has another length")
	}
}

// TestARuleOfTwoServersStays until both are gone.
func TestARuleOfTwoServersStays(t *testing.T) {
	t.Parallel()
	s := newRuleSet()
	add := func(f Filter) (changed bool) {
		_, changed = s.add(f)
		return changed
	}
	one, both := Filter{Rules: []Rule{UDP4To(67)}}, Filter{Rules: []Rule{UDP4To(67), RARP()}}
	if !add(one) || !add(both) || add(both) || len(s.list()) != 2 {
		t.Errorf("%d rules for two servers", len(s.list()))
	}
	if s.remove(one) || s.remove(both) || len(s.list()) != 2 {
		t.Errorf("%d rules while one server is left", len(s.list()))
	}
	if !s.remove(both) || len(s.list()) != 0 {
		t.Errorf("%d rules for nobody", len(s.list()))
	}
	// A rule that another one narrows is another rule. Without what only spares frames, both are one.
	narrow := Filter{Rules: []Rule{AnyARP(), AnyARP().From(macA), ARPRequestFor(netip.MustParseAddr("10.0.0.1"))}}
	if !add(narrow) || len(s.fine) != 3 || len(s.wide) != 2 {
		t.Errorf("%d rules, %d of them when widened", len(s.fine), len(s.wide))
	}
}

// TestEqualFloodsKeepTheirPlace: only a worse flood takes the place of another.
func TestEqualFloodsKeepTheirPlace(t *testing.T) {
	t.Parallel()
	m := newFloodMeter()
	for i := range shutMost {
		flooded(&m, i+1, 2*floodFrames, floodBegin, floodWindow/2)
	}
	if changes, _ := flooded(&m, 1000, 2*floodFrames, floodBegin, floodWindow/2); changes != 0 || len(m.shut()) != shutMost {
		t.Errorf("a flood that is no worse changed the filter %d times", changes)
	}
	next, changed, _ := m.tick(floodBegin.Add(shutTime - time.Nanosecond))
	if want := floodBegin.Add(shutTime); changed || len(m.shut()) != shutMost || !next.After(want) || next.After(want.Add(floodWindow)) {
		t.Errorf("before its time something is let in; next is %s", next)
	}
}
