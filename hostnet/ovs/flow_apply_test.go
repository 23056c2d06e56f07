package ovs

import "testing"

// TestFlowParts: the parts have about the same size and hold every change once and in order. Changes with removals are one part.
func TestFlowParts(t *testing.T) {
	t.Parallel()
	changes := func(n, adds int) (out []flowChange) {
		for i := range n {
			out = append(out, flowChange{at: i, adds: make([]flowMod, adds)})
		}
		return out
	}
	removing := changes(1000, 10)
	removing[999].deletes = make([]flowMod, 1)
	for name, c := range map[string]struct {
		changes []flowChange
		parts   int
	}{
		"none": {nil, 0}, "one": {changes(1, 15), 1}, "a large one": {changes(1, 5000), 1}, "few": {changes(30, 15), 1},
		"some": {changes(100, 15), 3}, "many": {changes(1000, 15), maxParts}, "removals": {removing, 1},
		"nothing to add": {changes(1000, 0), 1},
	} {
		parts := flowParts(c.changes)
		next, least, most := 0, 1<<30, 0
		for i, p := range parts {
			n := 0
			for _, change := range p {
				if change.at != next {
					t.Fatalf("%s: change %d is where %d should be", name, change.at, next)
				}
				next++
				n += len(change.adds)
			}
			if most = max(most, n); i < len(parts)-1 {
				least = min(least, n)
			}
		}
		if len(parts) != c.parts || next != len(c.changes) || len(parts) > 1 && most-least > 15 {
			t.Errorf("%s: %d parts with %d of %d changes, of %d to %d modifications; want %d parts", name, len(parts), next, len(c.changes), least, most, c.parts)
		}
	}
}
