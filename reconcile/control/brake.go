package control

import (
	"fmt"
	"slices"
	"time"

	"weft/etcdschema"
	"weft/model"
)

const (
	// brakeWindow is the time within which objects that go are counted together.
	brakeWindow = time.Minute
	// brakeFloor is how many objects may go within the window however few there are.
	brakeFloor = 20
	// brakeShare is the part (one in brakeShare) of the accepted objects that may go within the window.
	brakeShare = 10
)

// brake watches for what looks like a disaster in etcd. While it is on, nothing is written and no claim freed.
type brake struct {
	on   *etcdschema.Brake
	gone map[model.ID]time.Time // accepted objects whose intent, or whose record, went within the window
	// came holds objects that were declared within the window. One that comes and goes within it takes nothing from
	// what was there: it counts only together with what goes in the same batch.
	came map[model.ID]time.Time

	// Evidence that people knew of when they accepted.
	revision int64
	clusters []string
}

// watch looks at a batch before any of it is acted on. It returns why the brake goes on, or "".
func (b *brake) watch(c *Cache, batch etcdschema.Batch, own map[etcdschema.Key]int64, now time.Time) (reason string, restored bool) {
	if batch.WentBack {
		return fmt.Sprintf("etcd went back: it is another cluster, or at a revision before the last one seen (now cluster %x at revision %d)",
			batch.ClusterID, batch.Revision), true
	}
	together := map[model.ID]bool{}
	for _, ev := range batch.Events {
		if rev, ours := own[ev.Key]; ours && ev.ModRevision <= rev {
			continue
		}
		if !batch.Snapshot {
			b.noteCome(c, ev, now)
		}
		b.countGone(c, ev, together, now)
		if why := b.ahead(ev, batch.ClusterID); why != "" {
			reason, restored = why, true
		}
	}
	if reason == "" {
		reason = overThreshold(len(together), len(c.accepted), "went at once")
	}
	if reason == "" {
		reason = b.tooMany(c, now)
	}
	return reason, restored
}

// noteCome notes objects that are declared for the first time.
func (b *brake) noteCome(c *Cache, ev etcdschema.Event, now time.Time) {
	if id, ok := etcdschema.ParseID(ev.Key); ok && !ev.Deleted && area(ev.Key) == "intent" && c.accepted[id] == nil && c.intents[id] == nil {
		if b.came == nil {
			b.came = map[model.ID]time.Time{}
		}
		b.came[id] = now
	}
}

// countGone notes accepted objects that disappear, and those that come back; together collects those of one batch.
func (b *brake) countGone(c *Cache, ev etcdschema.Event, together map[model.ID]bool, now time.Time) {
	a := area(ev.Key)
	id, ok := etcdschema.ParseID(ev.Key)
	switch {
	case !ok || a != "intent" && a != "accepted":
	case !ev.Deleted && a == "intent":
		delete(b.gone, id)
		delete(together, id)
	case ev.Deleted && c.accepted[id] != nil && (a == "intent" || c.intents[id] != nil):
		together[id] = true
		if came, ok := b.came[id]; ok && now.Sub(came) <= brakeWindow {
			return
		}
		if b.gone == nil {
			b.gone = map[model.ID]time.Time{}
		}
		b.gone[id] = now
	}
}

func (b *brake) tooMany(c *Cache, now time.Time) string {
	total := len(c.accepted)
	for id, at := range b.came {
		if now.Sub(at) > brakeWindow {
			delete(b.came, id)
		}
	}
	for id, at := range b.gone {
		switch {
		case now.Sub(at) > brakeWindow:
			delete(b.gone, id)
		case c.accepted[id] == nil:
			total++
		}
	}
	return overThreshold(len(b.gone), total, "went within a minute")
}

func overThreshold(gone, total int, how string) string {
	if gone <= max(brakeFloor, total/brakeShare) {
		return ""
	}
	return fmt.Sprintf("%d of %d accepted objects %s, more than %d and a tenth of all", gone, total, how, brakeFloor)
}

