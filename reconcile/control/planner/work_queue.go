package planner

import (
	"cmp"
	"slices"

	"weft/model"
	"weft/reconcile/control/cache"
	"weft/reconcile/control/kind"
)

// workClass says how urgent a work item is.
type workClass int

const (
	classAsked workClass = iota // what somebody has changed, and the items that follow from it
	classSets                   // neighbours, which are written to many nodes
	classRest                   // what is only compared because a leadership began, and orphaned claims
	workClasses
)

// classOf is the class of work.
func classOf(kinds *kind.Kinds, u cache.Work) workClass {
	if u.Kind == cache.WorkOrphan {
		return classRest
	}
	if kind, _ := kinds.Item(u.Item.Kind); u.Kind == cache.WorkItem && kind.Many {
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

// workQueue has the work items to be evaluated, each once, by class. A transaction takes work items of one class, the first that has any. So what
// somebody waits for is never behind the rest.
type workQueue struct {
	kinds  *kind.Kinds
	cache  *cache.Cache
	piles  [workClasses]pile
	passed [workClasses]int // transactions of earlier classes since the last one of this class
	last   workClass        // class of the last work item taken out
	// comparing is set while a work item of classRest is evaluated. Work items that it queues are not urgent either.
	comparing bool
}

func newWorkQueue(kinds *kind.Kinds, c *cache.Cache) workQueue {
	return workQueue{kinds: kinds, cache: c}
}

// Add queues a work item. If it waits in a later class, it moves to the earlier one.
func (q *workQueue) Add(u cache.Work) {
	class := classOf(q.kinds, u)
	if q.comparing {
		class = classRest
	}
	q.addTo(class, u)
}

// addLater queues a work item for which nobody waits.
func (q *workQueue) addLater(u cache.Work) { q.addTo(classRest, u) }

func (q *workQueue) addTo(class workClass, u cache.Work) {
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

// Empty says that no work item waits.
func (q *workQueue) Empty() bool { return q.Len() == 0 }

// Len is the number of work items that wait.
func (q *workQueue) Len() (n int) {
	for i := range q.piles {
		n += q.piles[i].len()
	}
	return n
}

// first is the most urgent class that has a work item.
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

// next takes out the next work item of the class.
func (q *workQueue) next(class workClass) (cache.Work, bool) {
	q.last = class
	return q.piles[class].next(q.sort)
}

// back undoes the last next.
func (q *workQueue) back() { q.piles[q.last].done-- }

// pile is the work of one class. It is taken out in drains. A drain is what was queued at one moment, at most drainShare objects of
// each project, in an order that avoids evaluating work items twice.
type pile struct {
	dirty map[cache.Work]struct{}
	drain []cache.Work
	done  int // work items of drain that were taken out
}

func (p *pile) waits(u cache.Work) bool {
	_, ok := p.dirty[u]
	return ok
}

func (p *pile) add(u cache.Work) {
	if p.dirty == nil {
		p.dirty = map[cache.Work]struct{}{}
	}
	p.dirty[u] = struct{}{}
}

func (p *pile) len() int { return len(p.dirty) + len(p.drain) - p.done }

func (p *pile) next(sort func([]cache.Work)) (cache.Work, bool) {
	if p.done == len(p.drain) {
		p.drain, p.done = p.drain[:0], 0
		p.refill()
		sort(p.drain)
	}
	if len(p.drain) == 0 {
		return cache.Work{}, false
	}
	p.done++
	return p.drain[p.done-1], true
}

// refill moves work items from dirty into the next drain. If a project has more than its share, a random part is taken.
func (p *pile) refill() {
	taken := map[string]int{}
	for u := range p.dirty {
		if u.Kind == cache.WorkObject && u.ID.Project != model.ClusterProject {
			if taken[u.ID.Project] == drainShare {
				continue
			}
			taken[u.ID.Project]++
		}
		p.drain = append(p.drain, u)
	}
	for _, u := range p.drain {
		delete(p.dirty, u)
	}
	p.dirty = cache.Renewed(p.dirty)
}

// sort sorts a drain.
func (q *workQueue) sort(work []cache.Work) {
	type ranked struct {
		work cache.Work
		rank rank
	}
	order := make([]ranked, 0, len(work))
	for _, u := range work {
		order = append(order, ranked{u, q.rank(u)})
	}
	slices.SortFunc(order, func(a, b ranked) int { return a.rank.compare(b.rank, a.work, b.work) })
	for i := range order {
		work[i] = order[i].work
	}
}

// rank orders work. First come deleted objects, users before what they use. Then come declared objects: used ones before their
// users, explicit values before automatic ones, older objects before younger ones. Other work items come last.
type rank struct {
	class    int
	explicit int
	born     int64
}

func (q *workQueue) rank(u cache.Work) rank {
	if u.Kind != cache.WorkObject {
		return rank{class: 100 + int(u.Kind)}
	}
	kind := slices.IndexFunc(q.kinds.Objects, func(k kind.ObjectKind) bool { return k.Cache.Kind == u.ID.Kind })
	in := q.cache.Intent(u.ID)
	if in == nil {
		return rank{class: -kind - 1}
	}
	r := rank{class: kind, explicit: 1, born: in.CreateRevision}
	if explicit := q.kinds.Object(u.ID.Kind).Explicit; explicit != nil && in.Object.Spec != nil && explicit(in.Object.Spec) {
		r.explicit = 0
	}
	return r
}

func (r rank) compare(o rank, a, b cache.Work) int {
	return cmp.Or(cmp.Compare(r.class, o.class), cmp.Compare(r.explicit, o.explicit), cmp.Compare(r.born, o.born),
		model.ID.Compare(a.ID, b.ID), cmp.Compare(a.Node, b.Node), cmp.Compare(a.Item.Kind, b.Item.Kind),
		cmp.Compare(a.Item.UID, b.Item.UID), cmp.Compare(a.UID, b.UID))
}
