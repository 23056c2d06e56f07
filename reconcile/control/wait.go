package control

import "time"

// ripen puts the units whose wait is over into the queue.
func (p *planner) ripen(now time.Time) {
	for _, u := range append(p.sets.Ripe(now), p.retries.Ripe(now)...) {
		p.queue.add(u)
	}
}

// next is when the first wait of a unit is over; ok is false when none waits.
func (p *planner) next() (at time.Time, ok bool) {
	at, ok = p.sets.Next()
	if due, waits := p.retries.Next(); waits && (!ok || due.Before(at)) {
		return due, true
	}
	return at, ok
}
