package planner

import (
	"strings"
	"testing"
	"time"

	"weft/etcdschema"
	"weft/model"
	"weft/model/desired"
	"weft/reconcile/control/internal/fixture"
)

// routedRegion is two networks on a router with an external network, on hosts that can have it.
func routedRegion(t fataler) *sim {
	s := newSim(t)
	s.putAll(fixture.RegionIntent())
	s.put(model.ID{Project: model.ClusterProject, Kind: model.KindProject, Name: "operator"}, `{"spec":{}}`)
	s.put(fixture.Internet, fixture.InternetSpec)
	s.put(fixture.Network("green"), fixture.GreenSpec)
	s.put(fixture.Router("edge"), `{"spec":{"networks":["blue","green"],"externalNetwork":"operator/internet"}}`)
	s.routing()
	return s
}

func TestRouterNodeConfigs(t *testing.T) {
	t.Parallel()
	s := routedRegion(t)
	s.put(fixture.Port("web-1"), `{"spec":{"network":"blue","host":"h1","mac":"fa:16:3e:00:00:01"}}`)
	s.put(fixture.Port("db-1"), `{"spec":{"network":"green","host":"h2","mac":"fa:16:3e:00:00:02"}}`)
	s.put(fixture.Floating("web"), `{"spec":{"network":"operator/internet","port":"web-1"}}`)
	s.settle()
	s.check()
	golden(t, "router_h1.golden", s.config(t, "h1"))
	golden(t, "router_h2.golden", s.config(t, "h2"))
	for id := range s.cache().Intents() {
		if cond := s.condition(id); !cond.Good() {
			t.Errorf("%s: %+v", id, cond)
		}
	}
	s.remove(fixture.Port("db-1"))
	s.settle()
	s.check()
	if n := len(s.cache().Node("h2").Items); n != 1 {
		t.Errorf("h2 keeps %d items, expected the host alone:\n%s", n, s.config(t, "h2"))
	}
	h2 := s.cache().Accepted(model.HostID("h2"))
	if !h2.Allocated.MAC.IsZero() || len(h2.Allocated.External) > 0 {
		t.Errorf("h2 without a router has %+v", h2.Allocated)
	}
	held := 0
	for k := range s.cache().Owned(h2.UID) {
		if cl, _ := s.cache().Claim(k); cl.State == etcdschema.ClaimHeld {
			held++
		}
	}
	if held != 3 {
		t.Errorf("h2 holds %d claims, expected MAC and two addresses", held)
	}
}

// item is an item of a node config as text; empty when it does not exist.
func (s *sim) item(node string, kind desired.Kind, id model.ID) string {
	a := s.cache().Accepted(id)
	if a == nil || s.cache().Node(node) == nil {
		return ""
	}
	if e := s.cache().Node(node).Items[desired.Key{Kind: kind, UID: a.UID}]; e != nil {
		return string(e.Data)
	}
	return ""
}

func TestRouterWaits(t *testing.T) {
	t.Parallel()
	s := routedRegion(t)
	s.put(fixture.Port("web-1"), `{"spec":{"network":"blue","host":"h1"}}`)
	s.put(fixture.Floating("web"), `{"spec":{"network":"operator/internet","port":"web-1"}}`)
	wired := func(what string, on bool, reason string) {
		t.Helper()
		s.settle()
		s.check()
		if s.item("h1", desired.KindPort, fixture.Port("web-1")) == "" {
			t.Errorf("%s: the port is not wired", what)
		}
		for kind, id := range map[desired.Kind]model.ID{desired.KindRouter: fixture.Router("edge"), desired.KindFloatingIP: fixture.Floating("web"), desired.KindNetwork: fixture.Internet} {
			if is := s.item("h1", kind, id) != ""; is != on {
				t.Errorf("%s: %s on h1: %v", what, id, is)
			}
		}
		if tells := strings.Contains(s.item("h1", desired.KindNetwork, fixture.Network("blue")), `"gateway":"10.0.0.1"`); tells != on {
			t.Errorf("%s: guests are told of the gateway: %v", what, tells)
		}
		phase, reasons := s.planner.outlook(fixture.Router("edge"), s.planner.conditions[fixture.Router("edge")])
		if reason == "" && phase != etcdschema.PhaseAccepted || reason != "" && (phase != etcdschema.PhasePending || !strings.Contains(reasons[0].Message, reason)) {
			t.Errorf("%s: %s %+v, expected %q", what, phase, reasons, reason)
		}
	}
	wired("all is there", true, "")
	s.feature("h1", desired.Baseline()...)
	wired("weftd is older", false, "needs feature router")
	s.feature("h1", fixture.AllFeatures()...)
	wired("weftd is upgraded", true, "")
	s.put(fixture.Router("edge"), `{"spec":{"networks":["blue","green"],"externalNetwork":"operator/internet","gateway":"centralized"}}`)
	wired("centralized", false, "no host has the role gateway")
	s.put(fixture.Router("edge"), `{"spec":{"networks":["blue","green"],"externalNetwork":"operator/internet","gateway":"none"}}`)
	wired("none", false, "")
	s.put(fixture.Router("edge"), `{"spec":{"networks":["blue","green"],"externalNetwork":"operator/internet"}}`)
	wired("distributed again", true, "")
	s.remove(fixture.Router("edge"))
	s.settle()
	s.check()
	if got := s.item("h1", desired.KindNetwork, fixture.Internet) + s.item("h1", desired.KindFloatingIP, fixture.Floating("web")); got != "" {
		t.Errorf("without the router h1 holds %s", got)
	}
}

