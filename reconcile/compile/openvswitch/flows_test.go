package openvswitch_test

import (
	"slices"
	"strings"
	"testing"

	"weft/hostnet/object"
	"weft/model"
	"weft/model/desired"
	"weft/reconcile/compile"
	"weft/reconcile/compile/internal/fixture"
)

// OpenFlow's goto leads to later tables only.
func TestGotoLeadsOn(t *testing.T) {
	t.Parallel()
	in := fixture.Plain()
	for _, k := range in.Config.Keys() {
		for _, o := range compile.Compile(in, k).Objects {
			set, ok := o.(*object.FlowSet)
			if !ok {
				continue
			}
			for _, f := range set.Flows {
				for _, a := range f.Actions {
					if to, ok := a.(object.Goto); ok && to.Table <= f.Table {
						t.Errorf("%v: %s", k, f)
					}
				}
			}
		}
	}
}

func TestFlowsPerPort(t *testing.T) {
	t.Parallel()
	u := compile.Compile(fixture.Plain(), fixture.Key(desired.KindPort, fixture.PortWeb))
	for _, o := range u.Objects {
		if set, ok := o.(*object.FlowSet); ok && len(set.Flows) > 17 {
			t.Errorf("a port with one address of each family takes %d flows, want at most 17", len(set.Flows))
		}
	}
}

// TestMACPrefixesOfTheCloud: link-local addresses that are derived from MACs of the cloud belong to the owners of the MACs, with the
// present prefix and with the default one.
func TestMACPrefixesOfTheCloud(t *testing.T) {
	t.Parallel()
	for prefix, want := range map[object.MAC][]string{
		{}:                      {"fe80::f816:3eff:fe00:0/104"},
		object.DefaultMACPrefix: {"fe80::f816:3eff:fe00:0/104"},
		{2, 0xaa, 0xbb}:         {"fe80::f816:3eff:fe00:0/104", "fe80::aa:bbff:fe00:0/104"},
	} {
		in := fixture.Plain()
		in.Config.Host().MACPrefix = model.MAC(prefix)
		var got []string
		for _, f := range fixture.First[*object.FlowSet](compile.Compile(in, fixture.Key(desired.KindHost, fixture.HostUID))).Flows {
			if f.Table == 11 && f.Priority == 50 {
				got = append(got, f.Match.IPSrc.String())
				if text := f.String(); !strings.HasSuffix(text, "→ reg5:=0xffff") {
					t.Errorf("%s", text)
				}
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("prefix %s: %v, want %v", prefix, got, want)
		}
	}
}
