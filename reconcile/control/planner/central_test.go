package planner

import (
	"slices"
	"strings"
	"testing"

	"weft/etcdschema"
	"weft/model"
	"weft/model/desired"
	"weft/reconcile/control/cache"
	"weft/reconcile/control/internal/fixture"
	"weft/reconcile/control/kind"
)

// checkCentralRouters: a centralized router is on exactly its gateway hosts, or on none while it waits.
func (s *sim) checkCentralRouters() {
	s.t.Helper()
	for id, a := range s.cache().AllAccepted() {
		spec, ok := a.Object.Spec.(*model.RouterSpec)
		if !ok {
			continue
		}
		list := a.Allocated.GatewayHosts
		if spec.Mode() != model.GatewayCentralized {
			if len(list) > 0 || !a.Allocated.MAC.IsZero() || len(a.Allocated.External) > 0 {
				s.t.Fatalf("%s is %s and has %+v", id, spec.Mode(), a.Allocated)
			}
			continue
		}
		on := s.cache().PlacedOn(desired.Key{Kind: desired.KindRouter, UID: a.UID})
		phase, reasons := s.planner.outlook(id, s.planner.conditions[id])
		if len(on) == 0 && phase == etcdschema.PhaseAccepted {
			s.t.Fatalf("%s is %s and nowhere", id, phase)
			return
		}
		if want := slices.Sorted(slices.Values(list)); len(on) > 0 && !slices.Equal(on, want) {
			s.t.Fatalf("%s is on %v, its gateway hosts are %v: %s %v", id, on, list, phase, reasons)
			return
		}
		s.checkCentralGuests(a, len(on) > 0)
	}
}

// checkCentralGuests: as soon as the router is on some host, every node with guests tells them of it.
func (s *sim) checkCentralGuests(router *etcdschema.Accepted, wired bool) {
	s.t.Helper()
	spec := router.Object.Spec.(*model.RouterSpec)
	for _, id := range spec.NetworkIDs(router.Object.Metadata.Project) {
		a := s.cache().Accepted(id)
		if a == nil || s.routerOfNetwork(a.UID) != router {
			continue
		}
		for name, n := range s.cache().Nodes() {
			item, ok := cache.ValueOf[*desired.Network](n.Items[desired.Key{Kind: desired.KindNetwork, UID: a.UID}])
			if !ok {
				continue
			}
			_, lacks := s.cache().Reader().Lacks(name, desired.FeatureRouter)
			lacks = lacks && s.cache().Members(kind.RoutedNetworks, name)[a.UID] == 0
			if known := s.cache().NodeReport(name) != nil || s.cache().Members(kind.RoutedNetworks, name)[a.UID] > 0; known && item.CentralMAC.IsZero() == (wired && !lacks) {
				s.t.Fatalf("%s on %s has router MAC %s, wired is %v", id, name, item.CentralMAC, wired)
				return
			}
			for _, sub := range item.Subnets {
				if wired && s.cache().Members(kind.RoutedNetworks, name)[a.UID] > 0 && !sub.Gateway.IsValid() {
					s.t.Fatalf("guests of %s on %s are told of no gateway", id, name)
					return
				}
			}
		}
	}
}

func (s *sim) checkCentral(name string, n *cache.Node, rt *desired.Router) {
	s.t.Helper()
	a := s.cache().WithUID(rt.UID)
	g := rt.Central
	var peers []string
	for _, p := range g.Peers {
		peers = append(peers, p.Node)
		h, _ := fixture.ItemOn[*desired.Host](s.cache(), p.Node, model.HostID(p.Node))
		if h == nil || h.RouterMAC != p.MAC || h.Driver != model.DriverOVS {
			s.t.Fatalf("router %s on %s has peer %+v, which is %+v", rt.Name, name, p, h)
			return
		}
	}
	if !slices.Contains(peers, name) || len(peers) > desired.MaxGatewayPeers || !slices.Equal(peers, a.Allocated.GatewayHosts) || g.MAC != a.Allocated.MAC {
		s.t.Fatalf("router %s on %s is %+v, allocated %+v", rt.Name, name, g, a.Allocated)
		return
	}
	if (rt.External != "") != (g.External != nil) || rt.External != "" && g.Watch != rt.External || rt.External == "" && g.Watch != rt.Interfaces[0].Network {
		s.t.Fatalf("router %s on %s leads to %q and is %+v", rt.Name, name, rt.External, g)
		return
	}
	if rt.External == "" {
		return
	}
	x, _ := cache.ValueOf[*desired.Network](n.Items[desired.Key{Kind: desired.KindNetwork, UID: rt.External}])
	if x == nil || x.Gateway != nil != (s.cache().Members(kind.SharedNetworks, name)[rt.External] > 0) || !x.CentralMAC.IsZero() || len(g.External.Addresses) == 0 || len(g.External.NextHops) != len(g.External.Addresses) {
		s.t.Fatalf("router %s on %s has external network %+v and is there %+v", rt.Name, name, x, g.External)
		return
	}
	for _, p := range g.External.Addresses {
		if cl, ok := s.cache().Claim(etcdschema.AddressClaim(rt.External, model.Address{Addr: p.Addr()})); !ok || cl.Owner != rt.UID {
			s.t.Fatalf("%s of router %s is claimed by %+v", p, rt.Name, cl)
			return
		}
	}
}

