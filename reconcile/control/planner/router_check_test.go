package planner

import (
	"slices"

	"weft/etcdschema"
	"weft/model"
	"weft/model/desired"
	"weft/reconcile/control/cache"
	"weft/reconcile/control/internal/fixture"
	"weft/reconcile/control/kind"
)

// checkRouting: a router is on a node together with all it needs, and a floating address together with its router and guest.
// Neither is on a node where it is not needed.
func (s *sim) checkRouting(name string, n *cache.Node) {
	s.t.Helper()
	fixed := map[string]bool{}
	for k, e := range n.Items {
		switch v := e.Value.(type) {
		case *desired.Router:
			s.checkRouter(name, n, v)
		case *desired.FloatingIP:
			s.checkFloating(name, n, v)
			if v.Port != "" {
				one := v.Port + " " + v.Fixed.String()
				if fixed[one] {
					s.t.Fatalf("two floating addresses stand for %s on %s", v.Fixed, name)
					return
				}
				fixed[one] = true
			}
		case *desired.Network:
			if !s.needed(name, k.UID) {
				s.t.Fatalf("network %s on %s is needed by nothing", v.Name, name)
				return
			}
		case *desired.Neighbors:
			if s.cache().Members(kind.RoutedNetworks, name)[v.Network] == 0 || len(v.Entries) == 0 || len(v.Entries) > 500 {
				s.t.Fatalf("neighbors %s on %s: %d entries, %d interfaces", k.UID, name, len(v.Entries), s.cache().Members(kind.RoutedNetworks, name)[v.Network])
				return
			}
		}
	}
}

func (s *sim) checkRouter(name string, n *cache.Node, rt *desired.Router) {
	s.t.Helper()
	host := s.cache().Accepted(model.HostID(name))
	h, _ := cache.ValueOf[*desired.Host](n.Items[desired.Key{Kind: desired.KindHost, UID: host.UID}])
	if h == nil || h.RouterMAC.IsZero() {
		s.t.Fatalf("router %s on %s, which has no router MAC", rt.Name, name)
		return
	}
	if rt.Central != nil {
		s.checkCentral(name, n, rt)
	}
	s.checkLimits(name, rt.UID, rt.Limits)
	guests := 0
	for _, one := range rt.Interfaces {
		guests += s.cache().Members(kind.GuestNetworks, name)[one.Network]
		network, _ := cache.ValueOf[*desired.Network](n.Items[desired.Key{Kind: desired.KindNetwork, UID: one.Network}])
		if network == nil || s.routerOfNetwork(one.Network).UID != rt.UID {
			s.t.Fatalf("router %s on %s has no network %s", rt.Name, name, one.Network)
			return
		}
		for i, sub := range network.Subnets {
			if sub.Gateway.Addr != one.Addresses[i].Addr() {
				s.t.Fatalf("guests of %s on %s are told of gateway %s, the interface has %s", network.Name, name, sub.Gateway, one.Addresses[i])
				return
			}
		}
		s.checkNeighbors(name, n, one.Network)
	}
	if rt.Central != nil {
		return
	}
	if guests == 0 {
		s.t.Fatalf("router %s on %s has no guests there", rt.Name, name)
		return
	}
	if rt.External == "" {
		return
	}
	x, _ := cache.ValueOf[*desired.Network](n.Items[desired.Key{Kind: desired.KindNetwork, UID: rt.External}])
	if x == nil || x.Gateway == nil || len(x.Gateway.Addresses) == 0 || len(x.Gateway.Addresses) != len(x.Gateway.NextHops) {
		s.t.Fatalf("router %s on %s has external network %+v", rt.Name, name, x)
		return
	}
	for _, p := range x.Gateway.Addresses {
		if cl, ok := s.cache().Claim(etcdschema.AddressClaim(rt.External, model.Address{Addr: p.Addr()})); !ok || cl.Owner != host.UID {
			s.t.Fatalf("%s on %s is claimed by %+v", p, name, cl)
			return
		}
	}
}

