package ovs

import (
	"fmt"
	"testing"

	"weft/hostnet/object"
	"weft/integration/limits"
)

// TestDoor: every flow of accepted intent can be written in ovs-ofctl's words, and is read back unchanged.
func TestDoor(t *testing.T) {
	t.Parallel()
	limits.Check(t, func(t limits.T, h limits.Host) {
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
				line := fmt.Sprintf(" cookie=%#x, table=%d, priority=%d", m.cookie, f.Table, f.Priority)
				if m.match != "" {
					line += "," + m.match
				}
				back, err := parseFlow(line + " actions=" + m.actions)
				missing, extra := object.FlowDelta([]object.Flow{back.Flow}, []object.Flow{f})
				if err != nil || back.Cookie != set.Cookie || len(missing)+len(extra) > 0 {
					t.Fatalf("%s: %s is read back as %s: %v", set.Key(), f, back.Flow, err)
				}
			}
		}
	})
}
