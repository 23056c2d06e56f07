package engine

import (
	"errors"
	"slices"
	"testing"
	"time"

	"weft/hostnet/object"
	"weft/model/desired"
)

// TestWhatIsNeededComesFirstAndGoesLast: an object is made after those that it depends on, and removed before them. Protection
// exists before and longer than what it protects.
func TestWhatIsNeededComesFirstAndGoesLast(t *testing.T) {
	t.Parallel()
	onEach(t, func(b *testbed) {
		b.host.Plug("tap1")
		b.host.Plug("tap2")
		items := []desired.Item{networkItem(1), networkItem(2), externalItem(), portItem(1, 1), portItem(2, 2), routerItem(2), floatingItem(1, 1),
			neighborsItem(1, 3)}
		b.etcd.put(append(items, b.hostItem())...)
		b.start()
		b.settle(time.Second)
		b.converged()
		want, made := b.wanted(), positions(b.host.Journal(), object.Create)
		if len(want) < 30 || want[b.protection(1)] == nil || want[b.place("tap1")] == nil {
			b.t.Fatalf("only %d objects: %v", len(want), want)
		}
		for k, o := range want {
			for _, needed := range o.DependsOn() {
				at, here := made[needed]
				if mine, isMade := made[k]; isMade && here && at > mine {
					b.t.Errorf("%s was made before %s", k, needed)
				}
			}
		}
		keys := []desired.Key{b.hostItem().Key()}
		for _, it := range items {
			keys = append(keys, it.Key())
		}
		slices.Reverse(keys)
		b.etcd.drop(keys...)
		b.settle(time.Second)
		b.converged()
		gone := positions(b.host.Journal(), object.Delete)
		for k, o := range want {
			if _, went := gone[k]; !went && k.Kind != object.KindLink && k.Kind != object.KindQdisc && b.host.Objects()[k] != nil {
				b.t.Errorf("%s is still there", k)
			}
			for _, needed := range o.DependsOn() {
				at, here := gone[needed]
				if mine, went := gone[k]; went && here && at < mine {
					b.t.Errorf("%s was removed before %s", needed, k)
				}
			}
		}
	})
}

// positions says when each object was made, or removed.
func positions(journal []object.Change, op object.Op) map[object.Key]int {
	at := map[object.Key]int{}
	for i, c := range journal {
		if c.Op == op {
			at[c.Key()] = i
		}
	}
	return at
}

// TestWhatIsNeededStaysWhileItIs: when a removal fails, what the object depends on stays until the removal has succeeded, and is
// removed then.
func TestWhatIsNeededStaysWhileItIs(t *testing.T) {
	t.Parallel()
	onEach(t, func(b *testbed) {
		b.wire(1)
		failing := b.base()
		var needs []object.Key
		for k, o := range b.wanted() {
			if slices.Contains(o.DependsOn(), b.base()) && b.ovs() && k.Kind == object.KindUplink || k == b.base() && !b.ovs() {
				failing, needs = k, o.DependsOn()
			}
		}
		if len(needs) == 0 {
			b.t.Fatalf("%s depends on nothing", failing)
		}
		for range 4 {
			b.host.FailKey(failing, errors.New("busy"))
		}
		b.etcd.drop(portKey(1), networkItem(1).Key(), b.hostItem().Key())
		b.settle(10 * time.Millisecond)
		for _, k := range append(needs, failing) {
			if b.host.Objects()[k] == nil {
				b.t.Errorf("%s is gone, and %s is still there", k, failing)
			}
		}
		b.settle(5 * time.Second) // long before a sweep
		b.converged()
		for _, k := range append(needs, failing) {
			if b.host.Objects()[k] != nil {
				b.t.Errorf("%s is still there", k)
			}
		}
		if n := b.node(); n.Exceptions != 0 || len(b.engine.items.leaving)+len(b.engine.items.orphans) != 0 {
			b.t.Errorf("reported %+v, left %v, %v", n, b.engine.items.leaving, b.engine.items.orphans)
		}
	})
}
