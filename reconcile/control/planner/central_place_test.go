package planner

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"weft/etcdschema"
	"weft/model"
	"weft/model/desired"
	"weft/reconcile/control/claim"
	"weft/reconcile/control/internal/fixture"
	"weft/reconcile/control/kind"
)

func TestGatewayHostsKeepTheirPlaces(t *testing.T) {
	t.Parallel()
	s := centralRegion(t)
	first := s.gatewayHosts("edge")
	spare := ""
	for _, name := range []string{"g1", "g2", "g3", "g4"} {
		if !slices.Contains(first, name) {
			spare = name
		}
	}
	expect := func(what string, want ...string) {
		t.Helper()
		s.settle()
		s.check()
		if got := s.gatewayHosts("edge"); !slices.Equal(got, want) {
			t.Errorf("%s: gateway hosts %v, expected %v", what, got, want)
		}
	}
	a, b, c := first[0], first[1], first[2]
	s.event(etcdschema.ActualNode(a), nil)
	s.put(fixture.Router("edge"), strings.Replace(fixture.CentralSpec, `["blue","green"]`, `["green","blue"]`, 1))
	expect("nothing is known of the first one's weftd", a, b, c)
	s.feature(a, fixture.AllFeatures()...)
	writes := s.writes
	s.feature(a, fixture.AllFeatures()...)
	expect("it reports again", a, b, c)
	if s.writes != writes {
		t.Errorf("a report wrote %d keys", s.writes-writes)
	}
	s.put(model.HostID(b), fixture.HostSpec)
	expect("the second loses the role", a, c, spare)
	if mac := s.cache().Accepted(model.HostID(b)).Allocated.MAC; !mac.IsZero() {
		t.Errorf("it keeps router MAC %s", mac)
	}
	s.put(model.HostID(b), fixture.GatewaySpec)
	expect("it has it again, and the list is full", a, c, spare)
	s.remove(model.HostID(a))
	expect("the first is deleted", c, spare, b)
	s.put(model.HostID(a), fixture.GatewaySpec)
	expect("and declared again", c, spare, b)
	s.put(model.HostID(spare), fixture.BridgeSpec)
	expect("one is a bridge host now", c, b, a)
	s.put(model.HostID(c), strings.Replace(fixture.GatewaySpec, "physnet1", "physnet2", 1))
	expect("its physical network does not exist, so what was accepted stays", c, b, a)
	s.put(model.ID{Project: model.ClusterProject, Kind: model.KindPhysicalNetwork, Name: "physnet2"}, fixture.PhysnetSpec)
	expect("one reaches another physical network", b, a)
	s.feature(a, desired.FeatureRouter)
	expect("one has an older weftd", b)
	s.put(model.HostID("g5"), fixture.GatewaySpec)
	s.feature("g5", fixture.AllFeatures()...)
	expect("a new one comes at the end", b, "g5")
	s.feature(a, fixture.AllFeatures()...)
	expect("and the upgraded one behind it", b, "g5", a)
}

func TestCentralRouterWaits(t *testing.T) {
	t.Parallel()
	s := routedRegion(t)
	s.put(fixture.Router("edge"), fixture.CentralSpec)
	s.put(fixture.Port("web-1"), fixture.PortOnH1)
	s.put(fixture.Floating("web"), `{"spec":{"network":"operator/internet","port":"web-1"}}`)
	expect := func(what, reason string) {
		t.Helper()
		s.settle()
		s.check()
		phase, reasons := s.planner.outlook(fixture.Router("edge"), s.planner.conditions[fixture.Router("edge")])
		if reason == "" && phase != etcdschema.PhaseAccepted || reason != "" && (phase != etcdschema.PhasePending || !strings.Contains(reasons[0].Message, reason)) {
			t.Errorf("%s: %s %+v, expected %q", what, phase, reasons, reason)
		}
		if f := s.condition(fixture.Floating("web")); reason == "" != f.Good() && !strings.Contains(reason, "guests on host") {
			t.Errorf("%s: floating address %+v", what, f)
		}
		told := strings.Contains(s.item("h1", desired.KindNetwork, fixture.Blue), `"centralMAC"`)
		if told != (reason == "") {
			t.Errorf("%s: guests are told of the router: %v", what, told)
		}
	}
	expect("nobody has the role", "no host has the role gateway: give spec.roles: [gateway]")
	s.put(model.HostID("g1"), strings.Replace(fixture.GatewaySpec, `[{"name":"physnet1","interface":"eth1"}]`, "[]", 1))
	expect("not connected", "host g1 has no interface on physical network physnet1, which carries Network alpha/blue")
	s.put(model.HostID("g1"), fixture.BridgeSpec)
	expect("wrong driver", "host g1 has driver bridge: centralized routers need hosts with driver ovs")
	s.put(model.HostID("g1"), fixture.GatewaySpec)
	expect("no weftd", "host g1 needs feature router")
	s.feature("g1", desired.FeatureVLAN, desired.FeatureRouter)
	expect("an older weftd", "host g1 needs feature central, which it does not have: start weftd there, or upgrade it")
	s.feature("g1", fixture.AllFeatures()...)
	expect("all is there", "")
	s.feature("h1", desired.Baseline()...)
	expect("the guest's host is older", "guests on host h1 have no gateway: needs feature router")
	s.feature("h1", fixture.AllFeatures()...)
	expect("it is upgraded", "")
	s.remove(model.HostID("g1"))
	expect("the host is deleted", "no host has the role gateway")
	s.put(model.HostID("g1"), fixture.GatewaySpec)
	expect("and comes back", "")
}

