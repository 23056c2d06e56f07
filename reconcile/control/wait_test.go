package control

import (
	"testing"
	"time"
)

// Whatever a unit of work is about, it is tried again after a failure.
func TestEveryKindOfUnitIsTriedAgain(t *testing.T) {
	t.Parallel()
	now := time.Unix(1000, 0)
	settings := DefaultSettings()
	settings.Now = func() time.Time { return now }
	units := []unit{
		{kind: unitObject, id: hostID("h1")}, {kind: unitItem, node: "h1"}, {kind: unitHead, node: "h1"}, {kind: unitOrphan, uid: "u"},
	}
	for _, u := range units {
		p := newPlanner(NewCache(), settings)
		p.stuck(u, errRefused)
		due, ok := p.next()
		p.ripen(due)
		if got, there := p.queue.next(p.cache, p.queue.first()); !ok || !there || got != u {
			t.Errorf("%s: due %v, in the queue %v %v", u, ok, got, there)
		}
	}
}
