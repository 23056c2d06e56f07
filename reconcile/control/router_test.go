package control

import (
	"strings"
	"testing"
	"time"

	"weft/etcdschema"
	"weft/model"
	"weft/model/desired"
)

func network(name string) model.ID {
	return model.ID{Project: "alpha", Kind: model.KindNetwork, Name: name}
}
func router(name string) model.ID {
	return model.ID{Project: "alpha", Kind: model.KindRouter, Name: name}
}
func floating(name string) model.ID {
	return model.ID{Project: "alpha", Kind: model.KindFloatingIP, Name: name}
}

var internet = model.ID{Project: "operator", Kind: model.KindNetwork, Name: "internet"}

const (
	internetSpec = `{"spec":{"type":"vlan","physicalNetwork":"physnet1","segmentationID":190,"external":{},"subnets":[
		{"cidr":"203.0.113.0/24","gateway":"203.0.113.1","allocationPools":[{"start":"203.0.113.10","end":"203.0.113.19"}]},
		{"cidr":"2001:db8:ffff::/64","gateway":"2001:db8:ffff::1"}]}}`
	greenSpec = `{"spec":{"type":"vlan","physicalNetwork":"physnet1","segmentationID":180,"subnets":[{"cidr":"10.8.0.0/24"},{"cidr":"fd00:8::/64"}]}}`
)

// routedRegion is two networks on a router with an external network, on hosts that can have it.
func routedRegion(t fataler) *sim {
	s := newSim(t)
	s.putAll(regionIntent())
	s.put(model.ID{Project: model.ClusterProject, Kind: model.KindProject, Name: "operator"}, `{"spec":{}}`)
	s.put(internet, internetSpec)
	s.put(network("green"), greenSpec)
	s.put(router("edge"), `{"spec":{"networks":["blue","green"],"externalNetwork":"operator/internet"}}`)
	s.routing()
	return s
}

func TestRouterNodeConfigs(t *testing.T) {
	t.Parallel()
	s := routedRegion(t)
	s.put(port("web-1"), `{"spec":{"network":"blue","host":"h1","mac":"fa:16:3e:00:00:01"}}`)
	s.put(port("db-1"), `{"spec":{"network":"green","host":"h2","mac":"fa:16:3e:00:00:02"}}`)
	s.put(floating("web"), `{"spec":{"network":"operator/internet","port":"web-1"}}`)
	s.settle()
	s.check()
	golden(t, "router_h1.golden", s.config(t, "h1"))
	golden(t, "router_h2.golden", s.config(t, "h2"))
	for id := range s.cache().intents {
		if cond := s.condition(id); !cond.good() {
			t.Errorf("%s: %+v", id, cond)
		}
	}
	s.remove(port("db-1"))
	s.settle()
	s.check()
	if n := len(s.cache().nodes["h2"].items); n != 1 {
		t.Errorf("h2 keeps %d items, expected the host alone:\n%s", n, s.config(t, "h2"))
	}
	h2 := s.cache().accepted[hostID("h2")]
	if !h2.Allocated.MAC.IsZero() || len(h2.Allocated.External) > 0 {
		t.Errorf("h2 without a router has %+v", h2.Allocated)
	}
	held := 0
	for k := range s.cache().owned[h2.UID] {
		if cl, _ := s.cache().claim(k); cl.State == etcdschema.ClaimHeld {
			held++
		}
	}
	if held != 3 {
		t.Errorf("h2 holds %d claims, expected MAC and two addresses", held)
	}
}

// item is an item of a node config as text; empty when it does not exist.
func (s *sim) item(node string, kind desired.Kind, id model.ID) string {
	a := s.cache().accepted[id]
	if a == nil || s.cache().nodes[node] == nil {
		return ""
	}
	if e := s.cache().nodes[node].items[desired.Key{Kind: kind, UID: a.UID}]; e != nil {
		return string(e.data)
	}
	return ""
}