// checkLimits: a node with the feature has the limits of the accepted spec, and another one has none.
func (s *sim) checkLimits(name, uid string, got desired.RateLimits) {
	s.t.Helper()
	var declared model.RateLimits
	switch spec := s.cache().WithUID(uid).Object.Spec.(type) {
	case *model.RouterSpec:
		declared = spec.Limits
	case *model.FloatingIPSpec:
		declared = spec.Limits
	}
	var want desired.RateLimits
	if report := s.cache().NodeReport(name); report != nil && slices.Contains(report.Features, desired.FeatureRouterLimits) {
		for _, one := range []struct {
			from *model.RateLimit
			to   *desired.RateLimit
		}{{declared.Ingress, &want.Ingress}, {declared.Egress, &want.Egress}} {
			if one.from != nil {
				*one.to = desired.RateLimit{RateKbps: uint32(one.from.RateKbps), BurstKbit: uint32(one.from.BurstKbit), PacketRate: uint32(one.from.PacketRate)}
			}
		}
	}
	if got != want {
		s.t.Fatalf("%s on %s has limits %+v, expected %+v", uid, name, got, want)
	}
}

// checkNeighbors: all parts together are the addresses of all guests that have a host.
func (s *sim) checkNeighbors(name string, n *cache.Node, network string) {
	s.t.Helper()
	want := map[model.Address]model.MAC{}
	for id, a := range s.cache().AllAccepted() {
		p, ok := a.Object.Spec.(*model.PortSpec)
		if !ok || p.Host == "" || s.cache().Accepted(p.NetworkID(id.Project)).UID != network {
			continue
		}
		for _, addr := range a.Allocated.Addresses {
			if cl, _ := s.cache().Claim(etcdschema.AddressClaim(network, addr)); cl.Owner == a.UID {
				want[addr] = a.Allocated.MAC
			}
		}
	}
	for k, e := range n.Items {
		part, ok := e.Value.(*desired.Neighbors)
		if !ok || part.Network != network {
			continue
		}
		for _, entry := range part.Entries {
			if mac, ok := want[entry.Address]; !ok || mac != entry.MAC {
				s.t.Fatalf("%s on %s says %s is at %s, expected %s", k.UID, name, entry.Address, entry.MAC, mac)
				return
			}
			delete(want, entry.Address)
		}
	}
	if len(want) > 0 {
		s.t.Fatalf("%s is not told where %v are", name, want)
		return
	}
}

func (s *sim) checkFloating(name string, n *cache.Node, f *desired.FloatingIP) {
	s.t.Helper()
	type end struct {
		router, port string
		to           model.Address
	}
	s.checkLimits(name, f.UID, f.Limits)
	hosts := 1
	ends := []end{{f.Router, f.Port, f.Fixed}}
	if len(f.Forwards) > 0 {
		ends = nil
	}
	for _, fw := range f.Forwards {
		ends = append(ends, end{fw.Router, fw.Port, fw.To})
	}
	for _, e := range ends {
		rt, _ := cache.ValueOf[*desired.Router](n.Items[desired.Key{Kind: desired.KindRouter, UID: e.router}])
		p, _ := cache.ValueOf[*desired.Port](n.Items[desired.Key{Kind: desired.KindPort, UID: e.port}])
		if rt != nil && rt.Central != nil {
			hosts = len(s.cache().Placed(rt.Key()))
			guest := s.cache().WithUID(e.port)
			p, _ = fixture.ItemOn[*desired.Port](s.cache(), guest.Object.Spec.(*model.PortSpec).Host, guest.Object.ID())
		}
		if rt == nil || rt.External != f.Network || p == nil || p.State != desired.StateActive {
			s.t.Fatalf("floating address %s on %s leads to %+v", f.Address, name, e)
			return
		}
	}
	id, _ := s.cache().ID(f.UID)
	if len(s.cache().Placed(f.Key())) != hosts || s.cache().Accepted(id) == nil {
		s.t.Fatalf("floating address %s of %s is on %v", f.Address, id, s.cache().Placed(f.Key()))
		return
	}
}
