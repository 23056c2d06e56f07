package planner

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"weft/etcdschema"
	"weft/model"
	"weft/reconcile/control/claim"
	"weft/reconcile/control/internal/fixture"
)

// prefixRegion is an external network that routes IPv6, and alpha's router on it with fd00:1::/64 behind it.
func prefixRegion(t fataler, external string) *sim {
	s := newSim(t)
	s.putAll(fixture.RegionIntent())
	for _, p := range []string{"operator", "beta"} {
		s.put(model.ID{Project: model.ClusterProject, Kind: model.KindProject, Name: p}, `{"spec":{}}`)
	}
	s.put(fixture.Internet, strings.Replace(fixture.InternetSpec, `"external":{}`, `"external":`+external, 1))
	s.put(fixture.Router("edge"), `{"spec":{"networks":["blue"],"externalNetwork":"operator/internet"}}`)
	s.put(fixture.Port("web-1"), fixture.PortOnH1)
	s.routing()
	s.settle()
	s.check()
	return s
}

var (
	betaNet    = model.ID{Project: "beta", Kind: model.KindNetwork, Name: "blue"}
	betaRouter = model.ID{Project: "beta", Kind: model.KindRouter, Name: "edge"}
)

// beta declares a network with the IPv6 prefix, a guest on h1, and a router to the same external network.
func (s *sim) beta(cidr string) {
	s.put(betaNet, fmt.Sprintf(`{"spec":{"type":"vlan","physicalNetwork":"physnet1","subnets":[{"cidr":"10.7.0.0/24"},{"cidr":%q}]}}`, cidr))
	s.put(model.ID{Project: "beta", Kind: model.KindPort, Name: "guest"}, fixture.PortOnH1)
	s.put(betaRouter, `{"spec":{"networks":["blue"],"externalNetwork":"operator/internet"}}`)
	s.settle()
	s.check()
}

func (s *sim) routerOn(node string, id model.ID) bool {
	a := s.cache().Accepted(id)
	if a == nil {
		return false
	}
	for k := range s.cache().Node(node).Items {
		if k.UID == a.UID {
			return true
		}
	}
	return false
}

func (s *sim) prefixOwner(prefix string) string {
	x := s.cache().Accepted(fixture.Internet)
	cl, _ := s.cache().Claim(etcdschema.RoutedPrefixClaim(x.UID, netip.MustParsePrefix(prefix)))
	return strings.TrimSpace(cl.For + " " + string(cl.State))
}

func TestARoutedPrefixLeadsToOneRouter(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ cidr, said string }{
		{"fd00:1::/64", "fd00:1::/64 on Network operator/internet belongs to Router alpha/edge already"},
		{"fd00:1::/48", "overlaps fd00:1::/64, which belongs to Router alpha/edge already"},
		{"fd00:1::8000:0:0:0/65", "overlaps fd00:1::/64, which belongs to Router alpha/edge already"},
		{"fd00:2::/64", ""},
		{"2001:db8:ffff::/72", "operator/internet has 2001:db8:ffff::/64, which overlaps"}, // the external network's own
		{"2001:db8::/32", "operator/internet has 2001:db8:ffff::/64, which overlaps"},
	} {
		s := prefixRegion(t, `{"ipv6":"routed"}`)
		s.beta(c.cidr)
		cond := s.condition(betaRouter)
		if (c.said == "") != cond.Good() || !strings.Contains(fmt.Sprint(cond.Reasons), c.said) {
			t.Errorf("%s: %s %v, expected %q", c.cidr, cond.Phase, cond.Reasons, c.said)
		}
		if !cond.Good() && (cond.Phase != etcdschema.PhaseInvalid || s.routerOn("h1", betaRouter)) {
			t.Errorf("%s: %s, and on h1 %v", c.cidr, cond.Phase, s.routerOn("h1", betaRouter))
		}
		if s.prefixOwner("fd00:1::/64") != "Router alpha/edge bound" || !s.routerOn("h1", fixture.Router("edge")) {
			t.Errorf("%s: alpha has lost its own", c.cidr)
		}
	}
	// Where IPv6 is translated, or on another external network, everybody may have the same prefix.
	s := prefixRegion(t, `{}`)
	s.beta("fd00:1::/64")
	if cond := s.condition(betaRouter); !cond.Good() {
		t.Errorf("translated: %v", cond.Reasons)
	}
}

