package control

import "slices"

// read names one thing that a unit of work has looked at, whether it existed or not: a key or a group. A group changes only when
// what matters about its members changes.
type read struct {
	of   source
	name string
	node string // of groups on a node
	part int    // of groups that are divided into parts
}

// source is the kind of thing that was read.
type source uint8

const (
	readEntry source = iota + 1 // a key of etcd
	readUID                     // a uid → which accepted object has it
	readFree                    // a claim of another owner, or an exhausted space → whether a value is available
)

// The groups.
const (
	groupGuests    source = iota + 32 // node and network's uid → whether a port there is on it; no network → which networks
	groupLegs                         // node and network's uid → whether a router there has a leg on the network
	groupOutside                      // node and external network's uid → whether routers there use it, and with which addresses
	groupFeatures                     // node → the features of its weftd
	groupMembers                      // network's uid and part → the members in it
	groupParts                        // network's uid → the number of parts
	groupMapped                       // physical network → whether any host has an interface on it
	groupAccepted                     // an object → what matters to others about its accepted state
	groupDeclared                     // an object → whether there is an intent of it
	groupUsers                        // an object → which accepted ones refer to it
	groupOwned                        // uid → the claims that it owns
	groupActivated                    // a port's uid → the migration whose guest has arrived
	groupGateways                     // → hosts with the role gateway, and what decides whether they can have a centralized router
)

// record has, for each unit, what it read when it was last evaluated. When something changes, its readers are queued. No code has
// to know whom a change concerns.
type record struct {
	things  map[read]*thing
	units   map[unit]*reading
	enqueue func(unit)
	trace   map[read]struct{} // collects what has changed; nil when nobody needs it
}

// thing is something that units have read. All units that read it share it.
type thing struct {
	read    read
	readers []*use // in no order, one for each unit
}

// use is one read of one unit. It knows its place among the readers of the thing, so that it goes without a search: a project is read
// by everything in it.
type use struct {
	thing *thing
	unit  unit
	at    int
}

// reading has the reads of a unit. If it is only expected, the unit has not been evaluated yet and will read at least this.
type reading struct {
	reads    []*use
	expected bool
}

func newRecord(enqueue func(unit)) *record {
	return &record{things: map[read]*thing{}, units: map[unit]*reading{}, enqueue: enqueue}
}

// noted replaces the recorded reads of a unit. A unit without reads is forgotten. The caller may use the set again.
func (x *record) noted(u unit, reads map[read]struct{}) {
	n := x.units[u]
	switch {
	case len(reads) == 0 && n == nil:
		return
	case len(reads) == 0:
		delete(x.units, u)
	case n == nil:
		n = &reading{}
		x.units[u] = n
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
		one := &use{thing: t, unit: u, at: len(t.readers)}
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

// expect records what a unit will read that has not been evaluated yet. It is queued when this changes.
func (x *record) expect(u unit, reads map[read]struct{}) {
	if x.units[u] == nil {
		x.noted(u, reads)
		if n := x.units[u]; n != nil {
			n.expected = true
		}
	}
}

// knows says that the unit was evaluated, so that changes of its reads queue it.
func (x *record) knows(u unit) bool {
	n := x.units[u]
	return n != nil && !n.expected
}

// heard says that a change would concern anybody. At the start, while all of etcd is read, none does.
func (x *record) heard() bool { return len(x.things) > 0 || x.trace != nil }

// changed queues the units that have read it.
func (x *record) changed(r read) {
	if x.trace != nil {
		x.trace[r] = struct{}{}
	}
	if t := x.things[r]; t != nil {
		for _, r := range t.readers {
			x.enqueue(r.unit)
		}
	}
}

// clear forgets everything and releases the memory.
func (x *record) clear() { x.things, x.units = cleared(x.things), cleared(x.units) }