func TestRouterWaits(t *testing.T) {
	t.Parallel()
	s := routedRegion(t)
	s.put(port("web-1"), `{"spec":{"network":"blue","host":"h1"}}`)
	s.put(floating("web"), `{"spec":{"network":"operator/internet","port":"web-1"}}`)
	wired := func(what string, on bool, reason string) {
		t.Helper()
		s.settle()
		s.check()
		if s.item("h1", desired.KindPort, port("web-1")) == "" {
			t.Errorf("%s: the port is not wired", what)
		}
		for kind, id := range map[desired.Kind]model.ID{desired.KindRouter: router("edge"), desired.KindFloatingIP: floating("web"), desired.KindNetwork: internet} {
			if is := s.item("h1", kind, id) != ""; is != on {
				t.Errorf("%s: %s on h1: %v", what, id, is)
			}
		}
		if tells := strings.Contains(s.item("h1", desired.KindNetwork, network("blue")), `"gateway":"10.0.0.1"`); tells != on {
			t.Errorf("%s: guests are told of the gateway: %v", what, tells)
		}
		phase, reasons := s.planner.outlook(router("edge"), s.planner.conditions[router("edge")])
		if reason == "" && phase != etcdschema.PhaseAccepted || reason != "" && (phase != etcdschema.PhasePending || !strings.Contains(reasons[0].Message, reason)) {
			t.Errorf("%s: %s %+v, expected %q", what, phase, reasons, reason)
		}
	}
	wired("all is there", true, "")
	s.feature("h1", desired.Baseline()...)
	wired("weftd is older", false, "needs feature router")
	s.feature("h1", allFeatures()...)
	wired("weftd is upgraded", true, "")
	s.put(router("edge"), `{"spec":{"networks":["blue","green"],"externalNetwork":"operator/internet","gateway":"centralized"}}`)
	wired("centralized", false, "no host has the role gateway")
	s.put(router("edge"), `{"spec":{"networks":["blue","green"],"externalNetwork":"operator/internet","gateway":"none"}}`)
	wired("none", false, "")
	s.put(router("edge"), `{"spec":{"networks":["blue","green"],"externalNetwork":"operator/internet"}}`)
	wired("distributed again", true, "")
	s.remove(router("edge"))
	s.settle()
	s.check()
	if got := s.item("h1", desired.KindNetwork, internet) + s.item("h1", desired.KindFloatingIP, floating("web")); got != "" {
		t.Errorf("without the router h1 holds %s", got)
	}
}

func TestFloatingMoves(t *testing.T) {
	t.Parallel()
	s := routedRegion(t)
	s.put(port("web-1"), `{"spec":{"network":"blue","host":"h1"}}`)
	s.put(port("web-2"), `{"spec":{"network":"green","host":"h2"}}`)
	s.put(floating("web"), `{"spec":{"network":"operator/internet"}}`)
	on := func(what, h1, h2, reason string) {
		t.Helper()
		s.settle()
		s.check()
		for node, want := range map[string]string{"h1": h1, "h2": h2} {
			got := s.item(node, desired.KindFloatingIP, floating("web"))
			if want == "" && got != "" || want != "" && !strings.Contains(got, want) {
				t.Errorf("%s: %s holds %q, expected %q", what, node, got, want)
			}
		}
		cond := s.condition(floating("web"))
		if reason == "" && !cond.good() || reason != "" && (cond.good() || !strings.Contains(cond.reasons[0].Message, reason)) {
			t.Errorf("%s: %+v, expected %q", what, cond, reason)
		}
	}
	on("reserved", "", "", "")
	before := s.transactions
	s.put(floating("web"), `{"spec":{"network":"operator/internet","port":"web-1"}}`)
	on("web-1", `"fixed":"10.0.0.`, "", "")
	s.put(floating("web"), `{"spec":{"network":"operator/internet","port":"web-2"}}`)
	on("web-2", "", `"fixed":"10.8.0.`, "")
	if s.transactions != before+2 {
		t.Errorf("moving took %d transactions, expected two", s.transactions-before)
	}
	s.put(port("web-2"), `{"spec":{"network":"green","host":"h1","migrateTo":"h2"}}`)
	on("web-2 is elsewhere", `"fixed":"10.8.0.`, "", "")
	before = s.transactions
	s.put(port("web-2"), `{"spec":{"network":"green","host":"h2"}}`)
	on("migrated", "", `"fixed":"10.8.0.`, "")
	if s.transactions != before+1 {
		t.Errorf("migrating took %d transactions, expected one", s.transactions-before)
	}
	s.remove(port("web-2"))
	on("web-2 is deleted", "", "", "Port alpha/web-2 does not exist")
	s.put(port("web-2"), `{"spec":{"network":"green"}}`)
	on("web-2 has no host", "", "", "has no host")
	s.put(network("red"), `{"spec":{"type":"vlan","physicalNetwork":"physnet1","subnets":[{"cidr":"10.0.0.0/24"}]}}`)
	s.put(port("web-3"), `{"spec":{"network":"red","host":"h1"}}`)
	s.put(floating("web"), `{"spec":{"network":"operator/internet","port":"web-3"}}`)
	on("no router", "", "", "is on no router")
	s.put(router("inner"), `{"spec":{"networks":["red"]}}`)
	on("router without external network", "", "", "does not lead to Network operator/internet")
	s.put(router("inner"), `{"spec":{"networks":["red"],"externalNetwork":"operator/internet"}}`)
	on("router to the external network", `"fixed":"10.0.0.`, "", "")
	s.put(floating("second"), `{"spec":{"network":"operator/internet","port":"web-3"}}`)
	s.settle()
	if cond := s.condition(floating("second")); cond.good() || !strings.Contains(cond.reasons[0].Message, "FloatingIP alpha/web stands for") {
		t.Errorf("two for one address: %+v", cond)
	}
	s.remove(floating("web"))
	s.settle()
	s.check()
	if s.item("h1", desired.KindFloatingIP, floating("second")) == "" {
		t.Error("the second does not take over when the first is gone")
	}
}

