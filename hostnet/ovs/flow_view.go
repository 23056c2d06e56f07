package ovs

import (
	"sync"

	"weft/hostnet/object"
)

// flowID is what makes two flows of a bridge the same flow.
type flowID struct {
	table    uint8
	priority uint16
	match    object.Match
}

func idOf(f object.Flow) flowID { return flowID{f.Table, f.Priority, f.Match} }

// flowView is what is known of one bridge's flows. A dump fills it and the monitor keeps it current.
type flowView struct {
	bridgeUUID string // of the bridge's row in the database
	ports      portTable

	dumping  sync.Mutex // held from beginDump to merge
	mu       sync.Mutex // of all below
	byID     map[flowID]*switchFlow
	byCookie map[uint64]map[*switchFlow]struct{}
	synced   bool // a dump was merged since the view was made
	live     bool // the monitor works: every change on the switch arrives here
	// touched are the flows that the monitor reported while a dump was running. These reports are newer than the dump.
	touched map[flowID]struct{}
	// expecting holds the cookies whose flows Apply is changing. Apply itself reports the result.
	expecting map[uint64]struct{}
	changed   chan struct{} // closed at the next change
	fresh     bool          // all was read since the monitor started, and takeFresh was not called since
	based     bool          // all was read since the monitor started
	fragments string
}

func newFlowView(bridgeUUID string) *flowView {
	return &flowView{bridgeUUID: bridgeUUID, byID: map[flowID]*switchFlow{}, byCookie: map[uint64]map[*switchFlow]struct{}{},
		expecting: map[uint64]struct{}{}, changed: make(chan struct{})}
}

// put and forget change the view. The caller holds the lock. put returns the cookie of the flow that it replaced.
func (v *flowView) put(f switchFlow) (old uint64, replaced bool) {
	id := idOf(f.Flow)
	if o := v.byID[id]; o != nil {
		old, replaced = o.Cookie, true
		v.forget(id, o)
	}
	n := &f
	v.byID[id] = n
	set := v.byCookie[f.Cookie]
	if set == nil {
		set = map[*switchFlow]struct{}{}
		v.byCookie[f.Cookie] = set
	}
	set[n] = struct{}{}
	return old, replaced
}

func (v *flowView) forget(id flowID, f *switchFlow) {
	delete(v.byID, id)
	set := v.byCookie[f.Cookie]
	delete(set, f)
	if len(set) == 0 {
		delete(v.byCookie, f.Cookie)
	}
}

// apply applies the monitor's events. It returns the cookies that are ours or in our tables, changed, and are not expected.
func (v *flowView) apply(events []flowEvent) []uint64 {
	v.mu.Lock()
	defer v.mu.Unlock()
	concerned := map[uint64]struct{}{}
	for _, e := range events {
		id := idOf(e.flow.Flow)
		if v.touched != nil {
			v.touched[id] = struct{}{}
		}
		note := func(cookie uint64) {
			if shown(cookie, e.flow.Flow.Table) {
				concerned[cookie] = struct{}{}
			}
		}
		note(e.flow.Cookie)
		if !e.deleted {
			if old, replaced := v.put(e.flow); replaced {
				note(old)
			}
		} else if f := v.byID[id]; f != nil && f.Cookie == e.flow.Cookie {
			v.forget(id, f)
		}
	}
	v.wake()
	var out []uint64
	for c := range concerned {
		if _, ok := v.expecting[c]; !ok {
			out = append(out, c)
		}
	}
	return out
}

// shown says whether a flow is part of a flow set: it is in our tables and is not learned state. Nobody has to remove learned
// flows: they carry the cookie of the learn action, and the switch removes them with the last flow that has it.
func shown(cookie uint64, table uint8) bool {
	if table > object.LastTable {
		return false
	}
	return table != object.LearnedTable || cookie&object.CookieMask != object.CookieOwner
}

func (v *flowView) wake() {
	close(v.changed)
	v.changed = make(chan struct{})
}

// beginDump is called before the switch is asked. merge takes the answer: the flows of the cookie, or all flows if it is nil.
// dumpFailed is called if there is no answer. What the monitor reports in between wins. Only one dump runs at a time.
func (v *flowView) beginDump() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.touched = map[flowID]struct{}{}
}

func (v *flowView) dumpFailed() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.touched = nil
}

func (v *flowView) merge(cookie *uint64, flows []switchFlow) {
	v.mu.Lock()
	defer v.mu.Unlock()
	seen := make(map[flowID]struct{}, len(flows))
	for _, f := range flows {
		id := idOf(f.Flow)
		seen[id] = struct{}{}
		if _, newer := v.touched[id]; !newer {
			v.put(f)
		}
	}
	for id, f := range v.byID {
		_, there := seen[id]
		_, newer := v.touched[id]
		if !there && !newer && (cookie == nil || f.Cookie == *cookie) {
			v.forget(id, f)
		}
	}
	v.touched = nil
	if cookie == nil {
		v.synced = true
	}
	v.wake()
}

// flows returns the flow set of a cookie. ok is false if there is none.
func (v *flowView) flows(cookie uint64) (flows []object.Flow, ok bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.flowsLocked(cookie)
}

func (v *flowView) flowsLocked(cookie uint64) ([]object.Flow, bool) {
	var flows []object.Flow
	for f := range v.byCookie[cookie] {
		if shown(cookie, f.Flow.Table) {
			flows = append(flows, f.Flow)
		}
	}
	return flows, len(flows) > 0
}

// cookies lists every cookie that has a flow set on the bridge.
func (v *flowView) cookies() []uint64 {
	v.mu.Lock()
	defer v.mu.Unlock()
	var out []uint64
	for c, set := range v.byCookie {
		for f := range set {
			if shown(c, f.Flow.Table) {
				out = append(out, c)
				break
			}
		}
	}
	return out
}

// expect suppresses events of the cookies until accept.
func (v *flowView) expect(cookies []uint64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, c := range cookies {
		v.expecting[c] = struct{}{}
	}
}

// accept checks a cookie's flows. If they are right, or if the caller gives up, it allows events again. Both happen under one
// lock, so that no change is missed between.
func (v *flowView) accept(cookie uint64, right func([]object.Flow) error, giveUp bool) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	flows, _ := v.flowsLocked(cookie)
	err := right(flows)
	if err == nil || giveUp {
		delete(v.expecting, cookie)
	}
	return err
}

// state returns whether the monitor works, and a channel that is closed at the next change.
func (v *flowView) state() (live bool, changed <-chan struct{}) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.live, v.changed
}

func (v *flowView) setLive(live bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.live, v.based, v.fresh = live, false, false
	v.wake()
}

// setFresh notes that all was read while the monitor works. takeFresh returns that and resets it.
func (v *flowView) setFresh() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.based, v.fresh = v.live, v.live
}

func (v *flowView) takeFresh() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	fresh := v.fresh
	v.fresh = false
	return fresh
}
