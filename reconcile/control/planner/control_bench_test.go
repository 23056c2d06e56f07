package planner

import (
	"fmt"
	"testing"

	"weft/etcdschema"
	"weft/model"
	"weft/reconcile/control/cache"
	"weft/reconcile/control/internal/fixture"
	"weft/reconcile/control/kind"
)

// BenchmarkPlanPort is one port from its intent to a finished transaction, without etcd, with other ports on the same host.
func BenchmarkPlanPort(b *testing.B) {
	for _, n := range []int{1, 1000, 10000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			s := newSim(b)
			s.putAll(fixture.RegionIntent())
			for i := range n {
				s.put(fixture.Port(fmt.Sprintf("p%05d", i)), fixture.PortOnH1)
			}
			s.settle()
			b.ResetTimer()
			for i := range b.N {
				s.put(fixture.Port(fmt.Sprintf("new-%d", i)), fixture.PortOnH1)
				s.settle()
			}
		})
	}
}

// BenchmarkDeletePort is one port that comes and goes, without etcd, beside others of the same project.
func BenchmarkDeletePort(b *testing.B) {
	for _, n := range []int{1, 10000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			s := newSim(b)
			s.putAll(fixture.RegionIntent())
			for i := range n {
				s.put(fixture.Port(fmt.Sprintf("p%05d", i)), fixture.PortOnH1)
			}
			s.settle()
			for b.Loop() {
				s.put(fixture.Port("new"), fixture.PortOnH1)
				s.settle()
				s.remove(fixture.Port("new"))
				s.settle()
			}
		})
	}
}

// BenchmarkTakeover is a new leader's evaluation of everything when there is nothing to do.
func BenchmarkTakeover(b *testing.B) {
	s := newSim(b)
	s.putAll(fixture.RegionIntent())
	for i := range 10000 {
		s.put(fixture.Port(fmt.Sprintf("p%05d", i)), fixture.PortOnH1)
	}
	s.settle()
	writes := s.writes
	for b.Loop() {
		s.planner.EnqueueAll()
		s.settle()
		for k := range s.planner.status {
			s.planner.StatusFor(k)
		}
	}
	if s.writes != writes {
		b.Fatal("something was written")
	}
}

// BenchmarkPlanFloating moves one floating address between two guests, without etcd, with others on the same host.
func BenchmarkPlanFloating(b *testing.B) {
	for _, n := range []int{10, 10000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			s := routedRegion(b)
			s.put(fixture.Internet, `{"spec":{"type":"vlan","physicalNetwork":"physnet1","external":{},"subnets":[{"cidr":"198.18.0.0/16","gateway":"198.18.0.1"}]}}`)
			for i := range n {
				s.put(fixture.Port(fmt.Sprintf("p%05d", i)), fixture.PortOnH1)
				s.put(fixture.Floating(fmt.Sprintf("f%05d", i)), fmt.Sprintf(`{"spec":{"network":"operator/internet","port":"p%05d"}}`, i))
			}
			s.put(fixture.Port("a"), fixture.PortOnH1)
			s.put(fixture.Port("b"), fixture.PortOnH1)
			s.settle()
			b.ResetTimer()
			for i := range b.N {
				s.put(fixture.Floating("one"), fmt.Sprintf(`{"spec":{"network":"operator/internet","port":"%c"}}`, 'a'+i%2))
				s.settle()
			}
		})
	}
}

// BenchmarkStart is what a new replica does with the list of everything before it leads, and when it takes over. It decodes as well, which a
// replica does while it still reads the list.
func BenchmarkStart(b *testing.B) {
	s := routedRegion(b)
	for h := range 100 {
		name := fmt.Sprintf("n%03d", h)
		s.put(model.HostID(name), fixture.HostSpec)
		s.feature(name, fixture.AllFeatures()...)
	}
	for n := range 100 {
		s.put(fixture.Network(fmt.Sprint("net", n)), fixture.BlueSpec)
		for i := range 60 {
			s.put(fixture.Port(fmt.Sprintf("p%d-%d", n, i)), fmt.Sprintf(`{"spec":{"network":"net%d","host":"n%03d"}}`, n, (n*60+i)*7919%100))
		}
	}
	s.settle()
	var items []etcdschema.Item
	for k, e := range s.cache().Entries() {
		items = append(items, etcdschema.Item{Key: k, Value: e.Data, ModRevision: e.ModRevision, CreateRevision: e.CreateRevision})
	}
	b.ReportMetric(float64(len(items)), "keys")
	for b.Loop() {
		p, _ := New(cache.New(kind.AllKinds().Cached()), kind.AllKinds(), s.planner.settings)
		p.cache.Expecting(len(items))
		for _, it := range items {
			p.Absorb(etcdschema.Event{Item: it}, nil)
		}
		p.EnqueueAll()
	}
}
