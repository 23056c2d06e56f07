package control

import (
	"slices"
	"testing"
	"time"
)

func TestWhatCouldNotBeDoneIsTriedForEver(t *testing.T) {
	t.Parallel()
	u, other := unit{kind: unitHead, node: "h1"}, unit{kind: unitHead, node: "h2"}
	now := time.Unix(1000, 0)
	var p retryPace
	var waits []time.Duration
	for range 9 {
		p.failed(u, now)
		due, ok := p.next()
		if !ok || len(p.ripe(due.Add(-1))) > 0 {
			t.Fatalf("due %v %v, and tried earlier", due, ok)
		}
		waits = append(waits, due.Sub(now))
		now = due
		if got := p.ripe(now); !slices.Equal(got, []unit{u}) {
			t.Fatalf("tried %v", got)
		}
		if got := p.ripe(now.Add(time.Hour)); len(got) > 0 {
			t.Fatalf("tried twice: %v", got)
		}
	}
	want := []time.Duration{1, 2, 4, 8, 16, 32, 60, 60, 60}
	for i := range want {
		want[i] *= time.Second
	}
	if !slices.Equal(waits, want) {
		t.Errorf("waited %v, want %v", waits, want)
	}
	p.failed(other, now)
	p.failed(u, now)
	p.done(u)
	if got := p.ripe(now.Add(time.Hour)); !slices.Equal(got, []unit{other}) {
		t.Errorf("tried %v after the first was done", got)
	}
	p.failed(u, now)
	if due, _ := p.next(); due.Sub(now) != retryFirst {
		t.Errorf("after a success it waits %s", due.Sub(now))
	}
}

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
