package pace

import (
	"slices"
	"testing"
	"time"
)

func TestWhatCouldNotBeDoneIsTriedForEver(t *testing.T) {
	t.Parallel()
	u, other := "h1", "h2"
	now := time.Unix(1000, 0)
	var p Backoff[string]
	var waits []time.Duration
	for range 9 {
		p.Failed(u, now)
		due, ok := p.Next()
		if !ok || len(p.Ripe(due.Add(-1))) > 0 {
			t.Fatalf("due %v %v, and tried earlier", due, ok)
		}
		waits = append(waits, due.Sub(now))
		now = due
		if got := p.Ripe(now); !slices.Equal(got, []string{u}) {
			t.Fatalf("tried %v", got)
		}
		if got := p.Ripe(now.Add(time.Hour)); len(got) > 0 {
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
	p.Failed(other, now)
	p.Failed(u, now)
	p.Done(u)
	if got := p.Ripe(now.Add(time.Hour)); !slices.Equal(got, []string{other}) {
		t.Errorf("tried %v after the first was done", got)
	}
	p.Failed(u, now)
	if due, _ := p.Next(); due.Sub(now) != backoffFirst {
		t.Errorf("after a success it waits %s", due.Sub(now))
	}
}
