package protect

import (
	"fmt"
	"maps"
	"testing"
	"time"

	"pgregory.net/rapid"

	"weft/etcdschema"
	"weft/model"
)

// The running count of deleted objects is the same as a full count, whatever is added, deleted, removed, rolled back and expires in
// between.
func TestTheRunningCountIsWhatALookAtEverythingSays(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		r := newRegion()
		p := r.replica()
		now := time.Unix(1000, 0)
		went, came := map[model.ID]time.Time{}, map[model.ID]time.Time{}
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			id := port(fmt.Sprint("p", rapid.IntRange(0, 5).Draw(t, "port")))
			k, deleted := etcdschema.Intent(id), rapid.Bool().Draw(t, "deleted")
			switch rapid.IntRange(0, 4).Draw(t, "what") {
			case 0: // a transaction accepts or removes it
				r.accept(id, !deleted)
				continue
			case 1: // a transaction does so and is rolled back
				was := r.accepted[id] != nil
				r.accept(id, false)
				r.accept(id, true)
				if deleted {
					r.accept(id, false)
					r.accept(id, true)
				}
				r.accept(id, false)
				r.accept(id, was)
				continue
			case 2:
				now = now.Add(time.Duration(rapid.IntRange(0, 40).Draw(t, "seconds")) * time.Second)
			case 3:
				k = etcdschema.AcceptedKey(id)
			}
			accepted, declared := r.accepted[id] != nil, r.declared[id]
			at, young := came[id]
			switch byIntent := k == etcdschema.Intent(id); {
			case !deleted && byIntent:
				delete(went, id)
				if !accepted && !declared {
					came[id] = now
				}
			case deleted && accepted && (byIntent || declared) && (!young || now.Sub(at) > window):
				went[id] = now
			}
			p.watch(etcdschema.Batch{Events: []etcdschema.Event{{Item: etcdschema.Item{Key: k}, Deleted: deleted}}}, nil, now)
			old := func(_ model.ID, at time.Time) bool { return now.Sub(at) > window }
			maps.DeleteFunc(went, old)
			maps.DeleteFunc(came, old)
			if k == etcdschema.Intent(id) {
				r.declare(id, !deleted)
			} else {
				r.accept(id, !deleted)
			}
			removed := 0
			for id := range went {
				if r.accepted[id] == nil {
					removed++
				}
			}
			if len(p.gone.at) != len(went) || len(p.gone.removed) != removed || len(p.came.at) != len(came) {
				t.Fatalf("%d went, %d of them removed, %d came; a look at everything says %d, %d, %d",
					len(p.gone.at), len(p.gone.removed), len(p.came.at), len(went), removed, len(came))
			}
		}
	})
}

// A batch only visits entries that have expired, each once.
func TestWhatIsNotOldYetIsNotLookedAt(t *testing.T) {
	t.Parallel()
	var r recent
	start := time.Unix(1000, 0)
	const objects = 1000
	looked := 0
	for i := range 3 * objects {
		now := start.Add(time.Duration(i) * time.Second)
		if i < objects {
			r.note(port(fmt.Sprint(i)), now)
		}
		before := len(r.order)
		dropped := r.expire(now.Add(-objects * time.Second))
		looked += before - len(r.order)
		if len(dropped) > 1 {
			t.Fatalf("%d objects are dropped at once", len(dropped))
		}
	}
	if looked != objects || len(r.at) != 0 {
		t.Errorf("%d looks at %d objects, %d left", looked, objects, len(r.at))
	}
	if r.at != nil || r.order != nil {
		t.Error("what is empty keeps its room")
	}
}
