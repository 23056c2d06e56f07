package control

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
		c := NewCache()
		var br brake
		now := time.Unix(1000, 0)
		went, came := map[model.ID]time.Time{}, map[model.ID]time.Time{}
		set := func(k etcdschema.Key, value any) {
			var e *entry
			if value != nil {
				e = &entry{value: value}
			}
			c.set(k, e)
		}
		record := func(id model.ID) any {
			return &etcdschema.Accepted{UID: id.Name, Object: model.Object{Kind: id.Kind, Spec: &model.PortSpec{}}}
		}
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			id := port(fmt.Sprint("p", rapid.IntRange(0, 5).Draw(t, "port")))
			k, deleted := etcdschema.Intent(id), rapid.Bool().Draw(t, "deleted")
			switch rapid.IntRange(0, 4).Draw(t, "what") {
			case 0: // a round accepts or removes it
				if deleted {
					set(etcdschema.AcceptedKey(id), nil)
				} else {
					set(etcdschema.AcceptedKey(id), record(id))
				}
				continue
			case 1: // a round does so and is rolled back
				r := c.begin()
				set(etcdschema.AcceptedKey(id), nil)
				set(etcdschema.AcceptedKey(id), record(id))
				if deleted {
					set(etcdschema.AcceptedKey(id), nil)
				}
				r.abandon()
				continue
			case 2:
				now = now.Add(time.Duration(rapid.IntRange(0, 40).Draw(t, "seconds")) * time.Second)
			case 3:
				k = etcdschema.AcceptedKey(id)
			}
			accepted, declared := c.accepted[id] != nil, c.intents[id] != nil
			at, young := came[id]
			switch byIntent := k == etcdschema.Intent(id); {
			case !deleted && byIntent:
				delete(went, id)
				if !accepted && !declared {
					came[id] = now
				}
			case deleted && accepted && (byIntent || declared) && (!young || now.Sub(at) > brakeWindow):
				went[id] = now
			}
			br.watch(c, etcdschema.Batch{Events: []etcdschema.Event{{Item: etcdschema.Item{Key: k}, Deleted: deleted}}}, nil, now)
			old := func(_ model.ID, at time.Time) bool { return now.Sub(at) > brakeWindow }
			maps.DeleteFunc(went, old)
			maps.DeleteFunc(came, old)
			switch {
			case deleted:
				set(k, nil)
			case k == etcdschema.Intent(id):
				set(k, &intent{})
			default:
				set(k, record(id))
			}
			removed := 0
			for id := range went {
				if c.accepted[id] == nil {
					removed++
				}
			}
			if len(c.gone.at) != len(went) || len(c.gone.removed) != removed || len(br.came.at) != len(came) {
				t.Fatalf("%d went, %d of them removed, %d came; a look at everything says %d, %d, %d",
					len(c.gone.at), len(c.gone.removed), len(br.came.at), len(went), removed, len(came))
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