func TestFloatingMoves(t *testing.T) {
	t.Parallel()
	s := routedRegion(t)
	s.put(fixture.Port("web-1"), `{"spec":{"network":"blue","host":"h1"}}`)
	s.put(fixture.Port("web-2"), `{"spec":{"network":"green","host":"h2"}}`)
	s.put(fixture.Floating("web"), `{"spec":{"network":"operator/internet"}}`)
	on := func(what, h1, h2, reason string) {
		t.Helper()
		s.settle()
		s.check()
		for node, want := range map[string]string{"h1": h1, "h2": h2} {
			got := s.item(node, desired.KindFloatingIP, fixture.Floating("web"))
			if want == "" && got != "" || want != "" && !strings.Contains(got, want) {
				t.Errorf("%s: %s holds %q, expected %q", what, node, got, want)
			}
		}
		cond := s.condition(fixture.Floating("web"))
		if reason == "" && !cond.Good() || reason != "" && (cond.Good() || !strings.Contains(cond.Reasons[0].Message, reason)) {
			t.Errorf("%s: %+v, expected %q", what, cond, reason)
		}
	}
	on("reserved", "", "", "")
	before := s.transactions
	s.put(fixture.Floating("web"), `{"spec":{"network":"operator/internet","port":"web-1"}}`)
	on("web-1", `"fixed":"10.0.0.`, "", "")
	s.put(fixture.Floating("web"), `{"spec":{"network":"operator/internet","port":"web-2"}}`)
	on("web-2", "", `"fixed":"10.8.0.`, "")
	if s.transactions != before+2 {
		t.Errorf("moving took %d transactions, expected two", s.transactions-before)
	}
	s.put(fixture.Port("web-2"), `{"spec":{"network":"green","host":"h1","migrateTo":"h2"}}`)
	on("web-2 is elsewhere", `"fixed":"10.8.0.`, "", "")
	before = s.transactions
	s.put(fixture.Port("web-2"), `{"spec":{"network":"green","host":"h2"}}`)
	on("migrated", "", `"fixed":"10.8.0.`, "")
	if s.transactions != before+1 {
		t.Errorf("migrating took %d transactions, expected one", s.transactions-before)
	}
	s.remove(fixture.Port("web-2"))
	on("web-2 is deleted", "", "", "Port alpha/web-2 does not exist")
	s.put(fixture.Port("web-2"), `{"spec":{"network":"green"}}`)
	on("web-2 has no host", "", "", "has no host")
	s.put(fixture.Network("red"), `{"spec":{"type":"vlan","physicalNetwork":"physnet1","subnets":[{"cidr":"10.0.0.0/24"}]}}`)
	s.put(fixture.Port("web-3"), `{"spec":{"network":"red","host":"h1"}}`)
	s.put(fixture.Floating("web"), `{"spec":{"network":"operator/internet","port":"web-3"}}`)
	on("no router", "", "", "is on no router")
	s.put(fixture.Router("inner"), `{"spec":{"networks":["red"]}}`)
	on("router without external network", "", "", "does not lead to Network operator/internet")
	s.put(fixture.Router("inner"), `{"spec":{"networks":["red"],"externalNetwork":"operator/internet"}}`)
	on("router to the external network", `"fixed":"10.0.0.`, "", "")
	s.put(fixture.Floating("second"), `{"spec":{"network":"operator/internet","port":"web-3"}}`)
	s.settle()
	if cond := s.condition(fixture.Floating("second")); cond.Good() || !strings.Contains(cond.Reasons[0].Message, "FloatingIP alpha/web stands for") {
		t.Errorf("two for one address: %+v", cond)
	}
	s.remove(fixture.Floating("web"))
	s.settle()
	s.check()
	if s.item("h1", desired.KindFloatingIP, fixture.Floating("second")) == "" {
		t.Error("the second does not take over when the first is gone")
	}
}

