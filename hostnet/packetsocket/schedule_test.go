package packetsocket

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestSchedule: each port is due at the time that was set last, once, and the next time is the earliest of those that are left.
func TestSchedule(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		start := time.Unix(1000, 0)
		var s schedule
		ports := make([]*port, 5)
		for i := range ports {
			ports[i] = &port{}
		}
		want, now := map[*port]time.Time{}, start
		draw := func() *port { return ports[rapid.IntRange(0, len(ports)-1).Draw(t, "port")] }
		t.Repeat(map[string]func(*rapid.T){
			"set": func(t *rapid.T) {
				p, at := draw(), now.Add(time.Duration(rapid.IntRange(1, 9).Draw(t, "in"))*time.Second)
				s.set(p, at)
				want[p] = at
			},
			"clear": func(*rapid.T) {
				p := draw()
				s.clear(p)
				delete(want, p)
			},
			"time passes": func(t *rapid.T) {
				now = now.Add(time.Duration(rapid.IntRange(0, 4).Draw(t, "seconds")) * time.Second)
				due, next := s.due(now)
				for _, p := range due {
					if at, set := want[p]; !set || at.After(now) {
						t.Fatalf("a port is due at %v that was set to %v", now, at)
					}
					delete(want, p)
				}
				var earliest time.Time
				for _, at := range want {
					if !at.After(now) {
						t.Fatalf("a port that was set to %v is not due at %v", at, now)
					}
					if earliest.IsZero() || at.Before(earliest) {
						earliest = at
					}
				}
				if !next.Equal(earliest) {
					t.Fatalf("the next is due at %v, expected %v", next, earliest)
				}
			},
		})
	})
}
