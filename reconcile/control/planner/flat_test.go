package planner

import (
	"slices"
	"strings"
	"testing"

	"weft/etcdschema"
	"weft/model"
	"weft/model/desired"
	"weft/reconcile/control/internal/fixture"
)

const (
	flatSpec = `{"spec":{"type":"flat","physicalNetwork":"physnet1","subnets":[{"cidr":"10.7.0.0/24"}]}}`
	vlanSpec = `{"spec":{"type":"vlan","physicalNetwork":"physnet1","subnets":[{"cidr":"10.7.0.0/24"}]}}`
)

// TestFlatNetworkAllocation: a flat network claims the untagged segment of its physical network, which there is once.
func TestFlatNetworkAllocation(t *testing.T) {
	t.Parallel()
	red, lime := fixture.Network("red"), fixture.Network("lime")
	bare := model.ID{Project: "_", Kind: model.KindPhysicalNetwork, Name: "bare"}
	onBare := strings.Replace(flatSpec, "physnet1", "bare", 1)
	runSteps(t, map[string][]step{
		"one on each physical network, and VLANs beside it": {
			{
				put:  map[model.ID]string{bare: `{"spec":{}}`, red: flatSpec, lime: onBare},
				want: map[model.ID]string{red: "Accepted", lime: "Accepted", fixture.Blue: "Accepted"},
				addr: map[model.ID]string{fixture.Blue: "100", red: "0", lime: "0"},
			},
		},
		"a second one is invalid and names the first": {
			{put: map[model.ID]string{lime: flatSpec}},
			{
				put:  map[model.ID]string{red: flatSpec},
				want: map[model.ID]string{red: "Invalid|spec.physicalNetwork: the untagged segment of physical network physnet1 belongs to Network alpha/lime", lime: "Accepted"},
			},
		},
		"the segment is not given to another one within the hold time": {
			{put: map[model.ID]string{lime: flatSpec}},
			{remove: []model.ID{lime}, want: map[model.ID]string{lime: "gone"}},
			{put: map[model.ID]string{red: flatSpec}, want: map[model.ID]string{red: "Pending|the untagged segment of physical network physnet1 was released by Network alpha/lime"}},
			{put: map[model.ID]string{lime: flatSpec}, want: map[model.ID]string{lime: "Accepted"}},
		},
		"the type changes and changes back": {
			{put: map[model.ID]string{red: vlanSpec}, addr: map[model.ID]string{red: "101"}},
			{put: map[model.ID]string{red: flatSpec}, want: map[model.ID]string{red: "Accepted"}, addr: map[model.ID]string{red: "0"}},
			{put: map[model.ID]string{red: vlanSpec}, want: map[model.ID]string{red: "Accepted"}, addr: map[model.ID]string{red: "102"}},
		},
		"a type that cannot be had leaves the network as it was": {
			{put: map[model.ID]string{lime: flatSpec, red: vlanSpec}, addr: map[model.ID]string{red: "101"}},
			{put: map[model.ID]string{red: flatSpec}, want: map[model.ID]string{red: "Invalid|belongs to Network alpha/lime"}, addr: map[model.ID]string{red: "101"}},
		},
		"bad input leaves it as it was": {
			{put: map[model.ID]string{red: flatSpec}, addr: map[model.ID]string{red: "0"}},
			{
				put:  map[model.ID]string{red: strings.Replace(flatSpec, `"flat"`, `"flat","segmentationID":9`, 1)},
				want: map[model.ID]string{red: "Invalid|spec.segmentationID: 9 cannot stand beside type flat"}, addr: map[model.ID]string{red: "0"},
			},
		},
	})
}

