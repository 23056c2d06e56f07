package planner

import (
	"fmt"
	"reflect"
	"testing"

	"weft/etcdschema"
	"weft/reconcile/control/cache"
	"weft/reconcile/control/claim"
	"weft/reconcile/control/kind"
)

// Maps that are iterated often do not keep the memory that a flood has needed.
func TestEmptiedMapsGiveTheirRoomBack(t *testing.T) {
	t.Parallel()
	const flood = 1000
	p, _ := New(cache.New(kind.AllKinds().Cached()), kind.AllKinds(), claim.Settings{})
	for i := range flood {
		name := fmt.Sprint(i)
		p.status[etcdschema.HeadKey(name)] = struct{}{}
		p.Foreign[etcdschema.HeadKey(name)] = struct{}{}
	}
	for name, c := range map[string]struct {
		get   func() any
		empty func()
	}{
		"statuses of who leads no more": {func() any { return p.status }, p.Idle},
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
