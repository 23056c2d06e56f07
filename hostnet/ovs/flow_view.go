package ovs

import (
	"sync"

	"weft/hostnet/object"
)

// flowView is what is known of one bridge's flows. A dump fills it and the monitor keeps it current.
type flowView struct {
	bridgeUUID string // of the bridge's row in the database
	ports      portTable

	dumping sync.Mutex // held from beginDump to merge
	mu      sync.Mutex // of all below
	index   flowIndex
	live    bool // the monitor works: every change on the switch arrives here
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
	return &flowView{bridgeUUID: bridgeUUID, index: newFlowIndex(),
		expecting: map[uint64]struct{}{}, changed: make(chan struct{})}
}

// apply applies the monitor's events. It returns the cookies that are ours or in our tables, changed, and are not expected.
func (v *flowView) apply(events []flowEvent) []uint64 {
	v.mu.Lock()
	defer v.mu.Unlock()
	concerned := map[uint64]struct{}{}
	for _, e := range events {
		if v.touched != nil {
			v.touched[idOf(&e.flow.Flow)] = struct{}{}
		}
		note := func(cookie uint64) {
			if shown(cookie, e.flow.Flow.Table) {
				concerned[cookie] = struct{}{}
			}
		}
		note(e.flow.Cookie)
		if e.deleted {
			if old := v.index.find(&e.flow.Flow); old != nil && old.cookie == e.flow.Cookie {
				v.index.remove(old)
			}
		} else if old := v.index.put(e.flow.Cookie, &e.flow.Flow); old != nil {
			note(old.cookie)
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
		id := idOf(&f.Flow)
		seen[id] = struct{}{}
		if _, newer := v.touched[id]; !newer {
			v.index.put(f.Cookie, &f.Flow)
		}
	}
	for e := range v.index.all() {
		id := idOf(e.flow)
		_, there := seen[id]
		_, newer := v.touched[id]
		if !there && !newer && (cookie == nil || e.cookie == *cookie) {
			v.index.remove(e)
		}
	}
	v.touched = nil
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
	for _, e := range v.index.byCookie[cookie] {
		if shown(cookie, e.flow.Table) {
			flows = append(flows, *e.flow)
		}
	}
	return flows, len(flows) > 0
}

// cookies lists every cookie that has a flow set on the bridge.
func (v *flowView) cookies() []uint64 {
	v.mu.Lock()
	defer v.mu.Unlock()
	var out []uint64
	for c, set := range v.index.byCookie {
		for _, e := range set {
			if shown(c, e.flow.Table) {
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

// accept checks the flows that a change has led to. If they are right, or if the caller gives up, it allows events again. Both happen under one
// lock, so that no change is missed between. From then on the view shares the desired flows that it has found.
func (v *flowView) accept(c flowChange, giveUp bool) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	flows, _ := v.flowsLocked(c.cookie)
	err := c.right(flows)
	if err == nil {
		v.index.share(c.desired)
	}
	if err == nil || giveUp {
		delete(v.expecting, c.cookie)
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
