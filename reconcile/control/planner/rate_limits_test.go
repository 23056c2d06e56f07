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

// limitsIn are the limits in an object's item on a node. there is false when the node has no such item.
func (s *sim) limitsIn(node string, kind desired.Kind, id model.ID) (l desired.RateLimits, there bool) {
	s.t.Helper()
	s.settle()
	s.check()
	n, a := s.cache().Node(node), s.cache().Accepted(id)
	if n == nil || a == nil {
		return l, false
	}
	e := n.Items[desired.Key{Kind: kind, UID: a.UID}]
	if e == nil {
		return l, false
	}
	switch v := e.Value.(type) {
	case *desired.Router:
		l = v.Limits
	case *desired.FloatingIP:
		l = v.Limits
	}
	return l, true
}

const limitedEdge = `{"spec":{"networks":["blue","green"],"externalNetwork":"operator/internet"%,"limits":{"egress":{"rateKbps":5000},"ingress":{"packetRate":700}}}}`

// TestRateLimitsAreTold: a router's limits are on each of its nodes, and a floating address's where it is translated. A change writes these
// items alone, and bad limits change nothing.
func TestRateLimitsAreTold(t *testing.T) {
	t.Parallel()
	s := routedRegion(t)
	s.put(fixture.Port("web-1"), `{"spec":{"network":"blue","host":"h1"}}`)
	s.put(fixture.Port("db-1"), `{"spec":{"network":"green","host":"h2"}}`)
	edge, web := fixture.Router("edge"), fixture.Floating("web")
	s.put(web, `{"spec":{"network":"operator/internet","port":"web-1"}}`)
	s.settle()
	expect := func(what string, put model.ID, spec string, router, floating desired.RateLimits, written int) {
		t.Helper()
		before := s.writes
		s.put(put, spec)
		for _, node := range []string{"h1", "h2"} {
			if got, there := s.limitsIn(node, desired.KindRouter, edge); !there || got != router {
				t.Errorf("%s: the router on %s has %+v, %v; expected %+v", what, node, got, there, router)
			}
		}
		if got, there := s.limitsIn("h1", desired.KindFloatingIP, web); !there || got != floating {
			t.Errorf("%s: the floating address has %+v, %v; expected %+v", what, got, there, floating)
		}
		if n := s.writes - before; written > 0 && n != written {
			t.Errorf("%s: %d keys were written, expected %d", what, n, written)
		}
	}
	none := desired.RateLimits{}
	router := desired.RateLimits{Egress: desired.RateLimit{RateKbps: 5 * mbit}, Ingress: desired.RateLimit{PacketRate: 700}}
	floating := desired.RateLimits{Ingress: desired.RateLimit{RateKbps: 2 * mbit, BurstKbit: 3 * mbit}}
	const limited = `{"spec":{"network":"operator/internet","port":"web-1","limits":{"ingress":{"rateKbps":2000,"burstKbit":3000}}}}`
	expect("of the router", edge, strings.Replace(limitedEdge, "%", "", 1), router, none, 5) // accepted, and on each node the item and the head
	expect("of the floating address", web, limited, router, floating, 3)
	expect("too low", web, strings.Replace(limited, "2000", "2", 1), router, floating, 0)
	if cond := s.condition(web); cond.Phase != etcdschema.PhaseInvalid || !strings.Contains(cond.Reasons[0].Message, "2 is out of range") || cond.Reasons[0].Field != "spec.limits.ingress.rateKbps" {
		t.Errorf("a rate that is too low: %+v", cond)
	}
	expect("without", web, `{"spec":{"network":"operator/internet","port":"web-1"}}`, router, none, 0)
	expect("without", edge, `{"spec":{"networks":["blue","green"],"externalNetwork":"operator/internet"}}`, none, none, 5)
}

// TestHostWithoutRateLimits: a host whose weftd does not know limits of routers has routers and floating addresses without them, and
// their status says that the limits do not hold there. Hosts that know them do hold them.
func TestHostWithoutRateLimits(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"", `,"gateway":"centralized"`} {
		s := routedRegion(t)
		old := slices.DeleteFunc(fixture.AllFeatures(), func(f desired.Feature) bool { return f == desired.FeatureRouterLimits })
		s.put(fixture.HostH1, fixture.GatewaySpec)
		s.put(fixture.HostH2, fixture.GatewaySpec)
		s.feature("h1", old...)
		s.put(fixture.Port("web-1"), `{"spec":{"network":"blue","host":"h1"}}`)
		s.put(fixture.Port("db-1"), `{"spec":{"network":"green","host":"h2"}}`)
		edge, web := fixture.Router("edge"), fixture.Floating("web")
		s.put(edge, strings.Replace(limitedEdge, "%", mode, 1))
		s.put(web, `{"spec":{"network":"operator/internet","port":"web-1","limits":{"egress":{"packetRate":10}}}}`)
		router, floating := desired.RateLimits{Egress: desired.RateLimit{RateKbps: 5 * mbit}, Ingress: desired.RateLimit{PacketRate: 700}},
			desired.RateLimits{Egress: desired.RateLimit{PacketRate: 10}}
		if got, there := s.limitsIn("h1", desired.KindRouter, edge); !there || got != (desired.RateLimits{}) {
			t.Errorf("%s: the router on a host that does not know limits: %v, %+v", mode, there, got)
		}
		if got, there := s.limitsIn("h2", desired.KindRouter, edge); !there || got != router {
			t.Errorf("%s: the router on another host: %v, %+v", mode, there, got)
		}
		if got, there := s.limitsIn("h1", desired.KindFloatingIP, web); !there || got != (desired.RateLimits{}) {
			t.Errorf("%s: the floating address on a host that does not know limits: %v, %+v", mode, there, got)
		}
		const lacks = "does not hold on host h1: needs feature router-limits, which the host does not have: upgrade weftd there"
		for _, id := range []model.ID{edge, web} {
			if phase, reasons := s.planner.outlook(id, s.planner.conditions[id]); phase != etcdschema.PhasePending || !strings.Contains(reasons[0].Message, lacks) {
				t.Errorf("%s: %s: %s %+v", mode, id, phase, reasons)
			}
		}
		s.feature("h1", fixture.AllFeatures()...)
		if got, _ := s.limitsIn("h1", desired.KindRouter, edge); got != router {
			t.Errorf("%s: the router on an upgraded host: %+v", mode, got)
		}
		if got, _ := s.limitsIn("h1", desired.KindFloatingIP, web); got != floating {
			t.Errorf("%s: the floating address on an upgraded host: %+v", mode, got)
		}
		for _, id := range []model.ID{edge, web} {
			if phase, reasons := s.planner.outlook(id, s.planner.conditions[id]); len(reasons) > 0 {
				t.Errorf("%s: %s after the upgrade: %s %+v", mode, id, phase, reasons)
			}
		}
	}
}