func TestForwardsLeadToOneHost(t *testing.T) {
	t.Parallel()
	s := routedRegion(t)
	s.put(fixture.Port("web-1"), `{"spec":{"network":"blue","host":"h1"}}`)
	s.put(fixture.Port("web-2"), `{"spec":{"network":"green","host":"h2"}}`)
	s.put(fixture.Floating("web"), `{"spec":{"network":"operator/internet","portForwards":[{"protocol":"tcp","port":8080,"toPort":80,"target":"web-1"},{"protocol":"udp","port":"53","target":"web-2"}]}}`)
	s.settle()
	if cond := s.condition(fixture.Floating("web")); cond.Good() ||
		!strings.Contains(cond.Reasons[0].Message, "all forwards of one address lead to one host") {
		t.Errorf("%+v", cond)
	}
	s.put(fixture.Port("web-2"), `{"spec":{"network":"green","host":"h1"}}`)
	s.settle()
	s.check()
	if got := s.item("h1", desired.KindFloatingIP, fixture.Floating("web")); !strings.Contains(got, `"toFirst":80`) || !strings.Contains(got, `"toFirst":53`) {
		t.Errorf("h1 holds %q", got)
	}
}

func TestBadRouting(t *testing.T) {
	t.Parallel()
	s := routedRegion(t)
	s.put(fixture.Network("same"), `{"spec":{"type":"vlan","physicalNetwork":"physnet1","subnets":[{"cidr":"10.8.0.128/25"}]}}`)
	s.settle()
	before := s.snapshot()
	for want, put := range map[string]struct {
		id   model.ID
		spec string
	}{
		"overlaps":                           {fixture.Router("edge"), `{"spec":{"networks":["blue","green","same"]}}`},
		"belongs to Router alpha/edge":       {fixture.Router("two"), `{"spec":{"networks":["green"]}}`},
		"is no external network":             {fixture.Router("three"), `{"spec":{"networks":["same"],"externalNetwork":"green"}}`},
		"outside the allocation pools":       {fixture.Floating("f"), `{"spec":{"network":"operator/internet","address":"203.0.113.20"}}`},
		"is in no subnet":                    {fixture.Floating("g"), `{"spec":{"network":"operator/internet","address":"192.0.2.1"}}`},
		"would make Router alpha/edge":       {fixture.Network("blue"), strings.Replace(fixture.BlueSpec, "10.0.0.0/16", "10.8.0.0/16", 1)},
		"is forwarded already":               {fixture.Floating("h"), `{"spec":{"network":"operator/internet","portForwards":[{"protocol":"tcp","port":80,"target":"a"},{"protocol":"tcp","port":"70-90","target":"a"}]}}`},
		"would make Router alpha/edge wrong": {fixture.Internet, strings.Replace(fixture.InternetSpec, `"external":{},`, "", 1)},
	} {
		s.put(put.id, put.spec)
		s.settle()
		s.check()
		cond := s.condition(put.id)
		if cond.Phase != etcdschema.PhaseInvalid || !strings.Contains(cond.Reasons[0].Message, want) {
			t.Errorf("%s: %+v, expected %q", put.id, cond, want)
		}
	}
	for k, was := range before {
		if is := s.snapshot()[k]; is != was && !strings.HasPrefix(k, "intent/") {
			t.Errorf("%s became %s", k, is)
		}
	}
}

