package control

import (
	"fmt"
	"maps"
	"testing"

	"pgregory.net/rapid"

	"weft/etcdschema"
)

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
