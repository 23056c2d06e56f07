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
				x.put(cookie, f)
				want[idOf(f)] = cookie
			},
			"remove": func(*rapid.T) {
				if e := x.find(draw()); e != nil {
					delete(want, idOf(e.flow))
					x.remove(e)
				}
			},
			"remove some of all": func(t *rapid.T) {
				gone := rapid.Uint64Range(1, 3).Draw(t, "gone")
				for e := range x.all() {
					if e.cookie == gone {
						delete(want, idOf(e.flow))
						x.remove(e)
					}
				}
			},
			"share": func(t *rapid.T) {
				flows := []object.Flow{*draw(), *draw()}
				x.share(flows)
				for i := range flows {
					if e := x.find(&flows[i]); e != nil && idOf(e.flow) != idOf(&flows[i]) {
						t.Fatalf("%v is found as %v", flows[i], *e.flow)
					}
				}
			},
			"": func(t *rapid.T) {
				byID, byCookie := map[flowID]uint64{}, map[flowID]uint64{}
				for e := range x.all() {
					byID[idOf(e.flow)] = e.cookie
				}
				for cookie, list := range x.byCookie {
					for i, e := range list {
						if byCookie[idOf(e.flow)] = cookie; e.at != i || len(list) == 0 {
							t.Fatalf("%v stands at %d, not at %d", *e.flow, i, e.at)
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
	v := newFlowView("")
	v.apply([]flowEvent{{flow: switchFlow{cookie, reported}}})
	change := flowChange{cookie: cookie, desired: []object.Flow{{Table: 10, Priority: 1, Actions: []object.Action{object.Goto{Table: 20}}}}}
	if err := v.accept(change, false); err != nil {
		t.Fatal(err)
	}
	v.merge(&cookie, []switchFlow{{cookie, reported}})
	if e := v.index.find(&reported); e.flow != &change.desired[0] {
		t.Error("the view keeps a copy of its own")
	}
	reported.Actions = nil
	v.apply([]flowEvent{{flow: switchFlow{cookie, reported}}})
	if e := v.index.find(&reported); e.flow == &change.desired[0] || len(e.flow.Actions) != 0 {
		t.Error("a flow that somebody has changed is shown as it was")
	}
}