// A centralized router waits while its external network has no free address, and is wired when one becomes free.
func TestCentralRouterNeedsAnAddress(t *testing.T) {
	t.Parallel()
	s := routedRegion(t)
	s.put(fixture.Internet, strings.Replace(fixture.InternetSpec, "203.0.113.19", "203.0.113.10", 1))
	s.put(fixture.Floating("last"), `{"spec":{"network":"operator/internet","address":"203.0.113.10"}}`)
	s.put(model.HostID("g1"), fixture.GatewaySpec)
	s.feature("g1", fixture.AllFeatures()...)
	s.settle()
	s.put(fixture.Router("edge"), fixture.CentralSpec)
	s.settle()
	s.check()
	if cond := s.condition(fixture.Router("edge")); cond.Phase != etcdschema.PhasePending ||
		!strings.Contains(cond.Reasons[0].Message, "waits for an address of its own in 203.0.113.0/24") {
		t.Errorf("%+v", cond)
	}
	s.put(fixture.Internet, strings.Replace(fixture.InternetSpec, "203.0.113.19", "203.0.113.11", 1))
	s.settle()
	s.check()
	if cond := s.condition(fixture.Router("edge")); !cond.Good() || s.item("g1", desired.KindRouter, fixture.Router("edge")) == "" {
		t.Errorf("%+v", cond)
	}
}

// Forwards of one address may lead to guests on several hosts if all of them are behind one centralized router.
func TestForwardsThroughOneCentralRouter(t *testing.T) {
	t.Parallel()
	s := centralRegion(t)
	s.put(fixture.Floating("web"), `{"spec":{"network":"operator/internet","portForwards":[{"protocol":"tcp","port":80,"target":"web-1"},{"protocol":"tcp","port":81,"target":"db-1"}]}}`)
	s.settle()
	s.check()
	for _, name := range s.gatewayHosts("edge") {
		if got := s.item(name, desired.KindFloatingIP, fixture.Floating("web")); !strings.Contains(got, `"to":"10.0.0.4"`) || !strings.Contains(got, `"to":"10.8.0.3"`) {
			t.Errorf("%s holds %s", name, got)
		}
	}
	s.put(fixture.Network("red"), `{"spec":{"type":"vlan","physicalNetwork":"physnet1","subnets":[{"cidr":"10.0.0.0/24"}]}}`)
	s.put(fixture.Router("other"), `{"spec":{"networks":["red"],"externalNetwork":"operator/internet","gateway":"centralized"}}`)
	s.put(fixture.Port("red-1"), `{"spec":{"network":"red","host":"h1"}}`)
	s.put(fixture.Floating("web"), `{"spec":{"network":"operator/internet","portForwards":[{"protocol":"tcp","port":80,"target":"web-1"},{"protocol":"tcp","port":81,"target":"red-1"}]}}`)
	s.settle()
	s.check()
	if cond := s.condition(fixture.Floating("web")); cond.Good() ||
		!strings.Contains(cond.Reasons[0].Message, "is on Router alpha/other, that of another forward on Router alpha/edge") {
		t.Errorf("%+v", cond)
	}
}

// Routers are distributed over the hosts, for the first place and for the second.
func TestRoutersSpreadOverGatewayHosts(t *testing.T) {
	t.Parallel()
	s := centralRegion(t)
	first, second := map[string]int{}, map[string]int{}
	for i := range 80 {
		n := fmt.Sprintf("n%02d", i)
		s.put(fixture.Network(n), `{"spec":{"type":"vlan","physicalNetwork":"physnet1","subnets":[{"cidr":"10.9.0.0/24"}]}}`)
		s.put(fixture.Router("r"+n), `{"spec":{"networks":["`+n+`"],"gateway":"centralized"}}`)
	}
	s.settle()
	s.check()
	for i := range 80 {
		list := s.gatewayHosts(fmt.Sprintf("rn%02d", i))
		first[list[0]]++
		second[list[1]]++
	}
	for _, count := range []map[string]int{first, second} {
		for _, name := range []string{"g1", "g2", "g3", "g4"} {
			if n := count[name]; n < 8 || n > 36 {
				t.Errorf("%s is first of %d and second of %d of 80 routers", name, first[name], second[name])
			}
		}
	}
}

