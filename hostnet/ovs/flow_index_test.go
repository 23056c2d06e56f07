package ovs

import (
	"maps"
	"testing"

	"pgregory.net/rapid"

	"weft/hostnet/object"
)

// TestFlowIndex: whatever is put, replaced, removed and shared, the index finds exactly the flows that are there, by id and by cookie,
// although many have the same hash.
func TestFlowIndex(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		x := newFlowIndex()
		hashes := uint64(rapid.IntRange(1, 4).Draw(t, "hashes"))
		x.hash = func(f *object.Flow) uint64 { return uint64(f.Priority) % hashes }
		want := map[flowID]uint64{}
		draw := func() *object.Flow {
			return &object.Flow{Table: 1, Priority: uint16(rapid.IntRange(0, 9).Draw(t, "flow"))}
		}
		t.Repeat(map[string]func(*rapid.T){
			"put": func(t *rapid.T) {
				f, cookie := draw(), rapid.Uint64Range(1, 3).Draw(t, "cookie")
				if e, _ := x.put(cookie, f); e.cookie != cookie || idOf(e.flow) != idOf(f) {
					t.Fatalf("%v of %d is put as %v of %d", *f, cookie, *e.flow, e.cookie)
				}
				want[idOf(f)] = cookie
			},
			"remove": func(*rapid.T) {
				if e := x.find(draw()); e != nil {
					delete(want, idOf(e.flow))
					x.remove(e)
				}
			},
			"share": func(t *rapid.T) {
				flows, cookie := []object.Flow{*draw(), *draw()}, rapid.Uint64Range(1, 3).Draw(t, "cookie")
				if idOf(&flows[0]) == idOf(&flows[1]) {
					flows = flows[:1]
				}
				x.share(cookie, flows)
				for i := range flows {
					if e := x.find(&flows[i]); e != nil && idOf(e.flow) != idOf(&flows[i]) {
						t.Fatalf("%v is found as %v", flows[i], *e.flow)
					}
				}
			},
			"": func(t *rapid.T) {
				byID, byCookie := map[flowID]uint64{}, map[flowID]uint64{}
				for _, e := range x.byHash {
					for ; e != nil; e = e.next {
						byID[idOf(e.flow)] = e.cookie
					}
				}
				for cookie, set := range x.byCookie {
					for i, e := range set.list {
						if byCookie[idOf(e.flow)] = cookie; int(e.at) != i {
							t.Fatalf("%v stands at %d, not at %d", *e.flow, i, e.at)
						}
					}
					if got := x.flows(cookie); len(got) != len(set.list) || len(set.list) == 0 {
						t.Fatalf("cookie %d has %d flows in its set, %d in its list", cookie, len(got), len(set.list))
					}
					for _, f := range x.flows(cookie) {
						if e := x.find(&f); e == nil || e.cookie != cookie {
							t.Fatalf("%v is in the set of %d and not in the index", f, cookie)
						}
					}
				}
				if !maps.Equal(byID, want) || !maps.Equal(byCookie, want) {
					t.Fatalf("by id %v, by cookie %v, expected %v", byID, byCookie, want)
				}
			},
		})
	})
}

// TestSharedFlowsAreInMemoryOnce: what a change has led to and what the switch reports of it again are one flow in memory.
func TestSharedFlowsAreInMemoryOnce(t *testing.T) {
	t.Parallel()
	cookie := object.CookieOwner | 1
	reported := object.Flow{Table: 10, Priority: 1, Actions: []object.Action{object.Goto{Table: 20}}}
	v := newFlowCache("")
	v.apply([]flowEvent{{flow: switchFlow{cookie, reported}}})
	change := flowChange{cookie: cookie, desired: []object.Flow{{Table: 10, Priority: 1, Actions: []object.Action{object.Goto{Table: 20}}}}}
	if err := v.accept(change, false); err != nil {
		t.Fatal(err)
	}
	v.beginDump()
	if err := v.merge(&cookie, listDump{{cookie, reported}}); err != nil {
		t.Fatal(err)
	}
	if e := v.index.find(&reported); e.flow != &change.desired[0] {
		t.Error("the cache keeps a copy of its own")
	}
	reported.Actions = nil
	v.apply([]flowEvent{{flow: switchFlow{cookie, reported}}})
	if e := v.index.find(&reported); e.flow == &change.desired[0] || len(e.flow.Actions) != 0 {
		t.Error("a flow that somebody has changed is shown as it was")
	}
}
