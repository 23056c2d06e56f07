package engine

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"weft/etcdschema"
	"weft/hostnet/fake"
	"weft/hostnet/object"
)

// TestRestIsQuiet: a node at rest renews some buckets of its report with each summary. Its sweeps write nothing, because they find
// nothing.
func TestRestIsQuiet(t *testing.T) {
	t.Parallel()
	wired(t, 20, func(b *testbed) {
		b.settle(2 * time.Minute)
		before := b.commits()
		b.settle(10 * time.Minute)
		if n := b.commits() - before; n < 15 || n > 25 {
			t.Errorf("%d reports in ten minutes, expected one each %s", n, idleReport)
		}
	})
}

// TestNeighboursAreReportedWithTheRest: nobody waits for the report that neighbours are programmed. It comes with the next one, or after
// some seconds.
func TestNeighboursAreReportedWithTheRest(t *testing.T) {
	t.Parallel()
	wired(t, 1, func(b *testbed) {
		b.etcd.put(externalItem(), routerItem(1), neighborsItem(1, 3))
		b.settle(time.Millisecond)
		if b.node().ProcessedRevision != b.etcd.revision {
			b.t.Fatal("a new router is not reported at once")
		}
		before := b.commits()
		for n := range 4 {
			b.etcd.put(neighborsItem(1, 4+n))
			b.settle(time.Second)
		}
		if n := b.commits() - before; n != 0 {
			b.t.Errorf("%d reports of neighbours alone are written within four seconds", n)
		}
		b.settle(2 * time.Second)
		if n := b.commits() - before; n != 1 || b.node().ProcessedRevision != b.etcd.revision {
			b.t.Errorf("%d reports, up to revision %d of %d, expected one of everything", n, b.node().ProcessedRevision, b.etcd.revision)
		}
		b.etcd.put(neighborsItem(1, 9))
		b.settle(time.Second)
		b.host.Plug("tap2")
		b.etcd.put(portItem(2, 1))
		b.settle(time.Millisecond)
		if b.node().ProcessedRevision != b.etcd.revision {
			b.t.Error("a port waits for the neighbours' report")
		}
		b.converged()
	})
}

func (b *testbed) commits() int {
	b.etcd.mu.Lock()
	defer b.etcd.mu.Unlock()
	return b.etcd.commits
}

// TestLostBucketsComeBack: what somebody removed from the node's report in etcd is there again within some minutes.
func TestLostBucketsComeBack(t *testing.T) {
	t.Parallel()
	wired(t, 20, func(b *testbed) {
		b.settle(time.Minute)
		b.etcd.mu.Lock()
		whole := maps.Clone(b.etcd.actual)
		clear(b.etcd.actual)
		b.etcd.mu.Unlock()
		b.settle((etcdschema.Buckets/idleBuckets + 2) * idleReport)
		b.etcd.mu.Lock()
		defer b.etcd.mu.Unlock()
		for k, v := range whole {
			if strings.Contains(k, "/bucket/") && string(b.etcd.actual[k]) != string(v) {
				t.Errorf("%s: %s, expected %s", k, b.etcd.actual[k], v)
			}
		}
	})
}

// sharing records what the engine tells a driver to share.
type sharing struct {
	*fake.Driver
	told map[object.Key]object.Object
}

func (s *sharing) Share(desired []object.Object) {
	for _, o := range desired {
		s.told[o.Key()] = o
	}
}

// TestWhatWasFoundIsShared: after a restart each object that the host has already is told to its driver once, as the one that is desired.
func TestWhatWasFoundIsShared(t *testing.T) {
	t.Parallel()
	wired(t, 2, func(b *testbed) {
		told := map[object.Key]object.Object{}
		b.stop()
		b.host.Restart()
		b.wrap = func(d *fake.Driver) Driver { return &sharing{d, told} }
		b.start()
		b.settle(10 * time.Second)
		k := b.protection(2)
		if told[k] == nil || told[k] != b.engine.items.objects[k].want {
			t.Fatalf("%s is shared as %v", k, told[k])
		}
		clear(told)
		b.settle(3 * time.Minute)
		if len(told) > 0 {
			t.Errorf("told again: %v", slices.Collect(maps.Keys(told)))
		}
	})
}

// TestDependantIndex: whatever comes and goes, the index lists exactly the objects that depend on a key, few or many.
func TestDependantIndex(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		x := dependantIndex{}
		linked := map[*objectState]bool{}
		t.Repeat(map[string]func(*rapid.T){
			"link": func(t *rapid.T) {
				on := rapid.SliceOfN(rapid.SampledFrom([]object.Key{{Name: "a"}, {Name: "b"}}), 0, 3).Draw(t, "on")
				for range rapid.SampledFrom([]int{1, fewDependants}).Draw(t, "how many") {
					st := &objectState{want: &object.FlowSet{Bridge: "c", After: on}}
					linked[st] = true
					x.link(st)
				}
			},
			"unlink": func(t *rapid.T) {
				n := rapid.IntRange(0, fewDependants).Draw(t, "how many")
				for st := range linked {
					if n--; n < 0 {
						break
					}
					delete(linked, st)
					x.unlink(st)
				}
			},
			"": func(t *rapid.T) {
				want := map[object.Key]map[*objectState]bool{}
				for st := range linked {
					for _, k := range st.want.DependsOn() {
						if want[k] == nil {
							want[k] = map[*objectState]bool{}
						}
						want[k][st] = true
					}
				}
				if len(x) != len(want) {
					t.Fatalf("%d keys have dependants, expected %d", len(x), len(want))
				}
				for k, all := range want {
					got := map[*objectState]bool{}
					n := 0
					for st := range x.of(k) {
						got[st] = true
						n++
					}
					if !maps.Equal(got, all) || n != len(all) {
						t.Fatalf("%s: %d dependants, expected %d", k, n, len(all))
					}
				}
			},
		})
	})
}