// Whatever happens to hosts, those that can have the router keep their order, and come before new ones.
func TestGatewayHostsAreSticky(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := centralRegion(t)
		hosts := []string{"g1", "g2", "g3", "g4", "g5", "h1"}
		for range rapid.IntRange(1, 12).Draw(t, "edits") {
			before := slices.Clone(s.gatewayHosts("edge"))
			name := rapid.SampledFrom(hosts).Draw(t, "host")
			switch rapid.IntRange(0, 6).Draw(t, "what") {
			case 0:
				s.remove(model.HostID(name))
			case 1:
				s.put(model.HostID(name), fixture.HostSpec)
			case 2:
				s.put(model.HostID(name), fixture.BridgeSpec)
			case 3:
				s.feature(name, desired.Baseline()...)
			case 4:
				s.feature(name, fixture.AllFeatures()...)
			case 5:
				s.event(etcdschema.ActualNode(name), nil)
			default:
				s.put(model.HostID(name), fixture.GatewaySpec)
			}
			s.settle()
			s.check()
			s.checkSticky(before)
		}
	})
}

func (s *sim) checkSticky(before []string) {
	s.t.Helper()
	spec := s.cache().Accepted(fixture.Router("edge")).Object.Spec.(*model.RouterSpec)
	now := s.gatewayHosts("edge")
	var stay []string
	for _, name := range before {
		if s.fits(name, spec, true) {
			stay = append(stay, name)
		}
	}
	if len(now) < len(stay) || !slices.Equal(now[:len(stay)], stay) {
		s.t.Fatalf("gateway hosts were %v, of which %v can stay, and are %v", before, stay, now)
		return
	}
	for _, name := range s.gatewayNames() {
		if len(now) < desired.MaxGatewayPeers && !slices.Contains(now, name) && s.fits(name, spec, false) {
			s.t.Fatalf("%s could be a gateway host, they are %v", name, now)
			return
		}
	}
}

// A preview shows which hosts would have a centralized router, and its claims. It writes nothing.
func TestPreviewOfACentralRouter(t *testing.T) {
	t.Parallel()
	s := routedRegion(t)
	s.put(fixture.Port("web-1"), fixture.PortOnH1)
	s.put(model.HostID("g1"), fixture.GatewaySpec)
	s.feature("g1", fixture.AllFeatures()...)
	s.settle()
	before := s.snapshot()
	pv, err := PreviewOn(s.cache(), kind.AllKinds(), [3]byte{}, []model.Object{mustDecode(t, fixture.Router("edge"), fixture.CentralSpec)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, s.snapshot()); diff != "" {
		t.Errorf("the preview left traces: %s", diff)
	}
	if a := pv.Objects[0].Allocated; pv.Objects[0].Phase != etcdschema.PhaseAccepted || !slices.Equal(a.GatewayHosts, []string{"g1"}) || a.MAC.IsZero() || len(a.External) != 1 {
		t.Errorf("it would be %+v", pv.Objects[0])
	}
	var items, claims []string
	for _, i := range pv.Items {
		items = append(items, string(i.Op)+" "+i.Node+" "+string(i.Key.Kind))
	}
	for _, c := range pv.Claims {
		claims = append(claims, string(c.Op)+" "+claim.SpaceOf(c.Key)+" of "+either(c.New, c.Old).For)
	}
	slices.Sort(claims)
	if diff := cmp.Diff([]string{
		"create g1 neighbors", "create g1 network", "create g1 network", "create g1 network", "create g1 router",
		"update h1 host", "delete h1 neighbors", "update h1 network", "delete h1 network", "delete h1 network", "delete h1 router",
	}, items); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{
		"create address of Router alpha/edge", "create address of Router alpha/edge", "create mac of Router alpha/edge",
		"update address of Host h1", "update address of Host h1", "update mac of Host h1",
	}, claims); diff != "" {
		t.Error(diff)
	}
}

func either(a, b *etcdschema.Claim) *etcdschema.Claim {
	if a != nil {
		return a
	}
	return b
}

