package planner

import (
	"fmt"
	"testing"

	"weft/etcdschema"
	"weft/reconcile/control/cache"
	"weft/reconcile/control/claim"
	"weft/reconcile/control/internal/fixture"
	"weft/reconcile/control/kind"
)

// Most of the evaluated statuses are ones that may have changed. Those that are only compared are not forgotten.
func TestNewsOfStatusesGoFirst(t *testing.T) {
	t.Parallel()
	p, _ := New(cache.New(kind.AllKinds().Cached()), kind.AllKinds(), claim.Settings{})
	key := func(i int) etcdschema.Key { return etcdschema.StatusKey(fixture.Port(fmt.Sprint(i))) }
	const many, batch = 10 * statusLook, statusLook / 4
	for i := range many {
		p.compareStatus(key(i))
		p.LookAtStatus(key(many + i))
	}
	p.LookAtStatus(key(3))
	p.compareStatus(key(many))
	seen := map[etcdschema.Key]bool{}
	for round := 0; p.StatusesWait(); round++ {
		keys := p.NextStatuses()
		if len(keys) > statusLook || len(keys) == 0 {
			t.Fatalf("%d keys", len(keys))
		}
		compared := 0
		for _, k := range keys[:min(len(keys), batch)] {
			if seen[k] {
				t.Fatalf("%s came twice", k)
			}
			seen[k] = true
			if _, rest := p.compared[k]; rest {
				compared++
			}
			p.DropStatus(k)
		}
		if want := batch / comparedPart; round == 0 && (compared < want || compared > want+1) {
			t.Errorf("%d of the first %d are not news, expected %d", compared, batch, want)
		}
	}
	if len(seen) != 2*many {
		t.Errorf("%d were looked at, of %d", len(seen), 2*many)
	}
}
