package planner

import (
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"weft/etcdschema"
	"weft/model"
	"weft/model/desired"
	"weft/reconcile/control/cache"
	"weft/reconcile/control/internal/fixture"
)

// largeHosts is more nodes than fit one transaction.
const largeHosts = 150

// largeRegion is a network with a port on each of many hosts, on a router to an external network.
func largeRegion(t fataler) *sim {
	s := newSim(t)
	s.putAll(fixture.RegionIntent())
	s.put(model.ID{Project: model.ClusterProject, Kind: model.KindProject, Name: "operator"}, `{"spec":{}}`)
	s.put(fixture.Internet, largeExternal(190, 0))
	s.put(fixture.Blue, largeNetwork(123, ""))
	for i := range largeHosts {
		name := fmt.Sprintf("n%03d", i)
		spec := fixture.HostSpec
		if i < 5 {
			spec = fixture.GatewaySpec
		}
		s.put(model.HostID(name), spec)
		s.feature(name, fixture.AllFeatures()...)
		s.put(fixture.Port("p"+name), fmt.Sprintf(`{"spec":{"network":"blue","host":%q,"addresses":["10.0.0.%d"]}}`, name, i+10))
	}
	s.put(fixture.Router("edge"), `{"spec":{"networks":["blue"],"externalNetwork":"operator/internet"}}`)
	s.put(fixture.Floating("web"), `{"spec":{"network":"operator/internet","port":"pn007"}}`)
	s.settle()
	s.check()
	return s
}

func largeNetwork(vlan int, more string) string {
	return fmt.Sprintf(`{"spec":{"type":"vlan","physicalNetwork":"physnet1","segmentationID":%d,%s"subnets":[{"cidr":"10.0.0.0/23"}]}}`, vlan, more)
}

func largeExternal(vlan, third int) string {
	return fmt.Sprintf(`{"spec":{"type":"vlan","physicalNetwork":"physnet1","segmentationID":%d,"external":{},"subnets":[{"cidr":"198.18.%d.0/23","gateway":"198.18.%d.1"}]}}`,
		vlan, third, third)
}

// manySubnets is a network with the largest number of subnets. For each from they are all different.
func manySubnets(from int) string {
	var list []string
	for i := range model.MaxSubnets {
		list = append(list, fmt.Sprintf(`{"cidr":"10.%d.%d.0/24"}`, from, i))
	}
	return `{"spec":{"type":"vlan","physicalNetwork":"physnet1","segmentationID":140,"subnets":[` + strings.Join(list, ",") + `]}}`
}

// again deletes an object while others use it and declares it again, like somebody who applies another manifest after a forced
// deletion.
func (s *sim) again(id model.ID, spec string) {
	s.remove(id)
	s.put(id, spec)
}

// networkChanges are changes of networks and of what routes between them, which concern many nodes, ports or claims.
func networkChanges() map[string]func(s *sim) {
	return map[string]func(s *sim){
		"a network is made again":             func(s *sim) { s.again(fixture.Blue, largeNetwork(123, "")) },
		"a network is made again, other VLAN": func(s *sim) { s.again(fixture.Blue, largeNetwork(124, "")) },
		"a network is made again later":       func(s *sim) { s.remove(fixture.Blue); s.settle(); s.put(fixture.Blue, largeNetwork(123, "")) },
		"a network is changed":                func(s *sim) { s.put(fixture.Blue, largeNetwork(123, `"mtu":1400,`)) },
		"a network is made again with other subnets": func(s *sim) {
			s.again(fixture.Blue, strings.ReplaceAll(largeNetwork(123, ""), "10.0.0.0", "10.9.0.0"))
			s.settle()
			s.put(fixture.Blue, largeNetwork(123, ""))
		},
		"an external network is made again":                      func(s *sim) { s.again(fixture.Internet, largeExternal(190, 0)) },
		"an external network is made again with other addresses": func(s *sim) { s.again(fixture.Internet, largeExternal(191, 8)) },
		"a router is made again": func(s *sim) {
			s.again(fixture.Router("edge"), `{"spec":{"networks":["blue"],"externalNetwork":"operator/internet"}}`)
		},
		"a router is deleted": func(s *sim) { s.remove(fixture.Router("edge")) },
		"a router becomes centralized": func(s *sim) {
			s.put(fixture.Router("edge"), `{"spec":{"networks":["blue"],"externalNetwork":"operator/internet","gateway":"centralized"}}`)
			s.settle()
			s.put(fixture.Router("edge"), `{"spec":{"networks":["blue"],"externalNetwork":"operator/internet"}}`)
		},
		"a floating address moves": func(s *sim) {
			s.put(fixture.Floating("web"), `{"spec":{"network":"operator/internet","port":"pn100"}}`)
		},
	}
}

