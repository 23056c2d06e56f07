package control

import (
	"strconv"
	"testing"

	"weft/model"
)

func TestAFloodOfOneProjectDoesNotHoldUpAnother(t *testing.T) {
	t.Parallel()
	c := NewCache()
	kinds := AllKinds()
	q := workQueue{kinds: &kinds}
	const flood = 10 * drainShare
	for i := range flood {
		q.add(unit{kind: unitObject, id: model.ID{Project: "evil", Kind: model.KindPort, Name: "p" + strconv.Itoa(i)}})
	}
	if _, ok := q.next(c, q.first()); !ok {
		t.Fatal("an empty queue")
	}
	victim := unit{kind: unitObject, id: port("web-1")}
	q.add(victim)
	seen := map[unit]bool{}
	waited := -1
	for u, ok := q.next(c, q.first()); ok; u, ok = q.next(c, q.first()) {
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
	if len(seen) != flood || !q.empty() {
		t.Errorf("%d units came out, %d are left", len(seen), q.len())
	}
}
