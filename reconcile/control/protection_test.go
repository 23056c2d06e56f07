package control

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"pgregory.net/rapid"

	"weft/etcdschema"
	"weft/model"
	"weft/model/desired"
	"weft/reconcile/control/cache"
	"weft/reconcile/control/internal/fixture"
	"weft/reconcile/control/kind"
	"weft/reconcile/control/protect"
)

// heldReason says why the controllers are held; empty when they are not.
func heldReason(c *cache.Cache) string {
	s, ok := cache.ValueOf[*etcdschema.ControlStatus](c.Entry(etcdschema.ControlStatusKey()))
	if !ok || s.Held == nil {
		return ""
	}
	return s.Held.Reason
}

func (b *testbed) acceptAll() {
	t := etcdschema.NewTxn()
	t.Put(protect.AcceptOrder(), etcdschema.Order{By: "test", At: time.Now()})
	b.commit(t)
}

// manyPorts puts n ports on h1 and waits until all of them exist.
func (b *testbed) manyPorts(n int) {
	b.t.Helper()
	for from := 0; from < n; from += 100 {
		t := etcdschema.NewTxn()
		for i := from; i < min(n, from+100); i++ {
			t.Put(etcdschema.Intent(fixture.Port(fmt.Sprintf("p%04d", i))), []byte(fixture.PortOnH1))
		}
		b.commit(t)
	}
	b.await("all ports", func(c *cache.Cache) bool { return c.Node("h1") != nil && len(c.Node("h1").Items) == n+2 })
}

func TestAMassDeletionStopsTheControllers(t *testing.T) {
	t.Parallel()
	b := newTestbed(t)
	_, stop := b.start("one", nil)
	b.region()
	b.manyPorts(60)
	if _, err := b.client.Etcd().Delete(t.Context(), b.client.FullPrefix(etcdschema.IntentPrefix()), clientv3.WithPrefix()); err != nil {
		t.Fatal(err)
	}
	b.await("the hold", func(c *cache.Cache) bool { return strings.Contains(heldReason(c), "of 65 accepted objects") })
	intact := func(c *cache.Cache) bool { return c.AcceptedCount() == 65 && len(c.Node("h1").Items) == 62 }
	b.await("everything is as it was", intact)
	b.start("two", nil)
	stop()
	b.await("the next leader holds too", func(c *cache.Cache) bool {
		s, _ := cache.ValueOf[*etcdschema.ControlStatus](c.Entry(etcdschema.ControlStatusKey()))
		return s.Leader == "two" && s.Held != nil && intact(c)
	})
	b.acceptAll()
	b.await("after the accept all goes", func(c *cache.Cache) bool {
		return c.AcceptedCount() == 0 && len(c.Node("h1").Items) == 0 && c.Node("h1").HeadMatches() && heldReason(c) == ""
	})
	b.region()
	b.await("and work goes on", func(c *cache.Cache) bool { return c.Accepted(fixture.Blue) != nil })
}

func TestAnEtcdThatWentBackStopsTheControllersAndReissuesNothing(t *testing.T) {
	t.Parallel()
	b := newTestbed(t)
	b.start("one", nil)
	b.region()
	b.manyPorts(1)
	var network, cluster string
	b.await("the network", func(c *cache.Cache) bool {
		network, cluster = c.Accepted(fixture.Blue).UID, fmt.Sprintf("%x", c.ClusterID)
		return true
	})
	// A node has a port that this etcd does not know, and has seen a revision that this etcd has not reached.
	uid := "99999999-0000-4000-8000-000000000000"
	addr, err := model.ParseAddress("10.0.0.4")
	if err != nil {
		t.Fatal(err)
	}
	bucket := etcdschema.ActualBucket("h1", etcdschema.Bucket(uid))
	tx := etcdschema.NewTxn()
	tx.Put(bucket, etcdschema.BucketReport{Ports: map[string]etcdschema.PortReport{uid: {
		ID: "alpha/lost", Network: network, MAC: model.MAC{0xfa, 0x16, 0x3e, 9, 9, 9}, Addresses: []model.Address{addr}, SegmentationID: 101, Physical: "physnet1",
	}}})
	tx.Put(etcdschema.ActualNode("h1"), etcdschema.NodeReport{EtcdRevision: 1 << 40, ClusterID: cluster, Features: desired.Features()})
	b.commit(tx)
	b.await("the hold", func(c *cache.Cache) bool { return strings.Contains(heldReason(c), "node h1 has seen revision") })
	b.put(fixture.Port("new"), fixture.PortOnH1)
	b.acceptAll()
	b.await("the new port", func(c *cache.Cache) bool { return fixture.Placed(c, "h1", "new") && heldReason(c) == "" })
	b.await("what the node uses was not given out", func(c *cache.Cache) bool {
		for _, k := range []etcdschema.Key{
			etcdschema.AddressClaim(network, addr), etcdschema.MACClaim(model.MAC{0xfa, 0x16, 0x3e, 9, 9, 9}), etcdschema.SegmentClaim("physnet1", 101),
		} {
			if _, claimed := c.Claim(k); !claimed {
				t.Fatalf("%s is not claimed", k)
			}
		}
		return c.Accepted(fixture.Port("new")).Allocated.Addresses[1] != addr
	})
	b.delete(bucket)
	b.await("and is released when no node has it any more", func(c *cache.Cache) bool {
		cl, ok := c.Claim(etcdschema.AddressClaim(network, addr))
		return !ok || cl.State == etcdschema.ClaimHeld
	})
}

