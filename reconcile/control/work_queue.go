package control

import (
	"cmp"
	"slices"

	"weft/model"
	"weft/model/desired"
)

// unit is one piece of work. It is done completely, in one transaction.
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
	unitItem                   // an item of a node config: repair it, or update it from its object
	unitHead                   // the head of a node config that does not match
	unitOrphan                 // claims of an owner that is not accepted any more, or prefixes that a router does not need
)

// workClass says how urgent a unit is.
type workClass int

const (
	classAsked workClass = iota // what somebody has changed, and the items that follow from it
	classSets                   // neighbours, which are written to many nodes
	classRest                   // what is only compared because a leadership began, and orphaned claims
	workClasses
)

func (list *Kinds) class(u unit) workClass {
	if u.kind == unitOrphan {
		return classRest
	}
	if kind, _ := list.item(u.item.Kind); u.kind == unitItem && kind.many {
		return classSets
	}
	return classAsked
}

const (
	// drainShare is how many objects of one project a drain takes. A project that declares a hundred thousand objects then delays
	// the others by about a second, and not by the time for all of them.
	drainShare = 2048
	// laterShare: when a later class waits, one in laterShare transactions belongs to it.
	laterShare = 8
)

// workQueue has the units to be evaluated, each once, by class. A transaction takes units of one class, the first that has any. So what
// somebody waits for is never behind the rest.
type workQueue struct {
	kinds  *Kinds
	piles  [workClasses]pile
	passed [workClasses]int // transactions of earlier classes since the last one of this class
	last   workClass        // class of the last unit taken out
	// comparing is set while a unit of classRest is evaluated. Units that it queues are not urgent either.
	comparing bool
}

// add queues a unit. If it waits in a later class, it moves to the earlier one.
func (q *workQueue) add(u unit) {
	class := q.kinds.class(u)
	if q.comparing {
		class = classRest
	}
	q.addTo(class, u)
}

// addLater queues a unit for which nobody waits.
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

// turn decides the class of the next transaction.
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

// next takes out the next unit of the class.
func (q *workQueue) next(c *Cache, class workClass) (unit, bool) {
	q.last = class
	return q.piles[class].next(c)
}

// back undoes the last next.
func (q *workQueue) back() { q.piles[q.last].done-- }

// pile is the work of one class. It is taken out in drains. A drain is what was queued at one moment, at most drainShare objects of
// each project, in an order that avoids evaluating units twice.
type pile struct {
	dirty map[unit]struct{}
	drain []unit
	done  int // units of drain that were taken out
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

// refill moves units from dirty into the next drain. If a project has more than its share, a random part is taken.
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

// sortWork sorts a drain.
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

// rank orders work. First come deleted objects, users before what they use. Then come declared objects: used ones before their
// users, explicit values before automatic ones, older objects before younger ones. Other units come last.
type rank struct {
	class    int
	explicit int
	born     int64
}

func (c *Cache) rank(u unit) rank {
	if u.kind != unitObject {
		return rank{class: 100 + int(u.kind)}
	}
	kind := slices.IndexFunc(c.model, func(k model.KindInfo) bool { return k.Kind == u.id.Kind })
	in := c.intents[u.id]
	if in == nil {
		return rank{class: -kind - 1}
	}
	r := rank{class: kind, explicit: 1, born: in.born}
	if explicit := c.kinds.object(u.id.Kind).explicit; explicit != nil && in.object.Spec != nil && explicit(in.object.Spec) {
		r.explicit = 0
	}
	return r
}

func (r rank) compare(o rank, a, b unit) int {
	return cmp.Or(cmp.Compare(r.class, o.class), cmp.Compare(r.explicit, o.explicit), cmp.Compare(r.born, o.born),
		compareIDs(a.id, b.id), cmp.Compare(a.node, b.node), cmp.Compare(a.item.Kind, b.item.Kind),
		cmp.Compare(a.item.UID, b.item.UID), cmp.Compare(a.uid, b.uid))
}
