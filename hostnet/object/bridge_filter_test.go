package object_test

import (
	"net/netip"
	"slices"
	"testing"

	"weft/hostnet/object"
)

// TestFilterMembersOfARouter: shards of one group differ by network, by router and by number.
func TestFilterMembersOfARouter(t *testing.T) {
	t.Parallel()
	var keys []object.Key
	for _, m := range []object.FilterMembers{{Group: 1, Bridge: "wfb1"}, {Group: 1, Bridge: "wfb2"}, {Group: 1, Bridge: "wfb1", Shard: 1},
		{Group: 1, Router: 1}, {Group: 1, Router: 2}, {Group: 2, Router: 2}, {Group: 2, Router: 2, Shard: 3}} {
		if slices.Contains(keys, m.Key()) {
			t.Errorf("%+v has the key %s of another shard", m, m.Key())
		}
		keys = append(keys, m.Key())
	}
}

// TestFilterVersion: the version stands for the rules as a set.
func TestFilterVersion(t *testing.T) {
	t.Parallel()
	a, b := object.FilterRule{Ingress: true, Protocol: 6, Ports: true, First: 80, Last: 80}, object.FilterRule{Remote: netip.MustParsePrefix("10.0.0.0/8")}
	one := object.FilterVersion([]object.FilterRule{a, b})
	if other := object.FilterVersion([]object.FilterRule{b, a, b}); other != one {
		t.Errorf("the same rules in another order, one of them twice, are %s and not %s", other, one)
	}
	seen := []string{one}
	for _, rules := range [][]object.FilterRule{nil, {a}, {b}, {a, {Remote: netip.MustParsePrefix("10.0.0.0/9")}}} {
		v := object.FilterVersion(rules)
		if slices.Contains(seen, v) {
			t.Errorf("%v have the version of other rules", rules)
		}
		seen = append(seen, v)
	}
}

// TestGroupsOfAPortHaveNoOrder: the kernel shows them as they are, and a port that lost one differs.
func TestGroupsOfAPortHaveNoOrder(t *testing.T) {
	t.Parallel()
	want := &object.FilterPort{Device: "tap1", Groups: []uint32{1, 2}}
	if d := want.Diff(&object.FilterPort{Device: "tap1", Groups: []uint32{2, 1}}); len(d) > 0 {
		t.Errorf("another order: %v", d)
	}
	if d := want.Diff(&object.FilterPort{Device: "tap1", Groups: []uint32{2}}); len(d) != 1 {
		t.Errorf("one is missing: %v", d)
	}
}
