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
	"weft/reconcile/compile/openvswitch"
)

// flat makes a network flat.
func flat(in compile.Input, uid string) compile.Input {
	n := in.Config.Network(uid)
	n.Type, n.SegmentationID = model.NetworkTypeFlat, 0
	return in
}

// allFlows are the flows of the whole bridge, with the item that they are of.
func allFlows(t *testing.T, in compile.Input) map[desired.Key][]object.Flow {
	t.Helper()
	all := map[desired.Key][]object.Flow{}
	for _, k := range in.Config.Keys() {
		u := compile.Compile(in, k)
		if u.Refused != "" {
			t.Fatalf("%v is refused: %s", k, u.Refused)
		}
		for _, o := range u.Objects {
			if set, ok := o.(*object.FlowSet); ok {
				all[k] = append(all[k], set.Flows...)
			}
		}
	}
	return all
}

// TestFlatGolden: a flat network, a router on it, and an external network that is flat.
func TestFlatGolden(t *testing.T) {
	t.Parallel()
	in := flat(fixture.Routed(), fixture.NetPublic)
	golden(t, "flat_external", fixture.Text(compile.Compile(in, fixture.Key(desired.KindNetwork, fixture.NetPublic))))
	in = flat(fixture.Routed(), fixture.NetRed)
	golden(t, "flat_router", fixture.Text(compile.Compile(in, fixture.Key(desired.KindRouter, fixture.RouterUID))))
}

// TestUntaggedFramesNeedAFlatNetwork: untagged frames from an uplink pass with a flat network only, and without any kind of tag. Frames
// with a tag pass for networks in VLANs beside it.
func TestUntaggedFramesNeedAFlatNetwork(t *testing.T) {
	t.Parallel()
	const uplink = 1
	for _, isFlat := range []bool{false, true} {
		in := fixture.Plain()
		if isFlat {
			flat(in, fixture.NetRed)
		}
		var matches []object.VLANMatch
		for _, flows := range allFlows(t, in) {
			for _, f := range flows {
				if f.Table == 0 && f.Match.InPort == uplink {
					matches = append(matches, f.Match.VLAN)
				}
				if f.Table == 0 && f.Match.InPort == 0 && len(f.Actions) > 0 {
					t.Errorf("%s takes frames of any port", f)
				}
			}
		}
		want := []object.VLANMatch{object.VLANID(101), object.VLANID(102)}
		if isFlat {
			want[0] = object.VLANUntagged()
		}
		for _, m := range want {
			if !slices.Contains(matches, m) {
				t.Errorf("flat %v: no flow takes %+v from the uplink", isFlat, m)
			}
		}
		if len(matches) != len(want) {
			t.Errorf("flat %v: the uplink's frames are taken by %+v, expected %+v", isFlat, matches, want)
		}
	}
}

// TestFlatNetworkHasNoTag: whatever is on a flat network, no flow of it knows a tag, and announcements are sent without one.
func TestFlatNetworkHasNoTag(t *testing.T) {
	t.Parallel()
	for name, in := range map[string]compile.Input{
		"distributed": flat(flat(fixture.Routed(), fixture.NetPublic), fixture.NetRed),
		"centralized": flat(fixture.Central(), fixture.NetPublic),
	} {
		if name == "distributed" { // red and public are on one physical network
			in.Config.Network(fixture.NetRed).PhysicalNetwork = "rack2"
			in.Config.Host().Uplinks = append(in.Config.Host().Uplinks, desired.Uplink{PhysicalNetwork: "rack2", Interface: "eth2", MTU: 1500})
			in.Facts.Links["eth2"] = object.LinkFacts{MTU: 1500, Up: true}
			in.Facts.Interfaces["eth2"] = object.InterfaceFacts{Bridge: "br-int", OFPort: 2, OwnerUID: fixture.HostUID, Created: true}
		}
		numbers := map[uint64]bool{}
		for n := range in.Config.Networks() {
			if number, _ := compile.NetworkNumber(n.UID); n.Type == model.NetworkTypeFlat {
				numbers[number] = true
			}
		}
		left := 0
		for k, flows := range allFlows(t, in) {
			for _, f := range flows {
				if !numbers[f.Match.Metadata.Value] || f.Match.Metadata.Mask == 0 {
					continue
				}
				text := f.String()
				if strings.Contains(text, "push_vlan") || strings.Contains(text, "pop_vlan") {
					t.Errorf("%s: %v: %s", name, k, text)
				}
				if f.Table == 50 && strings.Contains(text, "output:") {
					left++
				}
			}
		}
		if left == 0 {
			t.Errorf("%s: nothing leaves", name)
		}
		for _, k := range in.Config.Keys() {
			for _, o := range compile.Compile(in, k).Objects {
				a, ok := o.(*object.Announcement)
				if number, _ := compile.NetworkNumber(networkOf(a)); ok && numbers[number] && a.VLAN != 0 {
					t.Errorf("%s: %v announces in VLAN %d", name, k, a.VLAN)
				}
			}
		}
	}
}

func networkOf(a *object.Announcement) string {
	if a == nil {
		return ""
	}
	return a.Network
}

// TestSessionsOnAFlatNetwork: gateway hosts watch each other there as anywhere, and the packets have no tag.
func TestSessionsOnAFlatNetwork(t *testing.T) {
	t.Parallel()
	u := compile.Compile(flat(fixture.Central(), fixture.NetPublic), fixture.Key(desired.KindNetwork, fixture.NetPublic))
	if len(flowsOf(u, openvswitch.FeatureSession("h0"))) == 0 {
		t.Errorf("no session: %s", u.Pending)
	}
}
