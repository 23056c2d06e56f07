package control

import (
	"cmp"
	"slices"

	"weft/model"
	"weft/model/desired"
)

// unit is one piece of work that is done whole, in one transaction.
type unit struct {
	kind unitKind
	id   model.ID    // unitObject
	node string      // unitItem, unitHead
	item desired.Key // unitItem
	uid  string      // unitOrphan
}

// String names the unit for logs.
func (u unit) String() string {
	switch u.kind {
	case unitItem:
		return string(u.item.Kind) + " " + u.item.UID + " of node " + u.node
	case unitHead:
		return "head of node " + u.node
	case unitOrphan:
		return "claims of " + u.uid
	}
	return u.id.String()
}

type unitKind int

const (
	unitObject unitKind = iota // an intent object: accept, allocate, place
	unitItem                   // an item of a node's slice: repair, or follow the object it stands for
	unitHead                   // the head of a slice that does not match
	unitOrphan                 // claims of an owner that is no longer known
)

// drainShare is how many objects of one project a drain takes: a project that declares a hundred thousand delays the
// others by about a second, not by its whole flood.
const drainShare = 2048

// workQueue holds what is to be looked at, each unit once. Work comes out in drains: what was dirty at one moment, of
// each project at most drainShare objects, in an order that spares second looks.
type workQueue struct {
	dirty map[unit]struct{}
	drain []unit
	done  int // units of drain that are out
}

func (q *workQueue) add(u unit) {
	if q.dirty == nil {
		q.dirty = map[unit]struct{}{}
	}
	q.dirty[u] = struct{}{}
}

func (q *workQueue) empty() bool { return q.len() == 0 }
func (q *workQueue) len() int    { return len(q.dirty) + len(q.drain) - q.done }

// next takes the next unit out.
func (q *workQueue) next(c *Cache) (unit, bool) {
	if q.done == len(q.drain) {
		q.drain, q.done = q.drain[:0], 0
		q.refill()
		order := make(map[unit]rank, len(q.drain))
		for _, u := range q.drain {
			order[u] = c.rank(u)
		}
		slices.SortFunc(q.drain, func(a, b unit) int { return order[a].compare(order[b], a, b) })
	}
	if len(q.drain) == 0 {
		return unit{}, false
	}
	q.done++
	return q.drain[q.done-1], true
}

// refill moves what the next drain is made of out of dirty. Of a project that has more than its share a random part is
// taken.
func (q *workQueue) refill() {
	taken := map[string]int{}
	for u := range q.dirty {
		if u.kind == unitObject && u.id.Project != model.ClusterProject {
			if taken[u.id.Project] == drainShare {
				continue
			}
			taken[u.id.Project]++
		}
		q.drain = append(q.drain, u)
	}
	for _, u := range q.drain {
		delete(q.dirty, u)
	}
}

// back undoes the last next.
func (q *workQueue) back() { q.done-- }

// rank orders work: what goes, users first; then what is declared, used first, explicit values before automatic ones
// and the older object before the younger; then slices.
type rank struct {
	class    int
	explicit int
	born     int64
}

func (c *Cache) rank(u unit) rank {
	if u.kind != unitObject {
		return rank{class: 100 + int(u.kind)}
	}
	kind := slices.Index(model.Kinds(), u.id.Kind)
	in := c.intents[u.id]
	if in == nil {
		return rank{class: -kind - 1}
	}
	r := rank{class: kind, explicit: 1, born: in.born}
	switch s := in.object.Spec.(type) {
	case *model.PortSpec:
		if len(s.Addresses) > 0 || !s.MAC.IsZero() {
			r.explicit = 0
		}
	case *model.FloatingIPSpec:
		if s.Address.IsValid() {
			r.explicit = 0
		}
	case *model.NetworkSpec:
		if s.SegmentationID != 0 {
			r.explicit = 0
		}
	}
	return r
}

func (r rank) compare(o rank, a, b unit) int {
	return cmp.Or(cmp.Compare(r.class, o.class), cmp.Compare(r.explicit, o.explicit), cmp.Compare(r.born, o.born),
		compareIDs(a.id, b.id), cmp.Compare(a.node, b.node), cmp.Compare(a.item.Kind, b.item.Kind),
		cmp.Compare(a.item.UID, b.item.UID), cmp.Compare(a.uid, b.uid))
}