// After a restore that has lost a centralized router, the nodes' reports keep its addresses from others.
func TestRebuildKeepsWhatGatewaysReport(t *testing.T) {
	t.Parallel()
	const uid = "99999999-0000-4000-8000-000000000000"
	s := routedRegion(t)
	s.settle()
	own := model.Address{Addr: netip.MustParseAddr("203.0.113.10")}
	x := s.cache().Accepted(fixture.Internet).UID
	for _, c := range []struct {
		uid    string
		report etcdschema.GatewayReport
		want   int
	}{
		{"no uid", etcdschema.GatewayReport{ID: "alpha/edge", MAC: model.MAC{0xfa, 0x16, 0x3e, 9, 9, 9}}, 0},
		{uid, etcdschema.GatewayReport{ID: strings.Repeat("x", 999), MAC: model.MAC{0xfa, 0x16, 0x3e, 9, 9, 9}}, 0},
		{uid, etcdschema.GatewayReport{ID: "alpha/edge", External: "a/../b", Addresses: []model.Address{own}}, 0},
		{uid, etcdschema.GatewayReport{ID: "alpha/edge", External: x, Addresses: make([]model.Address, 1000)}, 0},
		{uid, etcdschema.GatewayReport{ID: "alpha/edge", MAC: model.MAC{0xfa, 0x16, 0x3e, 9, 9, 9}, External: x, Addresses: []model.Address{own}}, 2},
	} {
		s.record(etcdschema.ActualBucket("g1", etcdschema.Bucket(uid)), etcdschema.BucketReport{Gateways: map[string]etcdschema.GatewayReport{c.uid: c.report}})
		if got := s.restoreClaims(); got != c.want {
			t.Errorf("%s %.20s: %d claims, expected %d", c.uid, c.report.ID, got, c.want)
		}
	}
	s.staysWhileReported(t, x, own, uid, etcdschema.ActualBucket("g1", etcdschema.Bucket(uid)), "router")
}

// A change behind a centralized router is written to its gateway hosts and the guest's own host, in one transaction.
func TestACentralChangeWritesOnlyWhatItConcerns(t *testing.T) {
	t.Parallel()
	s := centralRegion(t)
	for i := range 300 {
		s.put(fixture.Port("p"+pad(i)), fixture.PortOnH1)
	}
	s.put(fixture.Floating("one"), `{"spec":{"network":"operator/internet"}}`)
	s.settle()
	s.check()
	wrote := func(what string, want int, do func()) { t.Helper(); s.wrote(t, what, want, do) }
	// accepted, the guest's address claimed, three items, three heads
	wrote("an association", 8, func() {
		s.put(fixture.Floating("one"), `{"spec":{"network":"operator/internet","port":"p`+pad(7)+`"}}`)
	})
	// accepted, two claims of fixed addresses, three items, three heads
	wrote("a move of it", 9, func() {
		s.put(fixture.Floating("one"), `{"spec":{"network":"operator/internet","port":"p`+pad(8)+`"}}`)
	})
	// accepted, six claims, the port, a part for each of its addresses on three hosts, four heads
	wrote("a port", 18, func() { s.put(fixture.Port("one-more"), fixture.PortOnH1) })
	// accepted, both device claims, the port on both hosts, both heads, and the network on the new host if it is the first port there
	wrote("a move of it", 8, func() { s.put(fixture.Port("one-more"), strings.Replace(fixture.PortOnH1, "h1", "h2", 1)) })
	// accepted, both device claims, the port on both hosts, both heads: the floating address does not move
	wrote("a move of one with a floating address", 7, func() { s.put(fixture.Port("p"+pad(8)), strings.Replace(fixture.PortOnH1, "h1", "a1", 1)) })
}

// A status shows what each gateway host last reported as its state, and nothing else that a node may report.
func TestStatusTellsWhichGatewayIsActive(t *testing.T) {
	t.Parallel()
	s := centralRegion(t)
	list, uid := s.gatewayHosts("edge"), s.cache().Accepted(fixture.Router("edge")).UID
	for i, c := range []struct{ says, want etcdschema.GatewayState }{
		{etcdschema.GatewayActive, etcdschema.GatewayActive},
		{etcdschema.GatewayStandby, etcdschema.GatewayStandby},
		{etcdschema.GatewayState(strings.Repeat("x", 1<<16)), ""},
	} {
		clear(s.planner.status)
		s.record(etcdschema.ActualBucket(list[i], etcdschema.Bucket(uid)), etcdschema.BucketReport{Gateways: map[string]etcdschema.GatewayReport{uid: {State: c.says}}})
		k := etcdschema.StatusKey(fixture.Router("edge"))
		if _, due := s.planner.status[k]; !due {
			t.Errorf("the report of %.20s does not lead to a new status", c.says)
		}
		st, _ := s.planner.StatusFor(k)
		if got := st.Nodes[list[i]]; got.Gateway != c.want || len(got.External) > 0 {
			t.Errorf("%s reports %.20s, the status has %+v", list[i], c.says, got)
		}
		if !slices.Equal(st.Allocated.GatewayHosts, list) || len(st.Nodes) != len(list) {
			t.Errorf("the status has %v on %d nodes, expected %v", st.Allocated.GatewayHosts, len(st.Nodes), list)
		}
	}
}
