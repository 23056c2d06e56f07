package engine

import (
	"testing"
	"time"

	"weft/hostnet/object"
	"weft/reconcile/plan"
)

// In a fight, what protects guests is repaired at once on either backend. Everything else waits.
func TestProtectionIsNeverDamped(t *testing.T) {
	t.Parallel()
	now := time.Now()
	for name, c := range map[string]struct {
		change object.Change
		waits  bool
	}{
		"flows":               {object.Change{Op: object.Update, Desired: &object.FlowSet{}, Observed: &object.FlowSet{}}, false},
		"the rules":           {object.Change{Op: object.Create, Desired: &object.PortSecurity{}}, false},
		"elements":            {object.Change{Op: object.Update, Desired: &object.PortSecurityElements{Name: "tap1"}, Observed: &object.PortSecurityElements{Name: "tap1"}}, false},
		"a port that learns":  {object.Change{Op: object.Update, Desired: &object.BridgePort{Device: "tap1"}, Observed: &object.BridgePort{Device: "tap1", Strange: true}}, false},
		"a port that is out":  {object.Change{Op: object.Create, Desired: &object.BridgePort{Device: "tap1"}}, true},
		"a link":              {object.Change{Op: object.Update, Desired: &object.Link{Name: "tap1"}, Observed: &object.Link{Name: "tap1", MTU: 9}}, true},
		"an alien that comes": {object.Change{Op: object.Delete, Observed: &object.FlowSet{Cookie: 9}}, false},
	} {
		d := newDriftDamper()
		fight := false
		for range fightRepairs {
			fight = d.repaired(c.change.Key(), "somebody", now)
		}
		if !fight {
			t.Fatalf("%s: %d repairs are no fight", name, fightRepairs)
		}
		p := d.damp(plan.Plan{Steps: []plan.Step{{Change: c.change}}}, now)
		if got := len(p.Steps) == 0; got != c.waits || len(p.Blocked) != 1-len(p.Steps) {
			t.Errorf("%s: waits %v, want %v; blocked %v", name, got, c.waits, p.Blocked)
		}
	}
}