func TestAnExternalNetworkThatNoHostHas(t *testing.T) {
	t.Parallel()
	s := routedRegion(t)
	s.put(model.ID{Project: model.ClusterProject, Kind: model.KindPhysicalNetwork, Name: "uplinks"}, fixture.PhysnetSpec)
	s.put(fixture.Internet, strings.Replace(fixture.InternetSpec, "physnet1", "uplinks", 1))
	s.put(fixture.Port("web-1"), `{"spec":{"network":"blue","host":"h1"}}`)
	s.put(fixture.Floating("web"), `{"spec":{"network":"operator/internet","port":"web-1"}}`)
	s.settle()
	s.check()
	if cond := s.condition(fixture.Router("edge")); cond.Phase != etcdschema.PhasePending ||
		!strings.Contains(cond.Reasons[0].Message, "no host has an interface on physical network uplinks") {
		t.Errorf("%+v", cond)
	}
	if cond := s.condition(fixture.Floating("web")); !strings.Contains(cond.Reasons[0].Message, "Router alpha/edge is not on host h1") {
		t.Errorf("%+v", cond)
	}
	s.put(fixture.HostH1, strings.Replace(fixture.HostSpec, `[`, `[{"name":"uplinks","interface":"eth9"},`, 1))
	s.settle()
	s.check()
	if cond := s.condition(fixture.Router("edge")); !cond.Good() || s.item("h1", desired.KindFloatingIP, fixture.Floating("web")) == "" {
		t.Errorf("%+v, floating address %+v", cond, s.condition(fixture.Floating("web")))
	}
}

// A change costs what it concerns, whatever else a router has.
func TestARoutedChangeWritesOnlyWhatItConcerns(t *testing.T) {
	t.Parallel()
	s := routedRegion(t)
	s.put(fixture.Internet, strings.Replace(fixture.InternetSpec, `,"allocationPools":[{"start":"203.0.113.10","end":"203.0.113.19"}]`, "", 1))
	for i := range 900 {
		s.put(fixture.Port("p"+string(rune('a'+i%26))+pad(i)), fixture.PortOnH1)
	}
	s.put(fixture.Port("far"), `{"spec":{"network":"green","host":"h2"}}`)
	for i := range 100 {
		s.put(fixture.Floating("f"+pad(i)), `{"spec":{"network":"operator/internet","port":"p`+string(rune('a'+i%26))+pad(i)+`"}}`)
	}
	s.settle()
	s.check()
	wrote := func(what string, want int, do func()) { t.Helper(); s.wrote(t, what, want, do) }
	wrote("a reserved address", 2, func() { s.put(fixture.Floating("one"), `{"spec":{"network":"operator/internet"}}`) })
	wrote("an association", 4, func() { // accepted, the guest's address claimed, the item, the head
		s.put(fixture.Floating("one"), `{"spec":{"network":"operator/internet","port":"p`+string(rune('a'+500%26))+pad(500)+`"}}`)
	})
	wrote("a move of it", 5, func() {
		s.put(fixture.Floating("one"), `{"spec":{"network":"operator/internet","port":"p`+string(rune('a'+501%26))+pad(501)+`"}}`)
	})
	// accepted, six claims, the port, a part for each of its addresses on both nodes, two heads
	wrote("a port", 14, func() { s.put(fixture.Port("one-more"), fixture.PortOnH1) })
	wrote("a change of its hostname", 3, func() {
		s.put(fixture.Port("one-more"), strings.Replace(fixture.PortOnH1, `"host"`, `"hostname":"x","host"`, 1))
	})
	// accepted, both device claims, the port on both hosts, both heads; no neighbour changes
	wrote("a move of it", 7, func() { s.put(fixture.Port("one-more"), strings.Replace(fixture.PortOnH1, "h1", "h2", 1)) })
}

// Guests that come one after the other are reported together: a set is written at once, and then at most once in an interval.
func TestSetsAreWrittenOnceInAnInterval(t *testing.T) {
	t.Parallel()
	s := routedRegion(t)
	s.put(fixture.Port("far"), `{"spec":{"network":"green","host":"h2"}}`)
	s.settle()
	key := etcdschema.DesiredKey("h2", desired.Key{Kind: desired.KindNeighbors, UID: s.cache().Accepted(fixture.Blue).UID + "-0"})
	s.now = s.now.Add(time.Second)
	written := 0
	for i := range 50 {
		var before []byte
		if e := s.cache().Entry(key); e != nil {
			before = e.Data
		}
		s.put(fixture.Port("p"+pad(i)), fixture.PortOnH1)
		for !s.planner.Queue.Empty() {
			s.transact()
		}
		s.now = s.now.Add(10 * time.Millisecond)
		s.planner.Ripen(s.now)
		for !s.planner.Queue.Empty() {
			s.transact()
		}
		if e := s.cache().Entry(key); e != nil && string(before) != string(e.Data) {
			written++
		}
	}
	if written < 5 || written > 6 {
		t.Errorf("50 guests in half a second wrote the set %d times, expected once each 100 ms", written)
	}
	s.settle()
	s.check()
}