func TestARememberedEtcdThatIsAnotherStopsTheController(t *testing.T) {
	t.Parallel()
	b := newTestbed(t)
	dir := t.TempDir()
	path := filepath.Join(dir, "seen.json")
	if err := os.WriteFile(path, []byte(`{"clusterID":"7","revision":12}`), 0o600); err != nil {
		t.Fatal(err)
	}
	b.region()
	stale := etcdschema.NewTxn()
	stale.Put(etcdschema.ActualNode("h9"), etcdschema.NodeReport{ClusterID: "7", EtcdRevision: 12})
	b.commit(stale)
	_, stop := b.start("one", func(c *Config) { c.StateDir = dir })
	b.await("the hold", func(c *cache.Cache) bool {
		return strings.Contains(heldReason(c), "etcd went back") && c.AcceptedCount() == 0
	})
	b.acceptAll()
	b.await("work goes on", func(c *cache.Cache) bool { return c.Accepted(fixture.Blue) != nil })
	stop()
	if data, err := os.ReadFile(path); err != nil || strings.Contains(string(data), `"7"`) {
		t.Errorf("the state file is %s %v, expected the present etcd", data, err)
	}
	b.start("again", func(c *Config) { c.StateDir = dir })
	b.put(fixture.Port("a"), fixture.PortOnH1)
	b.await("a restart holds nothing", func(c *cache.Cache) bool { return fixture.Placed(c, "h1", "a") })
}

// TestALostRaceCarriesOutNoDeletion: after a lost race a transaction's keys are read again, one by one. Mass-change protection
// counts deletions in the batches of the watch. Therefore deletions are not taken from these reads.
func TestALostRaceCarriesOutNoDeletion(t *testing.T) {
	t.Parallel()
	b := newTestbed(t)
	c, err := New(Config{Client: b.client, Name: "one", StateDir: t.TempDir(), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	l := newLoop(c)
	intent, claim := etcdschema.Intent(fixture.Port("p")), etcdschema.MACClaim(model.MAC{0xfa, 0x16, 0x3e, 9, 9, 9})
	l.cache.Set(intent, &cache.Entry{Data: []byte(fixture.PortOnH1), ModRevision: 5, CreateRevision: 5})
	l.cache.Set(claim, &cache.Entry{Data: []byte(`{"owner":"u","state":"bound"}`), ModRevision: 5, CreateRevision: 5})
	if err := l.readAgain(t.Context(), []etcdschema.Key{intent, claim}); err != nil {
		t.Fatal(err)
	}
	if l.cache.Entry(intent) == nil {
		t.Error("a deleted intent was taken in behind the back of mass-change protection")
	}
	if l.cache.Entry(claim) != nil {
		t.Error("a claim that is gone was not taken in")
	}
}

// Mass-change protection counts with what the cache tells it. It hears of every accepted object that appears or disappears, however
// often a transaction is rolled back.
func TestTheCacheTellsWhatIsAccepted(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c, told := cache.New(kind.AllKinds().Cached()), map[model.ID]bool{}
		c.AcceptedChanged = func(id model.ID, accepted bool) {
			if told[id] == accepted {
				t.Fatalf("%s: it was told twice that accepted is %v", id, accepted)
			}
			told[id] = accepted
		}
		change := func() {
			id := fixture.Port(fmt.Sprint("p", rapid.IntRange(0, 5).Draw(t, "port")))
			var e *cache.Entry
			if rapid.Bool().Draw(t, "accepted") {
				e = &cache.Entry{Value: &etcdschema.Accepted{UID: id.Name, Object: model.Object{Kind: id.Kind, Spec: &model.PortSpec{}}}}
			}
			c.Set(etcdschema.AcceptedKey(id), e)
		}
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			if rapid.Bool().Draw(t, "undone") {
				tx := c.Begin()
				for range rapid.IntRange(1, 5).Draw(t, "changes") {
					change()
				}
				tx.Abandon()
			} else {
				change()
			}
			for id, accepted := range told {
				if accepted != (c.Accepted(id) != nil) {
					t.Fatalf("%s: it was told that accepted is %v", id, accepted)
				}
			}
			if n := c.AcceptedCount(); n > len(told) {
				t.Fatalf("%d are accepted, and it was told of %d", n, len(told))
			}
		}
	})
}

func TestACacheFindsWhatHasNoOwner(t *testing.T) {
	t.Parallel()
	c := cache.New(kind.AllKinds().Cached())
	acc := func(id model.ID) *cache.Entry {
		return &cache.Entry{Value: &etcdschema.Accepted{UID: id.Name, Object: model.Object{Kind: id.Kind, Spec: &model.PortSpec{}}}}
	}
	for _, name := range []string{"both", "alone"} {
		c.Set(etcdschema.AcceptedKey(fixture.Port(name)), acc(fixture.Port(name)))
	}
	c.Set(etcdschema.Intent(fixture.Port("both")), &cache.Entry{Value: &cache.Intent{}})
	for _, uid := range []string{"both", "unknown"} {
		for _, node := range []string{"h1", "h2"} {
			c.Set(etcdschema.DesiredKey(node, desired.Key{Kind: desired.KindPort, UID: uid}), &cache.Entry{})
		}
	}
	c.Set(etcdschema.DesiredKey("h1", desired.Key{Kind: desired.KindNetwork, UID: "unknown"}), &cache.Entry{})
	if got := slices.Collect(c.Undeclared()); len(got) != 1 || got[0] != fixture.Port("alone") {
		t.Errorf("accepted without an intent: %v", got)
	}
	if n := c.UnknownGuests(); n != 1 {
		t.Errorf("%d guests without an accepted object, expected 1, however many nodes have it", n)
	}
}
