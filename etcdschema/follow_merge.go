package etcdschema

import (
	"cmp"
	"slices"
	"strings"
)

// merger joins the watches of several prefixes; each prefix is a lane. Events wait until every lane is known to be complete up to
// their revision, so that only whole revisions come out.
type merger struct {
	known  []int64 // by lane: everything up to this revision has arrived
	events []Event // not given out yet
}

// byRevision orders events, and those of one revision by key.
func byRevision(a, b Event) int { return a.compare(&b) }

func (e *Event) compare(o *Event) int {
	if n := cmp.Compare(e.ModRevision, o.ModRevision); n != 0 {
		return n
	}
	return strings.Compare(e.Key.path, o.Key.path)
}

// low is the revision up to which all lanes are complete.
func (m *merger) low() int64 { return slices.Min(m.known) }

// take removes and returns the events up to low, in order.
func (m *merger) take() []Event {
	low := m.low()
	slices.SortFunc(m.events, byRevision)
	n, _ := slices.BinarySearchFunc(m.events, low+1, func(e Event, r int64) int { return cmp.Compare(e.ModRevision, r) })
	out := m.events[:n:n]
	m.events = m.events[n:]
	return out
}
