package control

import (
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	clientv3 "go.etcd.io/etcd/client/v3"

	"weft/etcdschema"
	"weft/etcdschema/etcdserver"
	"weft/model/desired"
	"weft/reconcile/control/cache"
	"weft/reconcile/control/internal/fixture"
)

func TestIntentBecomesDesired(t *testing.T) {
	t.Parallel()
	b := newTestbed(t)
	b.start("one", nil)
	b.region()
	b.put(fixture.Port("web-1"), fixture.PortOnH1)
	b.await("the port on h1", func(c *cache.Cache) bool {
		p, ok := fixture.ItemOn[*desired.Port](c, "h1", fixture.Port("web-1"))
		n, has := fixture.ItemOn[*desired.Network](c, "h1", fixture.Blue)
		return ok && has && len(p.Addresses) == 2 && p.Addresses[0].Is6() && p.Network == n.UID && c.Node("h1").HeadMatches()
	})
	b.await("its status", func(c *cache.Cache) bool {
		s := statusOf(c, fixture.Port("web-1"))
		return s.Phase == etcdschema.PhaseAccepted && s.Nodes["h1"].DesiredRevision > 0 && !s.Nodes["h1"].Programmed
	})
	b.mu.Lock()
	rev := b.cache.Revision
	b.mu.Unlock()
	rep := etcdschema.NewTxn()
	rep.Put(etcdschema.ActualNode("h1"), etcdschema.NodeReport{ProcessedRevision: rev, EtcdRevision: rev, Features: desired.Features()})
	b.commit(rep)
	b.await("programmed", func(c *cache.Cache) bool { return statusOf(c, fixture.Port("web-1")).Nodes["h1"].Programmed })
	b.delete(etcdschema.Intent(fixture.Port("web-1")))
	b.await("the port gone and its claims held", func(c *cache.Cache) bool {
		_, has := fixture.ItemOn[*desired.Network](c, "h1", fixture.Blue)
		held := 0
		for k := range c.Entries() {
			if cl, ok := c.Claim(k); ok && cache.Area(k) == "claim" && cl.State == etcdschema.ClaimHeld {
				held++
			}
		}
		return c.Accepted(fixture.Port("web-1")) == nil && !has && held == 3 && c.Node("h1").HeadMatches() &&
			c.Entry(etcdschema.StatusKey(fixture.Port("web-1"))) == nil
	})
}

func TestAnInvalidOverwriteKeepsTheAcceptedAcrossFailover(t *testing.T) {
	t.Parallel()
	b := newTestbed(t)
	_, stop := b.start("one", nil)
	b.region()
	b.put(fixture.Port("web-1"), fixture.PortOnH1)
	b.await("the port on h1", func(c *cache.Cache) bool { return fixture.Placed(c, "h1", "web-1") })
	b.put(fixture.Port("web-1"), `{"spec":{"network":"blue","host":"h2","mtu":"big"}}`)
	odd := etcdschema.ParseKey("intent/alpha/gadget/x")
	b.putKey(odd, `{}`)
	oddStatus, _ := etcdschema.StatusOf(odd)
	b.await("both are called invalid", func(c *cache.Cache) bool {
		s := statusOf(c, fixture.Port("web-1"))
		return s.Phase == etcdschema.PhaseInvalid && s.Reasons[0].Field == "spec.mtu" && c.Entry(oddStatus) != nil
	})
	var first etcdschema.Accepted
	b.await("accepted", func(c *cache.Cache) bool { first = *c.Accepted(fixture.Port("web-1")); return true })
	two, _ := b.start("two", nil)
	<-two.Ready()
	stop()
	b.put(fixture.Port("web-2"), fixture.PortOnH1)
	b.await("the second replica leads", func(c *cache.Cache) bool { return fixture.Placed(c, "h1", "web-2") })
	b.await("what was accepted is in force", func(c *cache.Cache) bool {
		return fixture.Placed(c, "h1", "web-1") && c.Accepted(fixture.Port("web-1")).UID == first.UID && statusOf(c, fixture.Port("web-1")).Phase == etcdschema.PhaseInvalid
	})
	b.delete(odd)
	b.put(fixture.Port("web-1"), `{"spec":{"network":"blue","host":"h2"}}`)
	b.await("the corrected intent moves the port", func(c *cache.Cache) bool {
		return fixture.Placed(c, "h2", "web-1") && !fixture.Placed(c, "h1", "web-1") && c.Accepted(fixture.Port("web-1")).UID == first.UID && c.Entry(oddStatus) == nil
	})
}

