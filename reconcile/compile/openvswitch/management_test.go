package openvswitch_test

import (
	"net/netip"
	"testing"

	"weft/hostnet/object"
	"weft/model"
	"weft/model/desired"
	"weft/reconcile/compile"
	"weft/reconcile/compile/internal/fixture"
)

// managed is an input whose host keeps its guests from a prefix of each family.
func managed(in compile.Input) compile.Input {
	for _, p := range []string{"192.168.0.0/24", "2001:db8:5::/64"} {
		in.Config.Host().ManagementCIDRs = append(in.Config.Host().ManagementCIDRs, model.Prefix{Prefix: netip.MustParsePrefix(p)})
	}
	return in
}

// TestManagementGolden: a host that keeps its guests from management networks.
func TestManagementGolden(t *testing.T) {
	t.Parallel()
	golden(t, "managed_host", fixture.Text(compile.Compile(managed(fixture.Plain()), fixture.Key(desired.KindHost, fixture.HostUID))))
	golden(t, "managed_router", fixture.Text(compile.Compile(managed(fixture.Routed()), fixture.Key(desired.KindRouter, fixture.RouterUID))))
}

// TestManagementCostsTwoFlowsForEachPrefix: on a host, however many ports it has. No port's flow is another one.
func TestManagementCostsTwoFlowsForEachPrefix(t *testing.T) {
	t.Parallel()
	plain, closed := fixture.Plain(), managed(fixture.Plain())
	for _, k := range plain.Config.Keys() {
		var before, after int
		if set := fixture.First[*object.FlowSet](compile.Compile(plain, k)); set != nil {
			before = len(set.Flows)
		}
		if set := fixture.First[*object.FlowSet](compile.Compile(closed, k)); set != nil {
			after = len(set.Flows)
		}
		want := 0
		if k.Kind == desired.KindHost {
			want = 4
		}
		if after-before != want {
			t.Errorf("%s %s has %d more flows, expected %d", k.Kind, k.UID, after-before, want)
		}
	}
}