// TestFlatNetworkIsNeverAVLAN: a host that does not know flat networks gets neither the port nor the network, and the port says so.
// When weftd there is upgraded, it gets both.
func TestFlatNetworkIsNeverAVLAN(t *testing.T) {
	t.Parallel()
	s := newSim(t)
	s.putAll(fixture.RegionIntent())
	s.feature("h1", desired.Baseline()...)
	red := fixture.Network("red")
	s.put(red, flatSpec)
	s.put(fixture.Port("web"), `{"spec":{"network":"red","host":"h1"}}`)
	s.settle()
	s.check()
	cond := s.condition(fixture.Port("web"))
	if cond.Phase != etcdschema.PhasePending || len(cond.Reasons) != 1 || !strings.Contains(cond.Reasons[0].Message, "needs feature flat, which host h1 does not have: upgrade weftd there") {
		t.Errorf("the port is %+v", cond)
	}
	if _, there := fixture.ItemOn[*desired.Network](s.cache(), "h1", red); there || fixture.Placed(s.cache(), "h1", "web") {
		t.Error("h1 was told of the network or the port")
	}
	s.feature("h1", append(desired.Baseline(), desired.FeatureFlat)...)
	s.settle()
	s.check()
	n, there := fixture.ItemOn[*desired.Network](s.cache(), "h1", red)
	if !there || n.Type != model.NetworkTypeFlat || n.SegmentationID != 0 || !fixture.Placed(s.cache(), "h1", "web") {
		t.Errorf("h1 has %+v", n)
	}
}

// TestRoutersNeedFlatNetworks: a router to or from a flat network is only on hosts that know flat networks.
func TestRoutersNeedFlatNetworks(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"distributed", "centralized"} {
		s := newSim(t)
		s.putAll(fixture.RegionIntent())
		s.put(fixture.HostH1, fixture.GatewaySpec)
		s.put(model.ID{Project: "_", Kind: model.KindProject, Name: "operator"}, `{"spec":{}}`)
		s.put(fixture.Internet, strings.Replace(fixture.InternetSpec, `"type":"vlan","physicalNetwork":"physnet1","segmentationID":190`, `"type":"flat","physicalNetwork":"physnet1"`, 1))
		s.put(fixture.Port("web"), `{"spec":{"network":"blue","host":"h1"}}`)
		s.put(fixture.Router("way"), `{"spec":{"networks":["blue"],"externalNetwork":"operator/internet","gateway":"`+mode+`"}}`)
		old := slices.DeleteFunc(fixture.AllFeatures(), func(f desired.Feature) bool { return f == desired.FeatureFlat })
		s.feature("h1", old...)
		s.settle()
		if _, there := fixture.ItemOn[*desired.Router](s.cache(), "h1", fixture.Router("way")); there {
			t.Errorf("%s: an old host has the router", mode)
		}
		if _, there := fixture.ItemOn[*desired.Network](s.cache(), "h1", fixture.Internet); there {
			t.Errorf("%s: an old host has the flat network", mode)
		}
		if got := s.reasons(fixture.Router("way")); !strings.Contains(got, "needs feature flat") {
			t.Errorf("%s: the router says %q", mode, got)
		}
		s.feature("h1", append(old, desired.FeatureFlat)...)
		s.settle()
		s.check()
		if _, there := fixture.ItemOn[*desired.Router](s.cache(), "h1", fixture.Router("way")); !there {
			t.Errorf("%s: the host has no router: %s", mode, s.reasons(fixture.Router("way")))
		}
	}
}

// TestRebuildKeepsTheUntaggedSegment: after a restore that has lost it, the reports of nodes keep the segment from others.
func TestRebuildKeepsTheUntaggedSegment(t *testing.T) {
	t.Parallel()
	const lost, port = "99999999-0000-4000-8000-000000000000", "88888888-0000-4000-8000-000000000000"
	s := newSim(t)
	s.record(etcdschema.ActualBucket("h1", etcdschema.Bucket(port)), etcdschema.BucketReport{Ports: map[string]etcdschema.PortReport{
		port: {ID: "alpha/web", Network: lost, Physical: "physnet1"},
	}})
	s.settle()
	cl, ok := s.rebuildClaims()[etcdschema.SegmentClaim("physnet1", 0)]
	if !ok || cl.Owner != lost {
		t.Errorf("the segment is claimed by %+v", cl)
	}
}

// isolated is a region with a network that isolates its guests.
func isolated(t *testing.T, more string) (*sim, model.ID) {
	s := newSim(t)
	s.putAll(fixture.RegionIntent())
	s.routing()
	for _, node := range []string{"h1", "h2"} {
		s.feature(node, append(fixture.AllFeatures(), desired.FeatureFlat, desired.FeatureIsolation)...)
	}
	red := fixture.Network("red")
	s.put(red, isolatedSpec(more))
	return s, red
}

