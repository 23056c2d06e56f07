package ovs

import (
	"testing"

	"pgregory.net/rapid"

	"weft/hostnet/object"
	"weft/integration/limits"
)

// TestDoor: every flow of accepted intent has words of ovs-ofctl, and is read back from them as it was.
func TestDoor(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		h := limits.Draw(t)
		for _, o := range h.Objects() {
			set, is := o.(*object.FlowSet)
			if !is {
				continue
			}
			for _, f := range set.Flows {
				m, err := newFlowMod(modAdd, set.Cookie, f)
				if err != nil {
					t.Fatalf("%s: %v", set.Key(), err)
				}
				if m.cookie == 0 || m.actions == "" {
					t.Fatalf("%s: %s has no words", set.Key(), f)
				}
			}
		}
	})
}
