package control

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"weft/etcdschema"
	"weft/model"
	"weft/model/desired"
)

func brakeOf(c *Cache) string {
	s, ok := entryValue[*etcdschema.ControlStatus](c.entries[etcdschema.ControlStatusKey()])
	if !ok || s.Brake == nil {
		return ""
	}
	return s.Brake.Reason
}

func (b *bed) acceptAll() {
	t := etcdschema.NewTxn()
	t.Put(acceptOrder(), etcdschema.Order{By: "test", At: time.Now()})
	b.commit(t)
}

// manyPorts puts n ports on h1 and waits until all of them exist.
func (b *bed) manyPorts(n int) {
	b.t.Helper()
	for from := 0; from < n; from += 100 {
		t := etcdschema.NewTxn()
		for i := from; i < min(n, from+100); i++ {
			t.Put(etcdschema.Intent(port(fmt.Sprintf("p%04d", i))), []byte(portOnH1))
		}
		b.commit(t)
	}
	b.await("all ports", func(c *Cache) bool { return c.nodes["h1"] != nil && len(c.nodes["h1"].items) == n+2 })
}

func TestAMassDeletionStopsTheControllers(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	_, stop := b.start("one", nil)
	b.region()
	b.manyPorts(60)
	if _, err := b.client.Etcd().Delete(t.Context(), b.client.FullPrefix(etcdschema.IntentPrefix()), clientv3.WithPrefix()); err != nil {
		t.Fatal(err)
	}
	b.await("the brake", func(c *Cache) bool { return strings.Contains(brakeOf(c), "of 65 accepted objects") })
	intact := func(c *Cache) bool { return len(c.accepted) == 65 && len(c.nodes["h1"].items) == 62 }
	b.await("everything is as it was", intact)
	b.start("two", nil)
	stop()
	b.await("the next leader holds too", func(c *Cache) bool {
		s, _ := entryValue[*etcdschema.ControlStatus](c.entries[etcdschema.ControlStatusKey()])
		return s.Leader == "two" && s.Brake != nil && intact(c)
	})
	b.acceptAll()
	b.await("after the accept all goes", func(c *Cache) bool {
		return len(c.accepted) == 0 && len(c.nodes["h1"].items) == 0 && c.nodes["h1"].headMatches() && brakeOf(c) == ""
	})
	b.region()
	b.await("and work goes on", func(c *Cache) bool { return c.accepted[blue] != nil })
}

