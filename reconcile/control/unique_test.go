package control

import (
	"fmt"
	"testing"
	"time"

	"weft/etcdschema"
	"weft/model"
)

// Two replicas that both lead, as after a partition that the election does not notice, give out nothing twice.
func TestTwoLeadersAtOnceGiveOutNothingTwice(t *testing.T) {
	t.Parallel()
	const ports = 2000
	b := newBed(t)
	b.start("one", func(c *Config) { c.Election = "one" })
	b.start("two", func(c *Config) { c.Election = "two" })
	b.region()
	start := time.Now()
	for from := 0; from < ports; from += 100 {
		tx := etcdschema.NewTxn()
		for i := from; i < from+100; i++ {
			tx.Put(etcdschema.Intent(port(fmt.Sprintf("p%04d", i))), []byte(`{"spec":{"network":"blue"}}`))
		}
		b.commit(tx)
	}
	b.await("all ports accepted", func(c *Cache) bool { return len(c.accepted) == ports+5 })
	t.Logf("%d ports by two leaders at once: %s", ports, time.Since(start))
	addresses, macs := map[model.Address]model.ID{}, map[model.MAC]model.ID{}
	b.await("the end", func(c *Cache) bool {
		for id, a := range c.accepted {
			if id.Kind != model.KindPort {
				continue
			}
			if other, twice := macs[a.Allocated.MAC]; twice {
				t.Errorf("%s and %s have MAC %s", id, other, a.Allocated.MAC)
			}
			macs[a.Allocated.MAC] = id
			for _, addr := range a.Allocated.Addresses {
				if other, twice := addresses[addr]; twice {
					t.Errorf("%s and %s have %s", id, other, addr)
				}
				addresses[addr] = id
				if cl, ok := c.claim(etcdschema.AddressClaim(c.accepted[blue].UID, addr)); !ok || cl.Owner != a.UID {
					t.Errorf("%s has %s, whose claim is %+v", id, addr, cl)
				}
			}
		}
		return true
	})
	if len(addresses) != 2*ports {
		t.Errorf("%d addresses, expected %d", len(addresses), 2*ports)
	}
}
