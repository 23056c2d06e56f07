package openvswitch_test

import (
	"fmt"
	"strings"
	"testing"

	"weft/model"
	"weft/model/desired"
	"weft/reconcile/compile"
	"weft/reconcile/compile/internal/fixture"
)

// isolate makes a network isolate its guests.
func isolate(in compile.Input, uid string) compile.Input {
	n := in.Config.Network(uid)
	n.IsolateGuests, n.RouterMACs = true, []model.MAC{fixture.MAC("fa:16:3e:ff:00:02")}
	return in
}

// TestIsolationGolden: a network that isolates its guests, an external one with a gateway here, and a guest.
func TestIsolationGolden(t *testing.T) {
	t.Parallel()
	in := isolate(isolate(fixture.Routed(), fixture.NetRed), fixture.NetPublic)
	in.Config.Host().MACPrefix = model.MAC{0x52, 0x54, 1}
	golden(t, "isolated_network", fixture.Text(compile.Compile(in, fixture.Key(desired.KindNetwork, fixture.NetRed))))
	golden(t, "isolated_external", fixture.Text(compile.Compile(in, fixture.Key(desired.KindNetwork, fixture.NetPublic))))
	golden(t, "isolated_port", fixture.Text(compile.Compile(in, fixture.Key(desired.KindPort, fixture.PortWeb))))
}

// TestGroupsOfIsolatedGuests: their group frames go to gateways and the uplink, and to no guest. Those of others go to guests too. A
// network that does not isolate has no such flow.
func TestGroupsOfIsolatedGuests(t *testing.T) {
	t.Parallel()
	for _, isolated := range []bool{false, true} {
		in := fixture.Routed()
		if isolated {
			isolate(in, fixture.NetRed)
		}
		of := map[string]string{}
		for _, flows := range allFlows(t, in) {
			for _, f := range flows {
				if f.Table == 20 && strings.Contains(f.String(), "dl_dst=01:00:00:00:00:00") && strings.Contains(f.String(), "0xaaaaaaaa") {
					of[fmt.Sprint(f.Match.Reg4.Mask)] = f.String()
				}
			}
		}
		if !strings.Contains(of["0"], "output:5 output:6") {
			t.Errorf("isolated %v: group frames of others: %s", isolated, of["0"])
		}
		if marked, there := of["4"]; there != isolated || strings.Contains(marked, "output:") {
			t.Errorf("isolated %v: group frames of guests: %s", isolated, marked)
		}
	}
}