func TestAnEtcdThatWentBackStopsTheControllersAndReissuesNothing(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.start("one", nil)
	b.region()
	b.manyPorts(1)
	var network, cluster string
	b.await("the network", func(c *Cache) bool {
		network, cluster = c.accepted[blue].UID, fmt.Sprintf("%x", c.ClusterID)
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
	b.await("the brake", func(c *Cache) bool { return strings.Contains(brakeOf(c), "node h1 has seen revision") })
	b.put(port("new"), portOnH1)
	b.acceptAll()
	b.await("the new port", func(c *Cache) bool { return placed(c, "h1", "new") && brakeOf(c) == "" })
	b.await("what the node uses was not given out", func(c *Cache) bool {
		for _, k := range []etcdschema.Key{
			etcdschema.AddressClaim(network, addr), etcdschema.MACClaim(model.MAC{0xfa, 0x16, 0x3e, 9, 9, 9}), etcdschema.SegmentClaim("physnet1", 101),
		} {
			if _, claimed := c.claim(k); !claimed {
				t.Fatalf("%s is not claimed", k)
			}
		}
		return c.accepted[port("new")].Allocated.Addresses[1] != addr
	})
	b.delete(bucket)
	b.await("and is released when no node has it any more", func(c *Cache) bool {
		cl, ok := c.claim(etcdschema.AddressClaim(network, addr))
		return !ok || cl.State == etcdschema.ClaimHeld
	})
}

func TestARememberedEtcdThatIsAnotherStopsTheController(t *testing.T) {
	t.Parallel()
	b := newBed(t)
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
	b.await("the brake", func(c *Cache) bool { return strings.Contains(brakeOf(c), "etcd went back") && len(c.accepted) == 0 })
	b.acceptAll()
	b.await("work goes on", func(c *Cache) bool { return c.accepted[blue] != nil })
	stop()
	if data, err := os.ReadFile(path); err != nil || strings.Contains(string(data), `"7"`) {
		t.Errorf("the state file is %s %v, expected the present etcd", data, err)
	}
	b.start("again", func(c *Config) { c.StateDir = dir })
	b.put(port("a"), portOnH1)
	b.await("a restart holds nothing", func(c *Cache) bool { return placed(c, "h1", "a") })
}

func TestTheBrakeCountsWhatGoesWithinAMinute(t *testing.T) {
	t.Parallel()
	c := NewCache()
	var br brake
	now := time.Unix(1000, 0)
	for i := range 400 {
		id := port(fmt.Sprintf("p%d", i))
		c.set(etcdschema.AcceptedKey(id), &entry{value: &etcdschema.Accepted{UID: id.Name, Object: model.Object{Kind: id.Kind, Spec: &model.PortSpec{}}}})
	}
	gone := func(from, to int) string {
		var b etcdschema.Batch
		for i := from; i < to; i++ {
			b.Events = append(b.Events, etcdschema.Event{Item: etcdschema.Item{Key: etcdschema.Intent(port(fmt.Sprintf("p%d", i)))}, Deleted: true})
		}
		why := br.watch(c, b, nil, now)
		return why
	}
	if why := gone(0, 40); why != "" {
		t.Errorf("a tenth: %s", why)
	}
	now = now.Add(59 * time.Second)
	if why := gone(40, 41); why == "" {
		t.Error("more than a tenth within a minute passed")
	}
	now = now.Add(2 * time.Second)
	if why := gone(41, 80); why != "" {
		t.Errorf("the first forty are older than a minute: %s", why)
	}
	back := etcdschema.Batch{Events: []etcdschema.Event{{Item: etcdschema.Item{Key: etcdschema.Intent(port("p41"))}}}}
	if why := br.watch(c, back, nil, now); why != "" || len(c.gone.at) != 39 {
		t.Errorf("one came back: %q, %d are counted as gone", why, len(c.gone.at))
	}
}

func TestWhatComesAndGoesWithinAMinuteIsNoMassDeletion(t *testing.T) {
	t.Parallel()
	c := NewCache()
	var br brake
	now := time.Unix(1000, 0)
	see := func(ids []model.ID, deleted bool) string {
		var b etcdschema.Batch
		for _, id := range ids {
			b.Events = append(b.Events, etcdschema.Event{Item: etcdschema.Item{Key: etcdschema.Intent(id)}, Deleted: deleted})
		}
		why := br.watch(c, b, nil, now)
		for _, id := range ids { // the round that follows accepts or removes them
			var e *entry
			if !deleted {
				e = &entry{value: &etcdschema.Accepted{UID: id.Name, Object: model.Object{Kind: id.Kind, Spec: &model.PortSpec{}}}}
			}
			c.set(etcdschema.AcceptedKey(id), e)
		}
		return why
	}
	var together []model.ID
	for i := range 3 * brakeFloor {
		id := []model.ID{port(fmt.Sprintf("p%d", i))}
		together = append(together, id...)
		if why := see(id, false) + see(id, true); why != "" {
			t.Fatalf("short-lived port %d: %s", i, why)
		}
		now = now.Add(100 * time.Millisecond)
	}
	if why := see(together, false); why != "" {
		t.Fatalf("declaring many: %s", why)
	}
	if why := see(together, true); why == "" {
		t.Error("all of them went at once, however young, and nothing stopped it")
	}
}

// TestALostRaceCarriesOutNoDeletion: after a lost race a transaction's keys are read again, one by one. The brake counts deletions
// in the batches of the watch. Therefore deletions are not taken from these reads.
func TestALostRaceCarriesOutNoDeletion(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	c, err := New(Config{Client: b.client, Name: "one", StateDir: t.TempDir(), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	l := newLoop(c)
	intent, claim := etcdschema.Intent(port("p")), etcdschema.MACClaim(model.MAC{0xfa, 0x16, 0x3e, 9, 9, 9})
	l.cache.set(intent, &entry{data: []byte(portOnH1), mod: 5, born: 5})
	l.cache.set(claim, &entry{data: []byte(`{"owner":"u","state":"bound"}`), mod: 5, born: 5})
	if err := l.readAgain(t.Context(), []etcdschema.Key{intent, claim}); err != nil {
		t.Fatal(err)
	}
	if l.cache.entries[intent] == nil {
		t.Error("a deleted intent was taken in behind the brake's back")
	}
	if l.cache.entries[claim] != nil {
		t.Error("a claim that is gone was not taken in")
	}
}
