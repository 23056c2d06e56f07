package control

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"weft/etcdschema"
	"weft/model"
	"weft/reconcile/control/cache"
	"weft/reconcile/control/internal/fixture"
)

// Two replicas that both lead, as after a partition that the election does not notice, give out nothing twice.
func TestTwoLeadersAtOnceGiveOutNothingTwice(t *testing.T) {
	t.Parallel()
	const ports = 2000
	b := newTestbed(t)
	b.start("one", func(c *Config) { c.Election = "one" })
	b.start("two", func(c *Config) { c.Election = "two" })
	b.region()
	start := time.Now()
	for from := 0; from < ports; from += 100 {
		tx := etcdschema.NewTxn()
		for i := from; i < from+100; i++ {
			tx.Put(etcdschema.Intent(fixture.Port(fmt.Sprintf("p%04d", i))), []byte(`{"spec":{"network":"blue"}}`))
		}
		b.commit(tx)
	}
	b.await("all ports accepted", func(c *cache.Cache) bool { return c.AcceptedCount() == ports+5 })
	t.Logf("%d ports by two leaders at once: %s", ports, time.Since(start))
	addresses, macs := map[model.Address]model.ID{}, map[model.MAC]model.ID{}
	b.await("the end", func(c *cache.Cache) bool {
		for id, a := range c.AllAccepted() {
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
				if cl, ok := c.Claim(etcdschema.AddressClaim(c.Accepted(fixture.Blue).UID, addr)); !ok || cl.Owner != a.UID {
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

// Two replicas that both lead give overlapping prefixes to one router only.
func TestTwoLeadersGiveAPrefixToOneRouter(t *testing.T) {
	t.Parallel()
	const projects = 24
	b := newTestbed(t)
	b.start("one", func(c *Config) { c.Election = "one" })
	b.start("two", func(c *Config) { c.Election = "two" })
	b.region()
	b.put(model.ID{Project: model.ClusterProject, Kind: model.KindProject, Name: "operator"}, `{"spec":{}}`)
	b.put(fixture.Internet, strings.Replace(fixture.InternetSpec, `"external":{}`, `"external":{"ipv6":"routed"}`, 1))
	tx := etcdschema.NewTxn()
	id := func(k model.Kind, i int) model.ID {
		return model.ID{Project: fmt.Sprintf("p%d", i), Kind: k, Name: "edge"}
	}
	for i := range projects { // each overlaps all others, and all are different
		tx.Put(etcdschema.Intent(model.ID{Project: model.ClusterProject, Kind: model.KindProject, Name: fmt.Sprintf("p%d", i)}), []byte(`{"spec":{}}`))
		tx.Put(etcdschema.Intent(id(model.KindNetwork, i)),
			[]byte(fmt.Sprintf(`{"spec":{"type":"vlan","physicalNetwork":"physnet1","subnets":[{"cidr":"fd00::/%d"}]}}`, 40+i)))
		tx.Put(etcdschema.Intent(id(model.KindRouter, i)), []byte(`{"spec":{"networks":["edge"],"externalNetwork":"operator/internet"}}`))
	}
	b.commit(tx)
	b.await("every router has a condition", func(c *cache.Cache) bool {
		accepted := 0
		for i := range projects {
			s := statusOf(c, id(model.KindRouter, i))
			if s.Phase == "" {
				return false
			}
			if c.Accepted(id(model.KindRouter, i)) != nil {
				accepted++
			}
		}
		if accepted > 1 {
			t.Fatalf("%d routers have overlapping prefixes", accepted)
		}
		return accepted == 1
	})
}

// Two replicas that both lead accept only one of several pools that overlap.
func TestTwoLeadersGiveAnAddressToOnePool(t *testing.T) {
	t.Parallel()
	const pools = 24
	b := newTestbed(t)
	b.start("one", func(c *Config) { c.Election = "one" })
	b.start("two", func(c *Config) { c.Election = "two" })
	b.region()
	id := func(i int) model.ID {
		return model.ID{Project: model.ClusterProject, Kind: model.KindAddressPool, Name: fmt.Sprintf("p%d", i)}
	}
	tx := etcdschema.NewTxn()
	for i := range pools { // each overlaps all others, and all are different
		tx.Put(etcdschema.Intent(id(i)), []byte(fmt.Sprintf(`{"spec":{"network":"alpha/blue","ranges":[{"start":"10.0.1.%d","end":"10.0.1.100"}]}}`, i+1)))
	}
	b.commit(tx)
	b.await("every pool has a condition", func(c *cache.Cache) bool {
		accepted := 0
		for i := range pools {
			if statusOf(c, id(i)).Phase == "" {
				return false
			}
			if c.Accepted(id(i)) != nil {
				accepted++
			}
		}
		if accepted > 1 {
			t.Fatalf("%d pools that overlap are accepted", accepted)
		}
		return accepted == 1
	})
}