func isolatedSpec(more string) string {
	return strings.Replace(flatSpec, `"flat"`, `"flat","isolateGuests":true`+more, 1)
}

// TestIsolationNeedsAFeature: a host that cannot isolate guests gets no port of the network. The network says on hosts that it isolates.
func TestIsolationNeedsAFeature(t *testing.T) {
	t.Parallel()
	s, red := isolated(t, "")
	s.feature("h2", append(desired.Baseline(), desired.FeatureFlat)...)
	s.put(fixture.Port("near"), `{"spec":{"network":"red","host":"h1"}}`)
	s.put(fixture.Port("far"), `{"spec":{"network":"red","host":"h2"}}`)
	s.settle()
	s.check()
	if n, ok := fixture.ItemOn[*desired.Network](s.cache(), "h1", red); !ok || !n.IsolateGuests {
		t.Errorf("h1 has %+v", n)
	}
	if got := s.reasons(fixture.Port("far")); fixture.Placed(s.cache(), "h2", "far") || !strings.Contains(got, "needs feature isolation, which host h2 does not have") {
		t.Errorf("the port on the old host says %q", got)
	}
	s.put(red, flatSpec)
	s.settle()
	s.check()
	if n, _ := fixture.ItemOn[*desired.Network](s.cache(), "h1", red); n.IsolateGuests || !fixture.Placed(s.cache(), "h2", "far") {
		t.Errorf("isolation is gone, and h1 has %+v; on h2: %v", n, fixture.Placed(s.cache(), "h2", "far"))
	}
}

// TestIsolatedGuestsAreRecognisable: hosts recognise the guests of others by the prefix of their MACs, so a port has no other one.
func TestIsolatedGuestsAreRecognisable(t *testing.T) {
	t.Parallel()
	port := func(mac string) string { return `{"spec":{"network":"red","host":"h1","mac":"` + mac + `"}}` }
	s, red := isolated(t, "")
	s.planner.settings.MACPrefix = [3]byte{0x52, 0x54, 1}
	s.put(fixture.Port("own"), `{"spec":{"network":"red","host":"h1"}}`)
	s.put(fixture.Port("default"), port("fa:16:3e:00:00:01"))
	s.put(fixture.Port("chosen"), port("52:54:01:00:00:01"))
	s.put(fixture.Port("strange"), port("52:54:00:00:00:01"))
	s.settle()
	s.check()
	for name, want := range map[string]string{"own": "", "default": "", "chosen": "",
		"strange": "spec.mac: 52:54:00:00:00:01 does not begin with 52:54:01 or fa:16:3e: the network isolates its guests"} {
		if got := s.reasons(fixture.Port(name)); !strings.HasPrefix(got, want) || want == "" && got != "" {
			t.Errorf("port %s says %q, expected %q", name, got, want)
		}
	}
	// A network whose guests already have other MACs cannot isolate them.
	s.put(red, flatSpec)
	s.settle()
	if got := s.reasons(fixture.Port("strange")); got != "" {
		t.Errorf("without isolation the port says %q", got)
	}
	s.put(red, isolatedSpec(""))
	s.settle()
	s.check()
	if got := s.reasons(red); !strings.Contains(got, "spec.isolateGuests: Port alpha/strange has MAC 52:54:00:00:00:01, which does not begin with") {
		t.Errorf("the network says %q", got)
	}
	if n, _ := fixture.ItemOn[*desired.Network](s.cache(), "h1", red); n == nil || n.IsolateGuests {
		t.Errorf("a network that was refused is on h1 as %+v", n)
	}
	s.remove(fixture.Port("strange"))
	s.settle()
	s.check()
	if n, _ := fixture.ItemOn[*desired.Network](s.cache(), "h1", red); n == nil || !n.IsolateGuests {
		t.Errorf("the port is gone, and h1 has %+v: %s", n, s.reasons(red))
	}
}