// A released prefix is held, and then free. The object that waited for it is evaluated again by itself.
func TestAReleasedPrefixIsHeld(t *testing.T) {
	t.Parallel()
	s := prefixRegion(t, `{"ipv6":"routed"}`)
	s.beta("fd00:1::/64")
	s.put(fixture.Router("edge"), `{"spec":{"networks":["blue"]}}`)
	s.settle()
	s.check()
	if got := s.prefixOwner("fd00:1::/64"); got != "Router alpha/edge held" {
		t.Errorf("released: %s", got)
	}
	if cond := s.condition(betaRouter); cond.Phase != etcdschema.PhasePending ||
		!strings.Contains(fmt.Sprint(cond.Reasons), "kept from reuse") {
		t.Errorf("%s %v", cond.Phase, cond.Reasons)
	}
	x := s.cache().Accepted(fixture.Internet).UID
	s.event(etcdschema.RoutedPrefixClaim(x, netip.MustParsePrefix("fd00:1::/64")), nil) // its lease ends
	s.settle()
	s.check()
	if got := s.prefixOwner("fd00:1::/64"); got != "Router beta/edge bound" || !s.routerOn("h1", betaRouter) {
		t.Errorf("free, and it has %s; on h1 %v", got, s.routerOn("h1", betaRouter))
	}
	s.remove(betaRouter)
	s.settle()
	s.put(betaRouter, `{"spec":{"networks":["blue"],"externalNetwork":"operator/internet"}}`)
	s.settle()
	if cond := s.condition(betaRouter); !cond.Good() || s.prefixOwner("fd00:1::/64") != "Router beta/edge bound" {
		t.Errorf("made again under its name: %v", cond.Reasons)
	}
}

// A network behind a router claims the prefixes that it adds, or is refused. Those that it drops are released.
func TestANetworkBehindARouterClaimsItsPrefixes(t *testing.T) {
	t.Parallel()
	s := prefixRegion(t, `{"ipv6":"routed"}`)
	s.beta("fd00:2::/64")
	grow := func(cidr string) claim.Condition {
		s.put(betaNet, fmt.Sprintf(`{"spec":{"type":"vlan","physicalNetwork":"physnet1","subnets":[{"cidr":"10.7.0.0/24"},{"cidr":"fd00:2::/64"},{"cidr":%q}]}}`, cidr))
		s.settle()
		s.check()
		return s.condition(betaNet)
	}
	if v := grow("fd00:1::/56"); v.Phase != etcdschema.PhaseInvalid || !strings.Contains(fmt.Sprint(v.Reasons), "spec.subnets[2].cidr") {
		t.Errorf("%s %v", v.Phase, v.Reasons)
	}
	if !s.routerOn("h1", betaRouter) {
		t.Error("the router went because of a network that was refused")
	}
	if v := grow("fd00:3::/64"); !v.Good() || s.prefixOwner("fd00:3::/64") != "Router beta/edge bound" {
		t.Errorf("%v, %s", v.Reasons, s.prefixOwner("fd00:3::/64"))
	}
	s.beta("fd00:2::/64")
	if got := s.prefixOwner("fd00:3::/64"); got != "Router beta/edge held" || s.prefixOwner("fd00:2::/64") != "Router beta/edge bound" {
		t.Errorf("dropped: %s", got)
	}
}

