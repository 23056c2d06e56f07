package control

import (
	"fmt"
	"testing"

	"weft/etcdschema"
)

// BenchmarkPlanPort is one port from its intent to a finished transaction, without etcd, with other ports on the same host.
func BenchmarkPlanPort(b *testing.B) {
	for _, n := range []int{1, 1000, 10000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			s := newSim(b)
			s.putAll(regionIntent())
			for i := range n {
				s.put(port(fmt.Sprintf("p%05d", i)), portOnH1)
			}
			s.settle()
			b.ResetTimer()
			for i := range b.N {
				s.put(port(fmt.Sprintf("new-%d", i)), portOnH1)
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
			s.putAll(regionIntent())
			for i := range n {
				s.put(port(fmt.Sprintf("p%05d", i)), portOnH1)
			}
			s.settle()
			for b.Loop() {
				s.put(port("new"), portOnH1)
				s.settle()
				s.remove(port("new"))
				s.settle()
			}
		})
	}
}

// BenchmarkTakeover is a new leader's evaluation of everything when there is nothing to do.
func BenchmarkTakeover(b *testing.B) {
	s := newSim(b)
	s.putAll(regionIntent())
	for i := range 10000 {
		s.put(port(fmt.Sprintf("p%05d", i)), portOnH1)
	}
	s.settle()
	writes := s.writes
	for b.Loop() {
		s.planner.enqueueAll()
		s.settle()
		for k := range s.planner.status {
			s.planner.statusFor(k)
		}
	}
	if s.writes != writes {
		b.Fatal("something was written")
	}
}

// BenchmarkCommitPort is one port from the commit of its intent to the commit of its node config, on a real etcd.
func BenchmarkCommitPort(b *testing.B) {
	for _, n := range []int{1, 1000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			bed := newBed(b)
			bed.start("one", nil)
			bed.region()
			bed.manyPorts(n)
			b.ResetTimer()
			for i := range b.N {
				name := fmt.Sprintf("new-%d", i)
				tx := etcdschema.NewTxn()
				tx.Put(etcdschema.Intent(port(name)), []byte(portOnH1))
				if _, _, err := bed.client.Commit(b.Context(), tx); err != nil {
					b.Fatal(err)
				}
				bed.await(name, func(c *Cache) bool { return placed(c, "h1", name) })
			}
		})
	}
}

// BenchmarkPlanFloating moves one floating address between two guests, without etcd, with others on the same host.
func BenchmarkPlanFloating(b *testing.B) {
	for _, n := range []int{10, 10000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			s := routedRegion(b)
			s.put(internet, `{"spec":{"type":"vlan","physicalNetwork":"physnet1","external":{},"subnets":[{"cidr":"198.18.0.0/16","gateway":"198.18.0.1"}]}}`)
			for i := range n {
				s.put(port(fmt.Sprintf("p%05d", i)), portOnH1)
				s.put(floating(fmt.Sprintf("f%05d", i)), fmt.Sprintf(`{"spec":{"network":"operator/internet","port":"p%05d"}}`, i))
			}
			s.put(port("a"), portOnH1)
			s.put(port("b"), portOnH1)
			s.settle()
			b.ResetTimer()
			for i := range b.N {
				s.put(floating("one"), fmt.Sprintf(`{"spec":{"network":"operator/internet","port":"%c"}}`, 'a'+i%2))
				s.settle()
			}
		})
	}
}
