package control

import (
	"fmt"
	"testing"

	"weft/etcdschema"
	"weft/reconcile/control/cache"
	"weft/reconcile/control/internal/fixture"
)

// BenchmarkCommitPort is one port from the commit of its intent to the commit of its node config, on a real etcd.
func BenchmarkCommitPort(b *testing.B) {
	for _, n := range []int{1, 1000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			on := newTestbed(b)
			on.start("one", nil)
			on.region()
			on.manyPorts(n)
			b.ResetTimer()
			for i := range b.N {
				name := fmt.Sprintf("new-%d", i)
				tx := etcdschema.NewTxn()
				tx.Put(etcdschema.Intent(fixture.Port(name)), []byte(fixture.PortOnH1))
				if _, _, err := on.client.Commit(b.Context(), tx); err != nil {
					b.Fatal(err)
				}
				on.await(name, func(c *cache.Cache) bool { return fixture.Placed(c, "h1", name) })
			}
		})
	}
}