// An external network is not switched to routed IPv6 while two routers have overlapping prefixes. It is when they have none.
func TestOverlapsKeepAnExternalNetworkFromRouting(t *testing.T) {
	t.Parallel()
	s := prefixRegion(t, `{}`)
	s.beta("fd00:1::/48")
	s.put(fixture.Internet, strings.Replace(fixture.InternetSpec, `"external":{}`, `"external":{"ipv6":"routed"}`, 1))
	s.settle()
	s.check()
	if cond := s.condition(fixture.Internet); cond.Phase != etcdschema.PhaseInvalid || !strings.Contains(fmt.Sprint(cond.Reasons), "overlaps") {
		t.Errorf("%s %v", cond.Phase, cond.Reasons)
	}
	s.remove(model.ID{Project: "beta", Kind: model.KindPort, Name: "guest"})
	s.settle()
	s.beta("fd00:2::/48")
	s.put(fixture.Internet, strings.Replace(fixture.InternetSpec, `"external":{}`, `"external": {"ipv6":"routed"}`, 1))
	s.settle()
	s.check()
	if s.prefixOwner("fd00:1::/64") != "Router alpha/edge bound" || s.prefixOwner("fd00:2::/48") != "Router beta/edge bound" {
		t.Errorf("%v: %s, %s", s.condition(fixture.Internet).Reasons, s.prefixOwner("fd00:1::/64"), s.prefixOwner("fd00:2::/48"))
	}
}

// Blocks decide which projects may have which prefixes on the external network.
func TestRoutedPrefixesAreLimited(t *testing.T) {
	t.Parallel()
	const blocks = `{"ipv6":"routed","routedPrefixes":[{"cidr":"fd00::/16"},{"cidr":"fd00:8::/32","projects":["alpha"]}]}`
	for cidr, said := range map[string]string{
		"fd00:2::/64":   "",
		"fd00:8:1::/64": "is in fd00:8::/32, which is for routers of other projects",
		"fd00::/20":     "takes in fd00:8::/32, which is for routers of other projects",
		"fd77::/64":     "is in none of its routedPrefixes",
	} {
		s := prefixRegion(t, blocks)
		s.beta(cidr)
		cond := s.condition(betaRouter)
		if (said == "") != cond.Good() || !strings.Contains(fmt.Sprint(cond.Reasons), said) {
			t.Errorf("%s: %v, expected %q", cidr, cond.Reasons, said)
		}
	}
}

// After a restore that has lost a router, the nodes' reports keep its prefix. The router gets it back under its name.
func TestRebuildKeepsRoutedPrefixes(t *testing.T) {
	t.Parallel()
	const lost = "99999999-0000-4000-8000-000000000000"
	s := prefixRegion(t, `{"ipv6":"routed"}`)
	x := s.cache().Accepted(fixture.Internet).UID
	s.record(etcdschema.ActualBucket("h2", etcdschema.Bucket(lost)), etcdschema.BucketReport{Claimed: map[string]etcdschema.ClaimedReport{
		lost: {For: "Router gamma/edge", Network: x, Prefixes: []netip.Prefix{netip.MustParsePrefix("fd00:2::/64"), netip.MustParsePrefix("fd00:1::/64")}},
	}})
	got := s.rebuildClaims()
	if len(got) != 1 {
		t.Fatalf("%d claims, expected the one that nobody has: %v", len(got), got)
	}
	for k, cl := range got {
		s.record(k, cl)
	}
	s.planner.EnqueueAll()
	s.settle()
	s.beta("fd00:2::/64")
	if cond := s.condition(betaRouter); !strings.Contains(fmt.Sprint(cond.Reasons), "belongs to Router gamma/edge already") {
		t.Errorf("%v", cond.Reasons)
	}
	s.record(etcdschema.ActualBucket("h2", etcdschema.Bucket(lost)), etcdschema.BucketReport{})
	s.settle()
	if got := s.prefixOwner("fd00:2::/64"); got != "Router gamma/edge held" {
		t.Errorf("no node has it any more: %s", got)
	}
}
