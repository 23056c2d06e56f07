package cache

import (
	"fmt"
	"reflect"
	"testing"

	"weft/etcdschema"
	"weft/model/desired"
)

// The items that a node has not processed do not keep the memory that a flood has needed.
func TestEmptiedWaitingGivesItsRoomBack(t *testing.T) {
	t.Parallel()
	const flood = 1000
	n := New(Kinds{}).Node("h1")
	n.report = &etcdschema.NodeReport{ProcessedRevision: 1}
	for i := range flood {
		k := desired.Key{Kind: desired.KindPort, UID: fmt.Sprint(i)}
		n.Items[k], n.waiting[k] = &Entry{ModRevision: 1}, struct{}{}
	}
	room := reflect.ValueOf(n.waiting).Pointer()
	n.SettleWaiting(func(string) {})
	if len(n.waiting) > 0 || reflect.ValueOf(n.waiting).Pointer() == room {
		t.Errorf("%d are left, and the room is the one before: %v", len(n.waiting), reflect.ValueOf(n.waiting).Pointer() == room)
	}
}