func TestForwardsLeadToOneHost(t *testing.T) {
	t.Parallel()
	s := routedRegion(t)
	s.put(port("web-1"), `{"spec":{"network":"blue","host":"h1"}}`)
	s.put(port("web-2"), `{"spec":{"network":"green","host":"h2"}}`)
	s.put(floating("web"), `{"spec":{"network":"operator/internet","portForwards":[{"protocol":"tcp","port":8080,"toPort":80,"target":"web-1"},{"protocol":"udp","port":"53","target":"web-2"}]}}`)
	s.settle()
	if cond := s.condition(floating("web")); cond.good() ||
		!strings.Contains(cond.reasons[0].Message, "all forwards of one address lead to one host") {
		t.Errorf("%+v", cond)
	}
	s.put(port("web-2"), `{"spec":{"network":"green","host":"h1"}}`)
	s.settle()
	s.check()
	if got := s.item("h1", desired.KindFloatingIP, floating("web")); !strings.Contains(got, `"toFirst":80`) || !strings.Contains(got, `"toFirst":53`) {
		t.Errorf("h1 holds %q", got)
	}
}

func TestBadRouting(t *testing.T) {
	t.Parallel()
	s := routedRegion(t)
	s.put(network("same"), `{"spec":{"type":"vlan","physicalNetwork":"physnet1","subnets":[{"cidr":"10.8.0.128/25"}]}}`)
	s.settle()
	before := s.snapshot()
	for want, put := range map[string]struct {
		id   model.ID
		spec string
	}{
		"overlaps":                           {router("edge"), `{"spec":{"networks":["blue","green","same"]}}`},
		"belongs to Router alpha/edge":       {router("two"), `{"spec":{"networks":["green"]}}`},
		"is no external network":             {router("three"), `{"spec":{"networks":["same"],"externalNetwork":"green"}}`},
		"outside the allocation pools":       {floating("f"), `{"spec":{"network":"operator/internet","address":"203.0.113.20"}}`},
		"is in no subnet":                    {floating("g"), `{"spec":{"network":"operator/internet","address":"192.0.2.1"}}`},
		"would make Router alpha/edge":       {network("blue"), strings.Replace(blueSpec, "10.0.0.0/16", "10.8.0.0/16", 1)},
		"is forwarded already":               {floating("h"), `{"spec":{"network":"operator/internet","portForwards":[{"protocol":"tcp","port":80,"target":"a"},{"protocol":"tcp","port":"70-90","target":"a"}]}}`},
		"would make Router alpha/edge wrong": {internet, strings.Replace(internetSpec, `"external":{},`, "", 1)},
	} {
		s.put(put.id, put.spec)
		s.settle()
		s.check()
		cond := s.condition(put.id)
		if cond.phase != etcdschema.PhaseInvalid || !strings.Contains(cond.reasons[0].Message, want) {
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
	s.put(model.ID{Project: model.ClusterProject, Kind: model.KindPhysicalNetwork, Name: "uplinks"}, physnetSpec)
	s.put(internet, strings.Replace(internetSpec, "physnet1", "uplinks", 1))
	s.put(port("web-1"), `{"spec":{"network":"blue","host":"h1"}}`)
	s.put(floating("web"), `{"spec":{"network":"operator/internet","port":"web-1"}}`)
	s.settle()
	s.check()
	if cond := s.condition(router("edge")); cond.phase != etcdschema.PhasePending ||
		!strings.Contains(cond.reasons[0].Message, "no host has an interface on physical network uplinks") {
		t.Errorf("%+v", cond)
	}
	if cond := s.condition(floating("web")); !strings.Contains(cond.reasons[0].Message, "Router alpha/edge is not on host h1") {
		t.Errorf("%+v", cond)
	}
	s.put(hostH1, strings.Replace(hostSpec, `[`, `[{"name":"uplinks","interface":"eth9"},`, 1))
	s.settle()
	s.check()
	if cond := s.condition(router("edge")); !cond.good() || s.item("h1", desired.KindFloatingIP, floating("web")) == "" {
		t.Errorf("%+v, floating address %+v", cond, s.condition(floating("web")))
	}
}

// A change costs what it concerns, whatever else a router has.
func TestARoutedChangeWritesOnlyWhatItConcerns(t *testing.T) {
	t.Parallel()
	s := routedRegion(t)
	s.put(internet, strings.Replace(internetSpec, `,"allocationPools":[{"start":"203.0.113.10","end":"203.0.113.19"}]`, "", 1))
	for i := range 900 {
		s.put(port("p"+string(rune('a'+i%26))+pad(i)), portOnH1)
	}
	s.put(port("far"), `{"spec":{"network":"green","host":"h2"}}`)
	for i := range 100 {
		s.put(floating("f"+pad(i)), `{"spec":{"network":"operator/internet","port":"p`+string(rune('a'+i%26))+pad(i)+`"}}`)
	}
	s.settle()
	s.check()
	wrote := func(what string, want int, do func()) {
		t.Helper()
		writes, transactions := s.writes, s.transactions
		do()
		s.settle()
		s.check()
		if n := s.writes - writes; n > want || s.transactions != transactions+1 {
			t.Errorf("%s wrote %d keys in %d transactions, expected at most %d in one", what, n, s.transactions-transactions, want)
		}
	}
	wrote("a reserved address", 2, func() { s.put(floating("one"), `{"spec":{"network":"operator/internet"}}`) })
	wrote("an association", 4, func() { // accepted, the guest's address claimed, the item, the head
		s.put(floating("one"), `{"spec":{"network":"operator/internet","port":"p`+string(rune('a'+500%26))+pad(500)+`"}}`)
	})
	wrote("a move of it", 5, func() {
		s.put(floating("one"), `{"spec":{"network":"operator/internet","port":"p`+string(rune('a'+501%26))+pad(501)+`"}}`)
	})
	// accepted, six claims, the port, a part for each of its addresses on both nodes, two heads
	wrote("a port", 14, func() { s.put(port("one-more"), portOnH1) })
	wrote("a change of its hostname", 3, func() { s.put(port("one-more"), strings.Replace(portOnH1, `"host"`, `"hostname":"x","host"`, 1)) })
	// accepted, both device claims, the port on both hosts, both heads; no neighbour changes
	wrote("a move of it", 7, func() { s.put(port("one-more"), strings.Replace(portOnH1, "h1", "h2", 1)) })
}

// Guests that come one after the other are reported together: a set is written at once, and then at most once in an interval.
func TestSetsAreWrittenOnceInAnInterval(t *testing.T) {
	t.Parallel()
	s := routedRegion(t)
	s.put(port("far"), `{"spec":{"network":"green","host":"h2"}}`)
	s.settle()
	key := etcdschema.DesiredKey("h2", neighborsKey(s.cache().accepted[blue].UID, 0))
	s.now = s.now.Add(time.Second)
	written := 0
	for i := range 50 {
		var before []byte
		if e := s.cache().entries[key]; e != nil {
			before = e.data
		}
		s.put(port("p"+pad(i)), portOnH1)
		for !s.planner.queue.empty() {
			s.transact()
		}
		s.now = s.now.Add(10 * time.Millisecond)
		s.planner.ripen(s.now)
		for !s.planner.queue.empty() {
			s.transact()
		}
		if e := s.cache().entries[key]; e != nil && string(before) != string(e.data) {
			written++
		}
	}
	if written < 5 || written > 6 {
		t.Errorf("50 guests in half a second wrote the set %d times, expected once each 100 ms", written)
	}
	s.settle()
	s.check()
}
