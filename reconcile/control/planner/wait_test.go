package planner

import (
	"errors"
	"testing"
	"time"

	"weft/model"
	"weft/reconcile/control/cache"
	"weft/reconcile/control/claim"
	"weft/reconcile/control/kind"
)

// Whatever a work item is about, it is tried again after a failure.
func TestEveryKindOfUnitIsTriedAgain(t *testing.T) {
	t.Parallel()
	now := time.Unix(1000, 0)
	settings := claim.DefaultSettings()
	settings.Now = func() time.Time { return now }
	work := []cache.Work{
		{Kind: cache.WorkObject, ID: model.HostID("h1")}, {Kind: cache.WorkItem, Node: "h1"}, {Kind: cache.WorkHead, Node: "h1"}, {Kind: cache.WorkOrphan, UID: "u"},
	}
	for _, u := range work {
		p, _ := New(cache.New(kind.AllKinds().Cached()), kind.AllKinds(), settings)
		p.Stuck(u, errors.New("refused"))
		due, ok := p.Next()
		p.Ripen(due)
		if got, there := p.Queue.next(p.Queue.first()); !ok || !there || got != u {
			t.Errorf("%s: due %v, in the queue %v %v", u, ok, got, there)
		}
	}
}
