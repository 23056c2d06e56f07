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

// workClass says how urgent a unit is.
type workClass int

const (
	classAsked workClass = iota // what somebody has changed, and each node's own slice
	classSets                   // who is on a network, told to many nodes
	classRest                   // what is only compared, because a leadership began, and claims of nobody
	workClasses
)

func (u unit) class() workClass {
	switch {
	case u.kind == unitItem && u.item.Kind == desired.KindNeighbors:
		return classSets
	case u.kind == unitOrphan:
		return classRest
	}
	return classAsked
}

const (
	// drainShare is how many objects of one project a drain takes: a project that declares a hundred thousand delays the
	// others by about a second, not by its whole flood.
	drainShare = 2048
	// laterShare is how many rounds go before one of a later class that waits: it is late, and comes.
	laterShare = 8
)

// workQueue holds what is to be looked at, each unit once, by class. A round is of one class: the first that has any, so that what
// somebody waits for never stands behind the rest.
type workQueue struct {
	piles  [workClasses]pile
	passed [workClasses]int // rounds of sooner classes since one of this
	last   workClass        // of the unit that came out last
	// comparing is set while a unit of classRest is done: whatever it leads to is as little urgent.
	comparing bool
}

// add puts a unit in. One that waits in a later class is brought forward.
func (q *workQueue) add(u unit) {
	class := u.class()
	if q.comparing {
		class = classRest
	}
	q.addTo(class, u)
}

// addLater puts a unit in that nobody waits for.
func (q *workQueue) addLater(u unit) { q.addTo(classRest, u) }

func (q *workQueue) addTo(class workClass, u unit) {
	for sooner := range class {
		if q.piles[sooner].waits(u) {
			return
		}
	}
	for later := class + 1; later < workClasses; later++ {
		delete(q.piles[later].dirty, u)
	}
	q.piles[class].add(u)
}

func (q *workQueue) empty() bool { return q.len() == 0 }

func (q *workQueue) len() (n int) {
	for i := range q.piles {
		n += q.piles[i].len()
	}
	return n
}

// first is the most urgent class that has a unit.
func (q *workQueue) first() workClass {
	for class := range q.piles {
		if q.piles[class].len() > 0 {
			return workClass(class)
		}
	}
	return classAsked
}

// turn says of which class the next round is.
func (q *workQueue) turn() workClass {
	first := q.first()
	q.passed[first] = 0
	for later := first + 1; later < workClasses; later++ {
		if q.piles[later].len() == 0 {
			continue
		}
		if q.passed[later]++; q.passed[later] >= laterShare {
			q.passed[later] = 0
			return later
		}
	}
	return first
}

// next takes the next unit of the class out.
func (q *workQueue) next(c *Cache, class workClass) (unit, bool) {
	q.last = class
	return q.piles[class].next(c)
}

// back undoes the last next.
func (q *workQueue) back() { q.piles[q.last].done-- }

// pile is the work of one class. It comes out in drains: what was dirty at one moment, of each project at most drainShare objects,
// in an order that spares second looks.
type pile struct {
	dirty map[unit]struct{}
	drain []unit
	done  int // units of drain that are out
}

func (p *pile) waits(u unit) bool {
	_, ok := p.dirty[u]
	return ok
}

func (p *pile) add(u unit) {
	if p.dirty == nil {
		p.dirty = map[unit]struct{}{}
	}
	p.dirty[u] = struct{}{}
}

func (p *pile) len() int { return len(p.dirty) + len(p.drain) - p.done }

func (p *pile) next(c *Cache) (unit, bool) {
	if p.done == len(p.drain) {
		p.drain, p.done = p.drain[:0], 0
		p.refill()
		c.sortWork(p.drain)
	}
	if len(p.drain) == 0 {
		return unit{}, false
	}
	p.done++
	return p.drain[p.done-1], true
}

// refill moves what the next drain is made of out of dirty. Of a project that has more than its share a random part is
// taken.
func (p *pile) refill() {
	taken := map[string]int{}
	for u := range p.dirty {
		if u.kind == unitObject && u.id.Project != model.ClusterProject {
			if taken[u.id.Project] == drainShare {
				continue
			}
			taken[u.id.Project]++
		}
		p.drain = append(p.drain, u)
	}
	for _, u := range p.drain {
		delete(p.dirty, u)
	}
	p.dirty = renewed(p.dirty)
}

// sortWork brings a drain into its order.
func (c *Cache) sortWork(units []unit) {
	type ranked struct {
		unit unit
		rank rank
	}
	order := make([]ranked, 0, len(units))
	for _, u := range units {
		order = append(order, ranked{u, c.rank(u)})
	}
	slices.SortFunc(order, func(a, b ranked) int { return a.rank.compare(b.rank, a.unit, b.unit) })
	for i := range order {
		units[i] = order[i].unit
	}
}

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