// regionChanges are changes of everything else that concerns as many.
func regionChanges() map[string]func(s *sim) {
	many := model.ID{Project: "alpha", Kind: model.KindNetwork, Name: "many"}
	return map[string]func(s *sim){
		"a physical network is changed": func(s *sim) {
			s.put(fixture.Physnet1, `{"spec":{"vlanRanges":[{"minimum":100,"maximum":199}],"mtu":8000}}`)
		},
		"a physical network is made again": func(s *sim) { s.again(fixture.Physnet1, fixture.PhysnetSpec) },
		"a project is made again":          func(s *sim) { s.again(fixture.ProjectA, `{"spec":{}}`) },
		"all ports go": func(s *sim) {
			for i := range largeHosts {
				s.remove(fixture.Port(fmt.Sprintf("pn%03d", i)))
			}
		},
		"all ports move to one host, which is made again": func(s *sim) {
			for i := range largeHosts {
				s.put(fixture.Port(fmt.Sprintf("pn%03d", i)), fmt.Sprintf(`{"spec":{"network":"blue","host":"n009","addresses":["10.0.0.%d"]}}`, i+10))
			}
			s.settle()
			s.check()
			s.again(model.HostID("n009"), fixture.HostSpec)
			s.settle()
			s.again(fixture.Blue, largeNetwork(123, ""))
		},
		"hosts are made again": func(s *sim) {
			for i := range largeHosts {
				s.again(model.HostID(fmt.Sprintf("n%03d", i)), fixture.HostSpec)
			}
		},
		"all subnets of a network are others": func(s *sim) {
			s.put(many, manySubnets(20))
			s.settle()
			s.put(many, manySubnets(21))
			s.settle()
			s.again(many, manySubnets(22))
			s.settle()
			s.remove(many)
		},
		"a host is on many external networks": func(s *sim) { s.wideHost() },
		"a host leaves many external networks": func(s *sim) {
			s.wideHost()
			s.remove(model.HostID("wide"))
			for i := range wideNetworks {
				s.remove(fixture.Port(fmt.Sprint("n", i)))
			}
		},
	}
}

// Whatever concerns many nodes, ports or claims is written in transactions that etcd accepts.
func TestNoUnitIsTooLargeForOneTransaction(t *testing.T) {
	t.Parallel()
	changes := networkChanges()
	maps.Copy(changes, regionChanges())
	for name, change := range changes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := largeRegion(t)
			s.whole = true
			change(s)
			s.settle()
			s.check()
			for _, u := range s.planner.Retries.Ripe(s.now.Add(time.Hour)) {
				t.Errorf("%s could not be done: %+v", u, s.planner.conditions[u.ID])
			}
			s.settled(t)
		})
	}
}

// wideNetworks is more external networks than there can be claims in one transaction.
const wideNetworks = 120

// wideHost is a host with guests behind many routers, each with another external network.
func (s *sim) wideHost() {
	for i := range wideNetworks {
		x := model.ID{Project: "operator", Kind: model.KindNetwork, Name: fmt.Sprint("x", i)}
		s.put(x, strings.Replace(largeExternal(2, 2*i+10), `"segmentationID":2,`, "", 1))
		n := fmt.Sprint("n", i)
		s.put(fixture.Network(n), fmt.Sprintf(`{"spec":{"type":"vlan","physicalNetwork":"physnet2","subnets":[{"cidr":"10.7.%d.0/24"}]}}`, i))
		s.put(fixture.Router(n), fmt.Sprintf(`{"spec":{"networks":[%q],"externalNetwork":"operator/x%d"}}`, n, i))
		s.put(fixture.Port(n), fmt.Sprintf(`{"spec":{"network":%q,"host":"wide"}}`, n))
	}
	s.put(model.ID{Project: model.ClusterProject, Kind: model.KindPhysicalNetwork, Name: "physnet2"}, `{"spec":{"vlanRanges":[{"minimum":1000,"maximum":1999}]}}`)
	s.put(fixture.Physnet1, `{"spec":{"vlanRanges":[{"minimum":100,"maximum":1999}]}}`)
	s.put(model.HostID("wide"), `{"spec":{"physicalNetworks":[{"name":"physnet1","interface":"eth1"},{"name":"physnet2","interface":"eth2"}]}}`)
	s.feature("wide", fixture.AllFeatures()...)
	s.settle()
}

// settled compares the node configs with what is accepted. A port is on its host together with the present incarnation of its network,
// and nothing is left of what is gone.
func (s *sim) settled(t *testing.T) {
	t.Helper()
	c := s.cache()
	for name, n := range c.Nodes() {
		for k := range n.Items {
			if _, known := c.ID(k.UID); !known && k.Kind != desired.KindNeighbors {
				t.Errorf("%s %s on %s belongs to nothing", k.Kind, k.UID, name)
			}
		}
	}
	for k := range c.Entries() {
		if cl, ok := c.Claim(k); ok && cache.Area(k) == "claim" && cl.State == etcdschema.ClaimBound {
			if _, known := c.ID(cl.Owner); !known {
				t.Errorf("%s is still bound to %s, which is gone", k, cl.Owner)
			}
		}
	}
	for uid, why := range s.planner.reasons {
		t.Errorf("%s: %v", uid, why)
	}
	for id, cond := range s.planner.conditions {
		if !cond.Good() && c.Intent(id) != nil && id.Kind != model.KindFloatingIP { // it may lead nowhere now
			t.Errorf("%s: %+v", id, cond.Reasons)
		}
	}
}
