package ovs

import (
	"hash/maphash"
	"slices"

	"weft/hostnet/object"
)

// flowID is what makes two flows of a bridge the same flow.
type flowID struct {
	table    uint8
	priority uint16
	match    object.Match
}

func idOf(f *object.Flow) flowID { return flowID{f.Table, f.Priority, f.Match} }

// flowIndex finds a bridge's flows by their ids and by their cookies. It keeps hashes of the ids, because a match is forty times as
// large as a hash.
type flowIndex struct {
	hash     func(*object.Flow) uint64 // of the id
	byHash   map[uint64]*indexedFlow   // the first of those with the hash
	byCookie map[uint64]*cookieFlows
}

// indexedFlow is one flow of the index. What flow points to is never changed.
type indexedFlow struct {
	hash   uint64
	cookie uint64
	flow   *object.Flow
	next   *indexedFlow // another flow with the same hash
	at     int32        // in the list of its cookie
	seen   uint32       // number of the last dump that had it
}

// cookieFlows are the flows of one cookie.
type cookieFlows struct {
	list []*indexedFlow
	// digest is that of the last dump, if read: nothing of the cookie has changed since.
	digest uint64
	read   bool
	// whole is the flow set of the cookie as somebody else has it in memory, or nil if the index has no such set.
	whole []object.Flow
}

func newFlowIndex() flowIndex {
	seed := maphash.MakeSeed()
	hash := func(f *object.Flow) uint64 { return maphash.Comparable(seed, idOf(f)) }
	return flowIndex{hash: hash, byHash: map[uint64]*indexedFlow{}, byCookie: map[uint64]*cookieFlows{}}
}

// find finds the flow with the id of f; nil when there is none.
func (x *flowIndex) find(f *object.Flow) *indexedFlow { return x.findHashed(x.hash(f), f) }

func (x *flowIndex) findHashed(hash uint64, f *object.Flow) *indexedFlow {
	for e := x.byHash[hash]; e != nil; e = e.next {
		if idOf(e.flow) == idOf(f) {
			return e
		}
	}
	return nil
}

// put takes over a flow and returns it as the index has it. old is the one with the same id that was there before, or nil. What the
// index has already in the same form stays, because it may be shared.
func (x *flowIndex) put(cookie uint64, f *object.Flow) (e, old *indexedFlow) {
	hash := x.hash(f)
	if old = x.findHashed(hash, f); old != nil {
		if old.cookie == cookie && slices.Equal(old.flow.Actions, f.Actions) {
			return old, old
		}
		x.remove(old)
	}
	set := x.byCookie[cookie]
	if set == nil {
		set = &cookieFlows{}
		x.byCookie[cookie] = set
	}
	e = &indexedFlow{hash: hash, cookie: cookie, flow: f, next: x.byHash[hash], at: int32(len(set.list))}
	x.byHash[hash] = e
	set.list = append(set.list, e)
	set.changed(e)
	return e, old
}

// remove removes a flow of the index.
func (x *flowIndex) remove(e *indexedFlow) {
	if first := x.byHash[e.hash]; first == e {
		if x.byHash[e.hash] = e.next; e.next == nil {
			delete(x.byHash, e.hash)
		}
	} else {
		for before := first; before != nil; before = before.next {
			if before.next == e {
				before.next = e.next
			}
		}
	}
	set := x.byCookie[e.cookie]
	last := len(set.list) - 1
	set.list[e.at], set.list[last].at = set.list[last], e.at
	set.list[last] = nil
	if set.list = set.list[:last]; last == 0 {
		delete(x.byCookie, e.cookie)
	}
	set.changed(e)
}

// changed notes that a flow came or went.
func (s *cookieFlows) changed(e *indexedFlow) {
	s.read = false
	if shown(e.cookie, e.flow.Table) {
		s.whole = nil
	}
}

// share makes the index use these flows of a cookie in the place of its own equal ones, so that each is in memory once. The caller
// never changes them.
func (x *flowIndex) share(cookie uint64, flows []object.Flow) {
	set := x.byCookie[cookie]
	if set == nil || len(flows) == 0 || len(set.whole) > 0 && &set.whole[0] == &flows[0] {
		return
	}
	shared := 0
	for i := range flows {
		e := x.find(&flows[i])
		if e != nil && e.cookie == cookie && slices.Equal(e.flow.Actions, flows[i].Actions) {
			e.flow = &flows[i]
			shared++
		}
	}
	set.whole = nil
	if shared == len(flows) && set.visible() == shared {
		set.whole = slices.Clip(flows)
	}
}

// visible counts the flows of the cookie's flow set.
func (s *cookieFlows) visible() (n int) {
	for _, e := range s.list {
		if shown(e.cookie, e.flow.Table) {
			n++
		}
	}
	return n
}

// flows returns the flow set of a cookie. The caller only reads it.
func (x *flowIndex) flows(cookie uint64) []object.Flow {
	set := x.byCookie[cookie]
	switch {
	case set == nil:
		return nil
	case set.whole != nil:
		return set.whole
	}
	flows := make([]object.Flow, 0, set.visible())
	for _, e := range set.list {
		if shown(cookie, e.flow.Table) {
			flows = append(flows, *e.flow)
		}
	}
	return flows
}
