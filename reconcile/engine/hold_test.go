package engine

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"weft/etcdschema"
	"weft/model/desired"
)

func TestForeignDeleteIsHeld(t *testing.T) {
	t.Parallel()
	wired(t, 3, func(b *testbed) {
		key := etcdschema.DesiredKey(node, portKey(1)).String()
		value := b.etcd.values[key]
		b.etcd.write(false, map[string][]byte{key: nil})
		b.settle(time.Second)
		if n := b.node(); n.Held != "" {
			b.t.Fatalf("held at once: %+v", n)
		}
		b.settle(5 * time.Second)
		if n := b.node(); !strings.Contains(n.Held, "head") {
			b.t.Fatalf("reported %+v", n)
		}
		if b.host.Objects()[b.place("tap1")] == nil {
			b.t.Fatal("a port went that no head says is gone")
		}
		b.etcd.write(false, map[string][]byte{key: value})
		b.settle(time.Second)
		b.converged()
		if n := b.node(); n.Held != "" {
			b.t.Fatalf("still held: %+v", n)
		}
		b.etcd.write(false, map[string][]byte{key: nil})
		b.settle(5 * time.Second)
		b.etcd.order("accept")
		b.settle(time.Second)
		if b.host.Objects()[b.place("tap1")] != nil {
			b.t.Fatal("an accepted removal was not carried out")
		}
	})
}

// TestMassDeleteIsHeldUntilAccepted deletes in pieces, as controllers divide transactions. Each piece may come alone or with
// others.
func TestMassDeleteIsHeldUntilAccepted(t *testing.T) {
	t.Parallel()
	const ports, piece = 3 * massPorts, massPorts
	wired(t, ports, func(b *testbed) {
		var keys []desired.Key
		for i := range ports {
			keys = append(keys, portKey(i+1))
		}
		before := b.host.Calls()
		for pieces := range slices.Chunk(keys, piece) {
			b.etcd.drop(pieces...)
		}
		b.settle(time.Minute)
		if got := b.engine.config.applied.Count(desired.KindPort); got != ports || b.host.Calls() != before {
			b.t.Fatalf("%d ports are left of %d, %d changes", got, ports, b.host.Calls()-before)
		}
		if n := b.node(); !strings.Contains(n.Held, fmt.Sprintf(" of %d ports would go", ports)) {
			b.t.Fatalf("reported %+v", n)
		}
		b.restart() // the hold survives a restart
		b.settle(time.Minute)
		if n := b.node(); n.Held == "" || n.Ports != ports {
			b.t.Fatalf("after a restart: %+v", n)
		}
		b.etcd.put(portItem(1, 1)) // a part of it comes back, and others may be added
		b.settle(time.Second)
		b.etcd.order("accept")
		b.settle(time.Second)
		b.converged()
		if n := b.node(); n.Held != "" || n.Ports != 1 {
			b.t.Fatalf("after the accept: %+v", n)
		}
		b.etcd.put(portItem(2, 1), portItem(3, 1))
		b.settle(time.Second)
		b.etcd.drop(portKey(2), portKey(3)) // only a few, and the accepted ones do not count again
		b.settle(time.Second)
		if n := b.node(); n.Held != "" || n.Ports != 1 {
			b.t.Fatalf("two ports soon after the accept: %+v", n)
		}
	})
}

// TestPortsThatComeAndGoAreNoMassDelete has short-lived guests one after the other, on a host with few others.
func TestPortsThatComeAndGoAreNoMassDelete(t *testing.T) {
	t.Parallel()
	wired(t, 2, func(b *testbed) {
		for i := range 3 * massPorts {
			b.host.Plug(fmt.Sprint("tap", 10+i))
			b.etcd.put(portItem(10+i, 1))
			b.settle(100 * time.Millisecond)
			b.etcd.drop(portKey(10 + i))
			b.settle(100 * time.Millisecond)
		}
		b.converged()
		if n := b.node(); n.Held != "" || n.Ports != 2 {
			b.t.Fatalf("reported %+v", n)
		}
	})
}

func TestOldEtcdIsHeld(t *testing.T) {
	t.Parallel()
	wired(t, 3, func(b *testbed) {
		b.settle(5 * time.Second) // the state file is written
		b.stop()
		restored := newMemoryEtcd()
		restored.cluster = 8
		restored.put(b.hostItem(), networkItem(1), portItem(1, 1))
		good := b.etcd
		b.etcd = restored
		b.host.Restart()
		b.start()
		b.settle(time.Minute)
		n := b.node()
		if !strings.Contains(n.Held, "older") || n.Ports != 3 || n.ClusterID != "7" || n.EtcdRevision != good.revision {
			b.t.Fatalf("reported %+v", n)
		}
		if len(restored.actual) != etcdschema.Buckets+1 {
			b.t.Fatalf("%d keys of the report were written", len(restored.actual))
		}
		restored.put(portItem(2, 1), portItem(3, 1)) // the controllers restore what was lost
		b.settle(time.Minute)
		b.converged()
		if n := b.node(); n.Held != "" || n.ClusterID != "8" || n.ProcessedRevision != restored.revision {
			b.t.Fatalf("after it was restored: %+v", n)
		}
	})
}
