package cache

import "slices"

// record has, for each work item, what it read when it was last evaluated. When something changes, its readers are queued. No code has
// to know whom a change concerns.
type record struct {
	things  map[Read]*thing
	work    map[Work]*reading
	enqueue func(Work)
	trace   map[Read]struct{} // collects what has changed; nil when nobody needs it
}

// thing is something that work items have read. All work items that read it share it.
type thing struct {
	read    Read
	readers []*use // in no order, one for each work item
}

// use is one read of one work item. It knows its place among the readers of the thing, so that it goes without a search: a project is read
// by everything in it.
type use struct {
	thing *thing
	by    *reading
	at    int
}

// reading has the reads of a work item. If it is only expected, the work item has not been evaluated yet and will read at least this.
type reading struct {
	work     Work // here and not in each use, because it is large and there are very many uses
	reads    []*use
	expected bool
}

func newRecord(enqueue func(Work)) *record {
	return &record{things: map[Read]*thing{}, work: map[Work]*reading{}, enqueue: enqueue}
}

// spareReads is the largest size of a set of reads that is used again for the next reader.
const spareReads = 64

// noted replaces the recorded reads of a work item by the set. It returns an empty set for the next reader, or nil.
func (x *record) noted(u Work, reads map[Read]struct{}) map[Read]struct{} {
	large := len(reads) > spareReads
	x.replace(u, reads)
	if large {
		return nil
	}
	clear(reads)
	return reads
}

// replace replaces the recorded reads of a work item. A work item without reads is forgotten. It takes out of the set what it needs.
func (x *record) replace(u Work, reads map[Read]struct{}) {
	n := x.work[u]
	switch {
	case len(reads) == 0 && n == nil:
		return
	case len(reads) == 0:
		delete(x.work, u)
	case n == nil:
		n = &reading{work: u}
		x.work[u] = n
	}
	n.expected = false
	kept := n.reads[:0]
	for _, r := range n.reads {
		if _, again := reads[r.thing.read]; again {
			delete(reads, r.thing.read)
			kept = append(kept, r)
		} else {
			x.forget(r)
		}
	}
	clear(n.reads[len(kept):])
	n.reads = slices.Grow(kept, len(reads))
	for r := range reads {
		t := x.things[r]
		if t == nil {
			t = &thing{read: r}
			x.things[r] = t
		}
		one := &use{thing: t, by: n, at: len(t.readers)}
		t.readers = append(t.readers, one)
		n.reads = append(n.reads, one)
	}
}

func (x *record) forget(r *use) {
	t, last := r.thing, len(r.thing.readers)-1
	t.readers[r.at] = t.readers[last]
	t.readers[r.at].at = r.at
	t.readers[last] = nil
	t.readers = t.readers[:last]
	if last == 0 {
		delete(x.things, t.read)
	}
}

// expect records what a work item will read that has not been evaluated yet. It is queued when this changes.
func (x *record) expect(u Work, reads map[Read]struct{}) {
	if x.work[u] == nil {
		x.replace(u, reads)
		if n := x.work[u]; n != nil {
			n.expected = true
		}
	}
}

// knows says that the work item was evaluated, so that changes of its reads queue it.
func (x *record) knows(u Work) bool {
	n := x.work[u]
	return n != nil && !n.expected
}

// heard says that a change would concern anybody. At the start, while all of etcd is read, none does.
func (x *record) heard() bool { return len(x.things) > 0 || x.trace != nil }

// changed queues the work items that have read it.
func (x *record) changed(r Read) {
	if x.trace != nil {
		x.trace[r] = struct{}{}
	}
	if t := x.things[r]; t != nil {
		for _, r := range t.readers {
			x.enqueue(r.by.work)
		}
	}
}

// clear forgets everything and releases the memory.
func (x *record) clear() { x.things, x.work = Cleared(x.things), Cleared(x.work) }
