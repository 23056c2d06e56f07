package nft

import (
	"testing"

	"weft/hostnet/object"
	"weft/integration/limits"
)

// TestDoor: every translation of accepted intent has its elements, every table its rules.
func TestDoor(t *testing.T) {
	t.Parallel()
	limits.Check(t, func(t limits.T, h limits.Host) {
		for _, o := range h.Objects() {
			var err error
			switch o := o.(type) {
			case *object.NATMapping:
				_, _, err = targetOf(object.Change{Op: object.Create, Desired: o})
			case *object.NATTable:
				var rules ruleSet
				if rules, err = ruleSetOf(ruleKey{o.Role, o.Limits}); err == nil {
					_, err = rules.requests()
				}
				if err == nil {
					err = checkTable(o)
				}
			}
			if err != nil {
				t.Fatalf("%v\n%s", err, h.Text)
			}
		}
	})
}
