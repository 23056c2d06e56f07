package control

import "slices"

// read names one thing that a unit of work has looked at, whether it was there or not: a key, or a group, which changes when what
// matters about its members does.
type read struct {
	of   source
	name string
	node string // of groups on a node
	part int    // of groups that are cut into parts
}

// source is what kind of thing was looked at.
type source uint8

const (
	readEntry source = iota + 1 // a key of etcd
	readUID                     // a uid → which accepted object has it
	readFree                    // a claim that is in the way, or a space with nothing free → whether it can be had by now
)

// The groups.
const (
	groupGuests   source = iota + 32 // node and network's uid → whether a port there is on the network; of no network → which are
	groupLegs                        // node and network's uid → whether a router there has a leg on the network
	groupOutside                     // node and external network's uid → whether routers there leave through it, and as whom
	groupFeatures                    // node → what its weftd can do
	groupMembers                     // network's uid and part → who is on it
	groupParts                       // network's uid → into how many parts that is cut
	groupMapped                      // physical network → whether any host reaches it
	groupAccepted                    // an object → what others make of it as it is accepted
	groupDeclared                    // an object → whether there is an intent of it
	groupUsers                       // an object → which accepted ones refer to it
	groupOwned                       // uid → the claims that it owns
	groupArrived                     // a port's uid → the move that a node has seen the end of
	groupGateways                    // → hosts with the role gateway, and what decides whether they can have a centralized router
)

// record is which unit has read what when it was last evaluated. When something changes, who has read it is woken: nobody has to know
// whom a change concerns.
type record struct {
	things map[read]*thing
	units  map[unit]*reading
	wake   func(unit)
	trace  map[read]struct{} // what has changed, where somebody wants to know: nil otherwise
}

// thing is something that units have read. They share it, so that a read costs each of them a pointer.
type thing struct {
	read    read
	readers []*reading // in no order, each once
}

// reading is what a unit has read. One that is only expected has not been evaluated yet, and is known to read this at least.
type reading struct {
	unit     unit
	reads    []*thing
	expected bool
}

func newRecord(wake func(unit)) *record {
	return &record{things: map[read]*thing{}, units: map[unit]*reading{}, wake: wake}
}

// noted says what a unit has read, in place of what it read before. A unit that has read nothing is forgotten. The set may be used
// again.
func (x *record) noted(u unit, reads map[read]struct{}) {
	n := x.units[u]
	switch {
	case len(reads) == 0 && n == nil:
		return
	case len(reads) == 0:
		delete(x.units, u)
	case n == nil:
		n = &reading{unit: u}
		x.units[u] = n
	}
	n.expected = false
	kept := n.reads[:0]
	for _, t := range n.reads {
		if _, again := reads[t.read]; again {
			delete(reads, t.read)
			kept = append(kept, t)
		} else {
			x.forget(n, t)
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
		t.readers = append(t.readers, n)
		n.reads = append(n.reads, t)
	}
}

func (x *record) forget(n *reading, t *thing) {
	i, last := slices.Index(t.readers, n), len(t.readers)-1
	t.readers[i], t.readers[last] = t.readers[last], nil
	t.readers = t.readers[:last]
	if last == 0 {
		delete(x.things, t.read)
	}
}

// expect says what a unit will read that has not been evaluated: it is woken when that changes.
func (x *record) expect(u unit, reads map[read]struct{}) {
	if x.units[u] == nil {
		x.noted(u, reads)
		if n := x.units[u]; n != nil {
			n.expected = true
		}
	}
}

// knows says that the unit has been evaluated, and is woken when what it read changes.
func (x *record) knows(u unit) bool {
	n := x.units[u]
	return n != nil && !n.expected
}

// changed wakes who has read it.
func (x *record) changed(r read) {
	if x.trace != nil {
		x.trace[r] = struct{}{}
	}
	if t := x.things[r]; t != nil {
		for _, n := range t.readers {
			x.wake(n.unit)
		}
	}
}

// clear forgets everything, and the room that it took.
func (x *record) clear() { x.things, x.units = cleared(x.things), cleared(x.units) }
