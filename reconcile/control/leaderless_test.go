package control

import (
	"fmt"
	"sync"
	"testing"

	"weft/etcdschema"
	"weft/model"
	"weft/reconcile/control/cache"
	"weft/reconcile/control/claim"
	"weft/reconcile/control/internal/fixture"
	"weft/reconcile/control/kind"
)

// claimant accepts objects and leads nothing: a replica that does not lead, or something else that must answer at once.
type claimant struct {
	t       *testing.T
	client  *etcdschema.Client
	cache   *cache.Cache
	claimer claim.Claimer
	races   int
}

func newClaimant(t *testing.T, client *etcdschema.Client) *claimant {
	c := &claimant{t: t, client: client}
	c.read()
	return c
}

// read reads all of etcd.
func (c *claimant) read() {
	kinds, settings := kind.AllKinds(), claim.DefaultSettings()
	items, revision, err := c.client.List(c.t.Context(), etcdschema.AllPrefix())
	if err != nil {
		c.t.Error(err)
		return
	}
	c.cache = cache.New(kinds.Cached())
	c.cache.Load(items, revision)
	c.claimer = claim.Claimer{Cache: c.cache, Kinds: kinds.Claimed(), Settings: &settings, Spread: c.races > 0,
		Later: func(u cache.Work) { c.t.Errorf("%s has no room in its transaction", u) }}
}

// accept accepts one object. It begins again when somebody else was faster.
func (c *claimant) accept(id model.ID) {
	for range 50 {
		tx := c.cache.Begin()
		_, cond, err := c.claimer.Advance(tx, c.cache.Reader(), c.cache.Intent(id), c.cache.Accepted(id))
		if err != nil || !cond.Good() {
			c.t.Errorf("%s: %+v, %v", id, cond, err)
			return
		}
		revision, committed, err := c.client.Commit(c.t.Context(), tx.ForEtcd(nil))
		if err != nil {
			c.t.Error(err)
			return
		}
		if committed {
			tx.Confirm(revision)
			return
		}
		tx.Abandon()
		c.races++
		c.read()
	}
	c.t.Errorf("%s: somebody else was always faster", id)
}

// Objects are accepted, with their claims, while nobody leads. Several who do so at the same time give out nothing twice. The leader that
// comes later places what was accepted and changes nothing of it.
func TestClaimsNeedNoLeader(t *testing.T) {
	t.Parallel()
	const claimants, each = 4, 25
	b := newTestbed(t)
	b.region()
	region := newClaimant(t, b.client)
	for _, id := range []model.ID{fixture.ProjectA, fixture.Physnet1, fixture.HostH1, fixture.HostH2, fixture.Blue} {
		region.accept(id)
	}
	name := func(who, i int) model.ID { return fixture.Port(fmt.Sprintf("p-%d-%d", who, i)) }
	for who := range claimants {
		for i := range each {
			b.put(name(who, i), fixture.PortOnH1)
		}
	}
	var all sync.WaitGroup
	races := make([]int, claimants)
	for who := range claimants {
		all.Go(func() {
			c := newClaimant(t, b.client)
			for i := range each {
				c.accept(name(who, i))
			}
			races[who] = c.races
		})
	}
	all.Wait()
	accepted := newClaimant(t, b.client).cache
	owners := map[string]model.ID{}
	for id, a := range accepted.AllAccepted() {
		values := []string{a.Allocated.MAC.String()}
		for _, addr := range a.Allocated.Addresses {
			values = append(values, addr.String())
		}
		for _, v := range values {
			if other, twice := owners[v]; twice && id.Kind == model.KindPort {
				t.Errorf("%s and %s have %s", id, other, v)
			}
			owners[v] = id
		}
	}
	t.Logf("lost races: %v", races)
	if n := accepted.AcceptedCount(); n != claimants*each+5 {
		t.Fatalf("%d objects are accepted, expected %d", n, claimants*each+5)
	}
	b.start("one", nil)
	b.await("all ports placed as they were accepted", func(c *cache.Cache) bool {
		for id, a := range accepted.AllAccepted() {
			if id.Kind != model.KindPort {
				continue
			}
			if now := c.Accepted(id); now == nil || now.UID != a.UID || now.Allocated.MAC != a.Allocated.MAC ||
				fmt.Sprint(now.Allocated.Addresses) != fmt.Sprint(a.Allocated.Addresses) {
				t.Fatalf("%s was accepted as %+v, the leader made %+v of it", id, a, now)
			}
			if !fixture.Placed(c, "h1", id.Name) {
				return false
			}
		}
		return true
	})
}
