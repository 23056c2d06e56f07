package ovs

import (
	"sync"

	"weft/hostnet/object"
)

// flowCache is what is known of one bridge's flows. A dump fills it and the monitor keeps it current.
type flowCache struct {
	bridgeUUID string // of the bridge's row in the database
	ports      portTable

	dumping  sync.Mutex // held from beginDump to merge
	metering sync.Mutex // held while meters are read
	mu       sync.Mutex // of all below
	meters   meterCache
	index    flowIndex
	live     bool   // the monitor works: every change on the switch arrives here
	dumps    uint32 // how many were begun
	// touched are the flows that the monitor reported while a dump was running, and stirred their cookies. These reports are newer than
	// the dump. Both are nil when no dump is running.
	touched map[flowID]struct{}
	stirred map[uint64]struct{}
	// expecting holds the cookies whose flows Apply is changing. Apply itself reports the result.
	expecting map[uint64]struct{}
	changed   chan struct{} // closed at the next change
	fresh     bool          // all was read since the monitor started, and takeFresh was not called since
	based     bool          // all was read since the monitor started
	fragments string
}

func newFlowCache(bridgeUUID string) *flowCache {
	return &flowCache{bridgeUUID: bridgeUUID, index: newFlowIndex(),
		expecting: map[uint64]struct{}{}, changed: make(chan struct{})}
}

// apply applies the monitor's events. It returns the cookies that are ours or in our tables, changed, and are not expected. metered
// says that one of them has lost a flow that named a meter.
func (v *flowCache) apply(events []flowEvent) (cookies []uint64, metered bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	concerned := map[uint64]struct{}{}
	for _, e := range events {
		if v.touched != nil {
			v.touched[idOf(&e.flow.Flow)] = struct{}{}
		}
		note := func(cookie uint64) {
			if v.stirred != nil {
				v.stirred[cookie] = struct{}{}
			}
			if shown(cookie, e.flow.Flow.Table) {
				concerned[cookie] = struct{}{}
			}
		}
		note(e.flow.Cookie)
		if e.deleted {
			if old := v.index.find(&e.flow.Flow); old != nil && old.cookie == e.flow.Cookie {
				_, expected := v.expecting[old.cookie]
				metered = metered || old.flow.MeterOf() != 0 && !expected
				v.index.remove(old)
			}
		} else if _, old := v.index.put(e.flow.Cookie, &e.flow.Flow); old != nil {
			note(old.cookie)
		}
	}
	v.wake()
	for c := range concerned {
		if _, ok := v.expecting[c]; !ok {
			cookies = append(cookies, c)
		}
	}
	return cookies, metered
}

// shown says whether a flow is part of a flow set: it is in our tables and is not learned state. Nobody has to remove learned
// flows: they carry the cookie of the learn action, and the switch removes them with the last flow that has it.
func shown(cookie uint64, table uint8) bool {
	if table > object.LastTable {
		return false
	}
	return !object.Learned(table) || cookie&object.CookieMask != object.CookieOwner
}

func (v *flowCache) wake() {
	close(v.changed)
	v.changed = make(chan struct{})
}

// shares makes the cache use a desired flow set in the place of its own equal one. The caller never changes it.
func (v *flowCache) shares(cookie uint64, flows []object.Flow) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.index.share(cookie, flows)
}

// flows returns the flow set of a cookie. ok is false if there is none.
func (v *flowCache) flows(cookie uint64) (flows []object.Flow, ok bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.flowsLocked(cookie)
}

func (v *flowCache) flowsLocked(cookie uint64) ([]object.Flow, bool) {
	flows := v.index.flows(cookie)
	return flows, len(flows) > 0
}

// cookies lists every cookie that has a flow set on the bridge.
func (v *flowCache) cookies() []uint64 {
	v.mu.Lock()
	defer v.mu.Unlock()
	var out []uint64
	for c, set := range v.index.byCookie {
		if set.visible() > 0 {
			out = append(out, c)
		}
	}
	return out
}

// expect suppresses events of the cookies until accept.
func (v *flowCache) expect(cookies []uint64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, c := range cookies {
		v.expecting[c] = struct{}{}
	}
}

// accept checks the flows that a change has led to. If they are right, or if the caller gives up, it allows events again. Both happen under one
// lock, so that no change is missed between. From then on the cache shares the desired flows that it has found.
func (v *flowCache) accept(c flowChange, giveUp bool) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	flows, _ := v.flowsLocked(c.cookie)
	err := c.right(flows)
	if err == nil {
		v.index.share(c.cookie, c.desired)
	}
	if err == nil || giveUp {
		delete(v.expecting, c.cookie)
	}
	return err
}

// state returns whether the monitor works, and a channel that is closed at the next change.
func (v *flowCache) state() (live bool, changed <-chan struct{}) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.live, v.changed
}

func (v *flowCache) setLive(live bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.live, v.based, v.fresh = live, false, false
	v.wake()
}

// setFresh notes that all was read while the monitor works. takeFresh returns that and resets it.
func (v *flowCache) setFresh() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.based, v.fresh = v.live, v.live
}

func (v *flowCache) takeFresh() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	fresh := v.fresh
	v.fresh = false
	return fresh
}
