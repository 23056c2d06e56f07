package control

import (
	"fmt"
	"slices"
	"time"

	"weft/etcdschema"
	"weft/model"
)

const (
	// brakeWindow is the time within which deleted objects are counted together.
	brakeWindow = time.Minute
	// brakeFloor is the number of objects that may always be deleted within the window, however few there are.
	brakeFloor = 20
	// brakeShare: one in brakeShare of the accepted objects may be deleted within the window.
	brakeShare = 10
)

// brake watches for what looks like a disaster in etcd. While it is on, nothing is written and no claim is freed.
type brake struct {
	on *etcdschema.Brake
	// came has the objects that were declared within the window. An object that is created and deleted within the window takes
	// nothing from what existed before. It counts only together with objects that are deleted in the same batch. The deleted ones
	// are in Cache.gone.
	came recent

	// The accept that is being carried out, the one that the last leader was carrying out, what the accept permits, and the
	// announced deletions.
	accepting, resume *etcdschema.Accepting
	pardoned          map[model.ID]struct{}
	deletions         map[etcdschema.Key]*deletion

	// Evidence that people knew when they accepted: for all nodes, and for single nodes.
	revision int64
	clusters []string
	known    map[string]etcdschema.NodeSeen
	// witnesses are the nodes whose reports come from another history than etcd's, with what they have seen of it.
	witnesses map[string]etcdschema.NodeSeen
}

// watch judges a batch before anything of it is applied. It returns why the brake must be put on, or "".
func (b *brake) watch(c *Cache, batch etcdschema.Batch, own map[etcdschema.Key]int64, now time.Time) (reason string) {
	together := map[model.ID]bool{}
	for _, ev := range batch.Events {
		if rev, ours := own[ev.Key]; ours && ev.ModRevision <= rev {
			continue
		}
		if !batch.Snapshot {
			b.noteCome(c, ev, now)
		}
		b.countGone(c, ev, together, now)
	}
	if reason = overThreshold(len(together), len(c.accepted), "went at once"); reason != "" {
		return reason
	}
	return b.tooMany(c, now)
}

// wentBack judges a batch after it was applied. It returns why etcd seems to have gone back or to be another cluster, or "".
func (b *brake) wentBack(c *Cache, batch etcdschema.Batch) string {
	b.testify(c, batch)
	if batch.WentBack {
		return fmt.Sprintf("etcd went back: it is another cluster, or at a revision before the last one seen (now cluster %x at revision %d)",
			batch.ClusterID, batch.Revision)
	}
	return b.evidence(c)
}

// noteCome records objects that are declared for the first time.
func (b *brake) noteCome(c *Cache, ev etcdschema.Event, now time.Time) {
	if id, ok := c.parseID(ev.Key); ok && !ev.Deleted && area(ev.Key) == "intent" && c.accepted[id] == nil && c.intents[id] == nil {
		b.came.note(id, now)
	}
}

// countGone records accepted objects that disappear, and those that come back. together collects those that disappear in one batch.
func (b *brake) countGone(c *Cache, ev etcdschema.Event, together map[model.ID]bool, now time.Time) {
	a := area(ev.Key)
	id, ok := c.parseID(ev.Key)
	switch {
	case !ok || a != "intent" && a != "accepted":
	case !ev.Deleted && a == "intent":
		c.gone.forget(id)
		delete(together, id)
	case b.permitted(id):
	case ev.Deleted && c.accepted[id] != nil && (a == "intent" || c.intents[id] != nil):
		together[id] = true
		if came, ok := b.came.at[id]; ok && now.Sub(came) <= brakeWindow {
			return
		}
		c.gone.note(id, now)
	}
}

func (b *brake) tooMany(c *Cache, now time.Time) string {
	b.came.expire(now.Add(-brakeWindow))
	c.gone.expire(now.Add(-brakeWindow))
	return overThreshold(len(c.gone.at), len(c.accepted)+len(c.gone.removed), "went within a minute")
}

// IsMassDeletion says that deleting this number of objects at once, of this total of accepted objects, would put the brake on.
func IsMassDeletion(gone, total int) bool { return gone > max(brakeFloor, total/brakeShare) }

func overThreshold(gone, total int, how string) string {
	if !IsMassDeletion(gone, total) {
		return ""
	}
	return fmt.Sprintf("%d of %d accepted objects %s, more than %d and a tenth of all", gone, total, how, brakeFloor)
}

// takeover compares everything at the start of a leadership. It returns why the brake must be put on, or "".
func (b *brake) takeover(c *Cache) (reason string, restored bool) {
	if why := b.evidence(c); why != "" {
		return why, true
	}
	gone := 0
	for id := range c.accepted {
		if c.intents[id] == nil && !b.permitted(id) {
			gone++
		}
	}
	for k := range c.placed {
		if b.accepting != nil {
			break // the accepted records of objects that are being removed may be gone already
		}
		if kind, _ := c.kinds.item(k.Kind); !kind.guest {
			continue
		}
		if _, known := c.ids[k.UID]; !known {
			gone++
		}
	}
	return overThreshold(gone, len(c.accepted), "have no intent any more"), false
}

// release takes the brake off and remembers the evidence that was known at that moment.
func (b *brake) release(c *Cache) {
	b.on, c.gone = nil, departures{}
	b.revision = max(b.revision, c.Revision)
	b.acceptWitnesses(c)
}

// learn takes over what an earlier leader wrote about its brake. That brake stays on until a later order takes it off.
func (b *brake) learn(s *etcdschema.ControlStatus) {
	b.revision = max(b.revision, s.AcceptedRevision)
	for _, id := range s.AcceptedClusters {
		if !slices.Contains(b.clusters, id) {
			b.clusters = append(b.clusters, id)
		}
	}
	for name, w := range s.AcceptedNodes {
		b.knowOf(name, w)
	}
	b.resume = s.Accepting
	if b.on == nil {
		b.on = s.Brake
	}
}

// learnFrom looks in a batch for what a leader wrote about its brake, before the batch is judged.
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

func acceptOrder() etcdschema.Key { return etcdschema.OrderKey(etcdschema.ControlNode, "accept") }
