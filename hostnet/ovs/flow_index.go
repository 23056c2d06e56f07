package ovs

import (
	"hash/maphash"
	"iter"
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
	byCookie map[uint64][]*indexedFlow
}

// indexedFlow is one flow of the index. What flow points to is never changed.
type indexedFlow struct {
	hash   uint64
	cookie uint64
	flow   *object.Flow
	next   *indexedFlow // another flow with the same hash
	at     int          // in the list of its cookie
}

func newFlowIndex() flowIndex {
	seed := maphash.MakeSeed()
	hash := func(f *object.Flow) uint64 { return maphash.Comparable(seed, idOf(f)) }
	return flowIndex{hash: hash, byHash: map[uint64]*indexedFlow{}, byCookie: map[uint64][]*indexedFlow{}}
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

// put takes over a flow. It replaces the one with the same id and returns it; nil when there was none. What the index has already in
// the same form stays, because it may be shared.
func (x *flowIndex) put(cookie uint64, f *object.Flow) (old *indexedFlow) {
	hash := x.hash(f)
	if old = x.findHashed(hash, f); old != nil {
		if old.cookie == cookie && slices.Equal(old.flow.Actions, f.Actions) {
			return old
		}
		x.remove(old)
	}
	list := x.byCookie[cookie]
	e := &indexedFlow{hash: hash, cookie: cookie, flow: f, next: x.byHash[hash], at: len(list)}
	x.byHash[hash], x.byCookie[cookie] = e, append(list, e)
	return old
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
	list := x.byCookie[e.cookie]
	last := len(list) - 1
	list[e.at], list[last].at = list[last], e.at
	list[last] = nil
	if x.byCookie[e.cookie] = list[:last]; last == 0 {
		delete(x.byCookie, e.cookie)
	}
}

// all are the flows of the index, in no order. They may be removed meanwhile.
func (x *flowIndex) all() iter.Seq[*indexedFlow] {
	return func(yield func(*indexedFlow) bool) {
		for _, e := range x.byHash {
			for next := e; e != nil; e = next {
				if next = e.next; !yield(e) {
					return
				}
			}
		}
	}
}

// share makes the index use these flows in the place of its own equal ones, so that each is in memory once. The caller never changes
// them.
func (x *flowIndex) share(flows []object.Flow) {
	for i := range flows {
		if e := x.find(&flows[i]); e != nil {
			e.flow = &flows[i]
		}
	}
}
