package control

import (
	"fmt"
	"maps"
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"weft/etcdschema"
	"weft/model/desired"
)

// Maps that are iterated often do not keep the memory that a flood has needed.
func TestEmptiedMapsGiveTheirRoomBack(t *testing.T) {
	t.Parallel()
	const flood = 1000
	n := NewCache().node("h1")
	n.report = &etcdschema.NodeReport{ProcessedRevision: 1}
	p := newPlanner(NewCache(), Settings{})
	for i := range flood {
		name := fmt.Sprint(i)
		k := desired.Key{Kind: desired.KindPort, UID: name}
		n.items[k], n.waiting[k] = &entry{mod: 1}, struct{}{}
		p.status[etcdschema.HeadKey(name)] = struct{}{}
		p.foreign[etcdschema.HeadKey(name)] = struct{}{}
	}
	for name, c := range map[string]struct {
		get   func() any
		empty func()
	}{
		"items that a node has not processed": {func() any { return n.waiting }, func() { n.settleWaiting(func(string) {}) }},
		"statuses of who leads no more":       {func() any { return p.status }, p.idle},
	} {
		before := reflect.ValueOf(c.get())
		room := before.Pointer()
		if before.Len() < flood {
			t.Fatalf("%s: %d are there", name, before.Len())
		}
		c.empty()
		if after := reflect.ValueOf(c.get()); after.Len() > 1 || after.Pointer() == room {
			t.Errorf("%s: %d are left, and the room is the one before: %v", name, after.Len(), after.Pointer() == room)
		}
	}
}

func roomOf[K comparable, V any](m map[K]V) uintptr { return reflect.ValueOf(m).Pointer() }

// Dropping our writes as they come back gives the same as looking at all of them.
func TestOwnWritesAreForgottenWhenTheirEventsHaveComeBack(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var own ownWrites
		want := map[etcdschema.Key]int64{}
		revision := int64(1)
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			k := etcdschema.HeadKey(fmt.Sprint("h", rapid.IntRange(0, 5).Draw(t, "node")))
			switch rapid.IntRange(0, 3).Draw(t, "what") {
			case 0:
				own.forget(k)
				delete(want, k)
			case 1:
				seen := revision - int64(rapid.IntRange(0, 5).Draw(t, "behind"))
				own.seen(seen)
				maps.DeleteFunc(want, func(_ etcdschema.Key, at int64) bool { return at <= seen })
			default:
				revision++
				own.note(k, revision)
				want[k] = revision
			}
			if !maps.Equal(own.revisions, want) {
				t.Fatalf("%v are on their way, %v say all", own.revisions, want)
			}
		}
		own.seen(revision)
		if own.revisions != nil || own.order != nil {
			t.Fatal("what is empty keeps its room")
		}
	})
}