// TestIsolatedNetworkNamesRouters: hosts are told the MACs of the routers that may send to the guests, and only for such networks.
func TestIsolatedNetworkNamesRouters(t *testing.T) {
	t.Parallel()
	s, red := isolated(t, "")
	names := func(id model.ID) []model.MAC {
		n, ok := fixture.ItemOn[*desired.Network](s.cache(), "h1", id)
		if !ok {
			t.Fatalf("%s is not on h1", id)
		}
		return n.RouterMACs
	}
	mac := func(id model.ID) model.MAC { return s.cache().Accepted(id).Allocated.MAC }
	s.put(fixture.Port("one"), `{"spec":{"network":"red","host":"h1"}}`)
	s.put(fixture.Port("plain"), `{"spec":{"network":"blue","host":"h1"}}`)
	s.settle()
	if got := names(red); got != nil {
		t.Errorf("without a router it names %v", got)
	}
	s.put(fixture.Router("way"), `{"spec":{"networks":["red"]}}`)
	s.settle()
	if got := names(red); !slices.Equal(got, []model.MAC{mac(fixture.HostH1)}) {
		t.Errorf("with a router on h1 it names %v", got)
	}
	s.put(fixture.Port("two"), `{"spec":{"network":"red","host":"h2"}}`)
	s.settle()
	if got := names(red); len(got) != 2 || !slices.Contains(got, mac(fixture.HostH2)) {
		t.Errorf("with a router on h2 too it names %v", got)
	}
	if got := names(fixture.Blue); got != nil {
		t.Errorf("a network that does not isolate names %v", got)
	}
	s.put(fixture.HostH2, fixture.GatewaySpec)
	s.put(fixture.Router("way"), `{"spec":{"networks":["red"],"gateway":"centralized"}}`)
	s.settle()
	s.check()
	if got := names(red); !slices.Contains(got, mac(fixture.Router("way"))) {
		t.Errorf("with a centralized router it names %v", got)
	}
}

// TestIsolatedExternalNetworkNamesRouters: those of all routers that lead to it, centralized ones included.
func TestIsolatedExternalNetworkNamesRouters(t *testing.T) {
	t.Parallel()
	s, _ := isolated(t, "")
	s.put(fixture.Network("red"), vlanSpec)
	s.put(fixture.HostH2, fixture.GatewaySpec)
	s.put(model.ID{Project: "_", Kind: model.KindProject, Name: "operator"}, `{"spec":{}}`)
	s.put(fixture.Internet, strings.Replace(fixture.InternetSpec, `"external"`, `"isolateGuests":true,"external"`, 1))
	s.put(fixture.Port("out"), `{"spec":{"network":"operator/internet","host":"h1"}}`)
	s.put(fixture.Port("in"), `{"spec":{"network":"blue","host":"h1"}}`)
	s.put(fixture.Router("near"), `{"spec":{"networks":["blue"],"externalNetwork":"operator/internet"}}`)
	s.put(fixture.Router("far"), `{"spec":{"networks":["red"],"externalNetwork":"operator/internet","gateway":"centralized"}}`)
	s.put(fixture.Router("inside"), `{"spec":{"networks":["lime"],"gateway":"centralized"}}`)
	s.put(fixture.Network("lime"), `{"spec":{"type":"vlan","physicalNetwork":"physnet1","subnets":[{"cidr":"10.6.0.0/24"}]}}`)
	s.settle()
	s.check()
	n, ok := fixture.ItemOn[*desired.Network](s.cache(), "h1", fixture.Internet)
	if !ok {
		t.Fatal("h1 has no external network")
	}
	mac := func(id model.ID) model.MAC { return s.cache().Accepted(id).Allocated.MAC }
	want := []model.MAC{mac(fixture.HostH1), mac(fixture.HostH2), mac(fixture.Router("far"))}
	for _, m := range want {
		if m.IsZero() || !slices.Contains(n.RouterMACs, m) {
			t.Errorf("%s is not in %v", m, n.RouterMACs)
		}
	}
	if len(n.RouterMACs) != len(want) {
		t.Errorf("%v, expected %v: a router that does not lead there is no sender", n.RouterMACs, want)
	}
	if !slices.IsSortedFunc(n.RouterMACs, func(a, b model.MAC) int { return slices.Compare(a[:], b[:]) }) {
		t.Errorf("the order of %v is not fixed", n.RouterMACs)
	}
}

// reasons are those of an object's status, as text.
func (s *sim) reasons(id model.ID) string {
	cond := s.condition(id)
	_, reasons := s.planner.outlook(id, &cond)
	var all []string
	for _, r := range reasons {
		all = append(all, r.Field+": "+r.Message)
	}
	return strings.Join(all, "; ")
}