// ahead says whether a node's report comes from a later, or another, history than this etcd's. A report is always
// written after the revision it tells of.
func (b *brake) ahead(ev etcdschema.Event, cluster uint64) string {
	name, ok := nodeOfActual(ev.Key)
	if ev.Deleted || !ok || ev.Key != etcdschema.ActualNode(name) {
		return ""
	}
	r, err := etcdschema.Decode[etcdschema.NodeReport](ev.Value)
	if err != nil {
		return ""
	}
	return b.aheadReport(name, &r, ev.ModRevision, cluster)
}

func (b *brake) aheadReport(name string, r *etcdschema.NodeReport, mod int64, cluster uint64) string {
	if r.EtcdRevision > mod && r.EtcdRevision > b.revision {
		return fmt.Sprintf("etcd went back: node %s has seen revision %d, its report stands at %d", name, r.EtcdRevision, mod)
	}
	if r.ClusterID != "" && !isCluster(r.ClusterID, cluster) && !slices.Contains(b.clusters, r.ClusterID) {
		return fmt.Sprintf("etcd is another: node %s has reported from cluster %s, this is %x", name, r.ClusterID, cluster)
	}
	return ""
}

func isCluster(s string, id uint64) bool {
	return s == fmt.Sprintf("%x", id) || s == fmt.Sprintf("%016x", id) || s == fmt.Sprint(id)
}

// takeover compares everything at the start of a leadership.
func (b *brake) takeover(c *Cache) (reason string, restored bool) {
	for name, n := range c.nodes {
		if n.report == nil {
			continue
		}
		if why := b.aheadReport(name, n.report, c.mod(etcdschema.ActualNode(name)), c.ClusterID); why != "" {
			return why, true
		}
	}
	gone := 0
	for id := range c.accepted {
		if c.intents[id] == nil {
			gone++
		}
	}
	for k := range c.placed {
		if _, known := c.ids[k.UID]; !known && k.Kind == itemKind(model.KindPort) {
			gone++
		}
	}
	return overThreshold(gone, len(c.accepted), "have no intent any more"), false
}

// release ends the brake and remembers what was known at that moment.
func (b *brake) release(c *Cache) {
	b.on, b.gone = nil, nil
	b.revision = max(b.revision, c.Revision)
	for _, n := range c.nodes {
		if n.report == nil {
			continue
		}
		b.revision = max(b.revision, n.report.EtcdRevision)
		if id := n.report.ClusterID; id != "" && !isCluster(id, c.ClusterID) && !slices.Contains(b.clusters, id) {
			b.clusters = append(b.clusters, id)
		}
	}
	slices.Sort(b.clusters)
}

// learn takes over what an earlier leader has written about its brake. A brake of its counts until an order later than it.
func (b *brake) learn(s *etcdschema.ControlStatus) {
	b.revision = max(b.revision, s.AcceptedRevision)
	for _, id := range s.AcceptedClusters {
		if !slices.Contains(b.clusters, id) {
			b.clusters = append(b.clusters, id)
		}
	}
	if b.on == nil {
		b.on = s.Brake
	}
}

// learnFrom finds what a leader has written about its brake in a batch, before the batch is judged.
func (b *brake) learnFrom(batch etcdschema.Batch) {
	for _, ev := range batch.Events {
		if ev.Key != etcdschema.ControlStatusKey() || ev.Deleted {
			continue
		}
		if s, err := etcdschema.Decode[etcdschema.ControlStatus](ev.Value); err == nil {
			b.learn(&s)
		}
	}
}

// accepted says that people have told the controllers to go on since the brake was put on.
func (b *brake) accepted(c *Cache) bool {
	return b.on != nil && c.mod(acceptOrder()) > b.on.Revision
}

func acceptOrder() etcdschema.Key { return etcdschema.OrderKey(etcdschema.ControlNode, "accept") }
