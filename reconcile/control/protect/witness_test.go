package protect

import (
	"strings"
	"testing"

	"weft/etcdschema"
)

// court is a replica that gets reports, each written at its own revision.
type court struct {
	*region
	p *Protection
}

func newCourt() *court {
	r := newRegion()
	r.seen = etcdschema.Seen{ClusterID: 0xabc, Revision: 100}
	return &court{r, r.replica()}
}

// says adds a node's report at the next revision and returns why the replica would be held.
func (t *court) says(name string, revision int64, cluster string) string {
	t.seen.Revision++
	k := etcdschema.ActualNode(name)
	t.mods[k], t.reports[name] = t.seen.Revision, &etcdschema.NodeReport{EtcdRevision: revision, ClusterID: cluster}
	return t.p.AfterApply(etcdschema.Batch{Events: []etcdschema.Event{{Item: etcdschema.Item{Key: k}}}})
}

func TestOneNodesWordHoldsNothing(t *testing.T) {
	t.Parallel()
	const lie = 4_000_000_000
	ct := newCourt()
	for _, name := range []string{"h1", "h2", "h3"} {
		if why := ct.says(name, 90, "abc"); why != "" {
			t.Fatal(why)
		}
	}
	for _, cluster := range []string{"abc", "deadbeef1"} {
		if why := ct.says("h1", lie, cluster); why != "" {
			t.Errorf("one lied: %s", why)
		}
	}
	if said := ct.p.Unbelieved()["h1"]; !strings.Contains(said, "4000000000") {
		t.Errorf("the lie is told as %q", said)
	}
	if why := ct.says("h2", 90, "feed"); why != "" {
		t.Errorf("one says this, the other that: %s", why)
	}
	// A false report that was accepted does not hide what several nodes report later.
	ct.p.release()
	if said := ct.p.Unbelieved(); len(said) != 0 {
		t.Errorf("known at the accept, and told again: %v", said)
	}
	if ct.says("h1", lie+1, "abc") != "" || ct.p.Unbelieved()["h1"] == "" {
		t.Error("the next lie is not named")
	}
	if why := ct.says("h1", 90, "abc"); why != "" || len(ct.p.Unbelieved()) != 0 {
		t.Errorf("it lies no more: %q %v", why, ct.p.Unbelieved())
	}
	if why := ct.says("h2", 500, "abc"); why != "" {
		t.Errorf("one says so: %s", why)
	}
	if why := ct.says("h3", 502, "abc"); !strings.Contains(why, "went back") || !strings.Contains(why, "1 other") {
		t.Errorf("two nodes have seen more than etcd has: %q", why)
	}
	ct.p.release()
	if why := ct.says("h3", 502, "abc") + ct.says("h2", 500, "abc") + ct.says("h1", 499, "abc"); why != "" || len(ct.p.Unbelieved()) != 0 {
		t.Errorf("accepted: %q %v", why, ct.p.Unbelieved())
	}
	ct.says("h1", 90, "older")
	if why := ct.says("h2", 90, "older"); !strings.Contains(why, "etcd is another") {
		t.Errorf("two nodes come from another cluster: %q", why)
	}
	ct.p.release()
	if why := ct.says("h3", 90, "older"); why != "" {
		t.Errorf("accepted: %q", why)
	}
}

func TestWhoIsAloneIsBelieved(t *testing.T) {
	t.Parallel()
	ct := newCourt()
	if why := ct.says("h1", 4_000_000_000, "abc"); why == "" {
		t.Error("the only node there is was not believed")
	}
	ct.p.release()
	var s etcdschema.ControlStatus
	ct.p.WriteStatus(&s)
	next := newCourt()
	next.p.learn(&s)
	if why := next.says("h1", 4_000_000_000, "abc"); why != "" {
		t.Errorf("the next leader does not know what was accepted: %s", why)
	}
}