func TestFailoverAfterALeaderVanishes(t *testing.T) {
	t.Parallel()
	b := newTestbed(t)
	one, _ := b.start("one", nil)
	b.region()
	b.put(fixture.Port("web-1"), fixture.PortOnH1)
	b.await("the port on h1", func(c *cache.Cache) bool { return fixture.Placed(c, "h1", "web-1") })
	two, _ := b.start("two", nil)
	<-two.Ready()
	// The leader's lease is revoked without its knowledge. The fence refuses what it writes from then on.
	var leader etcdschema.Item
	items, _, err := b.client.List(t.Context(), etcdschema.Election(DefaultElection))
	if err != nil {
		t.Fatal(err)
	}
	for _, it := range items {
		if leader.CreateRevision == 0 || it.CreateRevision < leader.CreateRevision {
			leader = it
		}
	}
	if _, err := b.client.Etcd().Revoke(t.Context(), clientv3.LeaseID(leader.Lease)); err != nil {
		t.Fatal(err)
	}
	b.put(fixture.Port("web-2"), fixture.PortOnH1)
	b.await("another leads", func(c *cache.Cache) bool { return fixture.Placed(c, "h1", "web-2") && c.Node("h1").HeadMatches() })
	b.await("one of them says so", func(c *cache.Cache) bool {
		s, ok := cache.ValueOf[*etcdschema.ControlStatus](c.Entry(etcdschema.ControlStatusKey()))
		return ok && (s.Leader == "two" || one.Health().Leader)
	})
}

func TestNodeConfigsAreRepairedInEtcd(t *testing.T) {
	t.Parallel()
	b := newTestbed(t)
	registry := prometheus.NewRegistry()
	b.start("one", func(c *Config) { c.Registry = registry })
	b.region()
	b.put(fixture.Port("web-1"), fixture.PortOnH1)
	b.await("the port on h1", func(c *cache.Cache) bool { return fixture.Placed(c, "h1", "web-1") })
	var key etcdschema.Key
	var data string
	b.await("its key", func(c *cache.Cache) bool {
		key = etcdschema.DesiredKey("h1", desired.Key{Kind: desired.KindPort, UID: c.Accepted(fixture.Port("web-1")).UID})
		data = string(c.Entry(key).Data)
		return true
	})
	b.delete(key)
	b.await("the deleted key is back", func(c *cache.Cache) bool { return c.Entry(key) != nil && c.Node("h1").HeadMatches() })
	b.putKey(key, strings.Replace(data, "fa:16:3e", "fa:16:3f", 1))
	b.await("the edited key is right", func(c *cache.Cache) bool { return string(c.Entry(key).Data) == data && c.Node("h1").HeadMatches() })
	b.delete(etcdschema.HeadKey("h1"))
	b.await("the head is back", func(c *cache.Cache) bool {
		return c.Entry(etcdschema.HeadKey("h1")) != nil && c.Node("h1").HeadMatches()
	})
	b.put(fixture.Port("web-2"), fixture.PortOnH1)
	b.await("the transaction after", func(c *cache.Cache) bool { return fixture.Placed(c, "h1", "web-2") })
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == "weft_controller_drift_repaired_total" && f.Metric[0].Counter.GetValue() < 3 {
			t.Errorf("%v repairs were counted, expected at least 3", f.Metric[0].Counter.GetValue())
		}
	}
}

func TestReleasedValuesAreHeldForTheirTime(t *testing.T) {
	t.Parallel()
	b := newTestbed(t)
	b.start("one", func(c *Config) { c.AddressHold = 2 * time.Second })
	b.region()
	b.put(fixture.Port("a"), `{"spec":{"network":"blue","addresses":["10.0.0.50"]}}`)
	b.await("a has it", func(c *cache.Cache) bool { return c.Accepted(fixture.Port("a")) != nil })
	released := time.Now()
	b.delete(etcdschema.Intent(fixture.Port("a")))
	b.put(fixture.Port("b"), `{"spec":{"network":"blue","addresses":["10.0.0.50"]}}`)
	b.await("b waits", func(c *cache.Cache) bool { return statusOf(c, fixture.Port("b")).Phase == etcdschema.PhasePending })
	b.await("b gets it", func(c *cache.Cache) bool { return c.Accepted(fixture.Port("b")) != nil })
	if held := time.Since(released); held < 2*time.Second {
		t.Errorf("the address was given out again after %s, before its hold time", held)
	}
}

func TestAnOutageOfEtcdIsSurvived(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	dir := t.TempDir()
	first, err := etcdserver.Start(ctx, etcdserver.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	b := newTestbedOn(t, first)
	one, _ := b.start("one", nil)
	b.region()
	b.put(fixture.Port("web-1"), fixture.PortOnH1)
	b.await("the port on h1", func(c *cache.Cache) bool { return fixture.Placed(c, "h1", "web-1") })
	first.Close()
	second, err := etcdserver.Start(ctx, etcdserver.Config{Dir: dir, ClientURL: first.Endpoints()[0]})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(second.Close)
	b.put(fixture.Port("web-2"), fixture.PortOnH1)
	b.await("work goes on", func(c *cache.Cache) bool {
		return fixture.Placed(c, "h1", "web-1") && fixture.Placed(c, "h1", "web-2") && c.Node("h1").HeadMatches()
	})
	if h := one.Health(); h.Held != nil {
		t.Errorf("it is held: %+v", h.Held)
	}
}