// centralRegion is two networks on a centralized router. g1 to g4 may have it; a1, h1 and h2 have the guests.
func centralRegion(t fataler) *sim {
	s := routedRegion(t)
	for _, name := range []string{"g1", "g2", "g3", "g4"} {
		s.feature(name, fixture.AllFeatures()...)
		s.put(model.HostID(name), fixture.GatewaySpec)
	}
	s.put(model.HostID("a1"), fixture.HostSpec) // evaluated before any gateway host
	s.feature("a1", fixture.AllFeatures()...)
	s.put(fixture.Port("web-3"), `{"spec":{"network":"blue","host":"a1","mac":"fa:16:3e:00:00:03"}}`)
	s.put(fixture.Router("edge"), fixture.CentralSpec)
	s.put(fixture.Port("web-1"), `{"spec":{"network":"blue","host":"h1","mac":"fa:16:3e:00:00:01"}}`)
	s.put(fixture.Port("db-1"), `{"spec":{"network":"green","host":"h2","mac":"fa:16:3e:00:00:02"}}`)
	s.put(fixture.Floating("web"), `{"spec":{"network":"operator/internet","port":"web-1"}}`)
	s.settle()
	s.check()
	return s
}

func (s *sim) gatewayHosts(name string) []string {
	return s.cache().Accepted(fixture.Router(name)).Allocated.GatewayHosts
}

func TestCentralNodeConfigs(t *testing.T) {
	t.Parallel()
	s := centralRegion(t)
	list := s.gatewayHosts("edge")
	if len(list) != 3 {
		t.Fatalf("gateway hosts: %v", list)
	}
	golden(t, "central_gateway.golden", s.config(t, list[1]))
	golden(t, "central_guest.golden", s.config(t, "h1"))
	for id := range s.cache().Intents() {
		if cond := s.condition(id); !cond.Good() {
			t.Errorf("%s: %+v", id, cond)
		}
	}
	if on := s.cache().PlacedOn(desired.Key{Kind: desired.KindFloatingIP, UID: s.cache().Accepted(fixture.Floating("web")).UID}); len(on) != 3 {
		t.Errorf("the floating address is on %v", on)
	}
	mac, own := s.cache().Accepted(fixture.Router("edge")).Allocated.MAC, s.cache().Accepted(fixture.Router("edge")).Allocated.External[0].Addresses
	s.put(fixture.Router("edge"), strings.Replace(fixture.CentralSpec, "centralized", "distributed", 1))
	s.settle()
	s.check()
	for _, name := range list {
		if n := len(s.cache().Node(name).Items); n != 1 {
			t.Errorf("%s keeps %d items, expected the host alone:\n%s", name, n, s.config(t, name))
		}
	}
	if got := s.item("h1", desired.KindNetwork, fixture.Blue); strings.Contains(got, "centralMAC") || !strings.Contains(got, `"gateway":"10.0.0.1"`) {
		t.Errorf("distributed, h1 has %s", got)
	}
	for _, k := range []etcdschema.Key{etcdschema.MACClaim(mac), etcdschema.AddressClaim(s.cache().Accepted(fixture.Internet).UID, own[0])} {
		if cl, ok := s.cache().Claim(k); !ok || cl.State != etcdschema.ClaimHeld {
			t.Errorf("%s is %+v, expected held", k, cl)
		}
	}
	s.put(fixture.Router("edge"), strings.Replace(fixture.CentralSpec, "centralized", "none", 1))
	s.settle()
	s.check()
	if got := s.item("h1", desired.KindNetwork, fixture.Blue); strings.Contains(got, "centralMAC") || strings.Contains(got, `"gateway"`) {
		t.Errorf("with no gateway h1 has %s", got)
	}
	s.put(fixture.Router("edge"), fixture.CentralSpec)
	s.settle()
	s.check()
	if a := s.cache().Accepted(fixture.Router("edge")).Allocated; a.MAC != mac || !slices.Equal(a.External[0].Addresses, own) || len(a.GatewayHosts) != 3 {
		t.Errorf("back again it has %+v, had %s and %v", a, mac, own)
	}
}
