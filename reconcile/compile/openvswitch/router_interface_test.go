package openvswitch_test

import (
	"strings"
	"testing"

	"weft/model"
	"weft/model/desired"
	"weft/reconcile/compile"
	"weft/reconcile/compile/internal/fixture"
	"weft/reconcile/compile/openvswitch"
)

// TestARouterInterfaceWithoutTheHostsMAC: what a router interface sends leaves the host only with the host's own MAC and through an uplink.
func TestARouterInterfaceWithoutTheHostsMAC(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		make   func(in compile.Input)
		leaves bool
	}{
		"as is":     {func(compile.Input) {}, true},
		"no MAC":    {func(in compile.Input) { in.Config.Host().RouterMAC = model.MAC{} }, false},
		"no uplink": {func(in compile.Input) { in.Config.Host().Uplinks = nil }, false},
	} {
		in := fixture.Routed()
		c.make(in)
		u := compile.Compile(in, fixture.Key(desired.KindRouter, fixture.RouterUID))
		flows := strings.Join(flowsOf(u, openvswitch.FeatureRouterInterface(fixture.NetRed)), "\n")
		if flows == "" || strings.Contains(flows, "push_vlan:101") != c.leaves || strings.Contains(flows, "dl_src=fa:16:3e:ff:00:01") != c.leaves {
			t.Errorf("%s: leaves %v\n%s", name, !c.leaves, flows)
		}
	}
}
