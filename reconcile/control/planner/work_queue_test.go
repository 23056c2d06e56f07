package planner

import (
	"strconv"
	"testing"

	"weft/model"
	"weft/reconcile/control/cache"
	"weft/reconcile/control/internal/fixture"
	"weft/reconcile/control/kind"
)

func TestAFloodOfOneProjectDoesNotHoldUpAnother(t *testing.T) {
	t.Parallel()
	c := cache.New(kind.AllKinds().Cached())
	kinds := kind.AllKinds()
	q := newWorkQueue(&kinds, c)
	const flood = 10 * drainShare
	for i := range flood {
		q.Add(cache.Work{Kind: cache.WorkObject, ID: model.ID{Project: "evil", Kind: model.KindPort, Name: "p" + strconv.Itoa(i)}})
	}
	if _, ok := q.next(q.first()); !ok {
		t.Fatal("an empty queue")
	}
	victim := cache.Work{Kind: cache.WorkObject, ID: fixture.Port("web-1")}
	q.Add(victim)
	seen := map[cache.Work]bool{}
	waited := -1
	for u, ok := q.next(q.first()); ok; u, ok = q.next(q.first()) {
		if seen[u] {
			t.Fatalf("%v came twice", u)
		}
		seen[u] = true
		if u == victim {
			waited = len(seen)
		}
	}
	if waited < 0 || waited > 2*drainShare {
		t.Errorf("the other project's object was number %d of %d", waited, flood)
	}
	if len(seen) != flood || !q.Empty() {
		t.Errorf("%d work items came out, %d are left", len(seen), q.Len())
	}
}
