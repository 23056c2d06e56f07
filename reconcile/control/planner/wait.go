package planner

import "time"

// Ripen puts the work items whose wait is over into the queue.
func (p *Planner) Ripen(now time.Time) {
	for _, u := range append(p.sets.Ripe(now), p.Retries.Ripe(now)...) {
		p.Queue.Add(u)
	}
}

// Next is when the first wait of a work item is over; ok is false when none waits.
func (p *Planner) Next() (at time.Time, ok bool) {
	at, ok = p.sets.Next()
	if due, waits := p.Retries.Next(); waits && (!ok || due.Before(at)) {
		return due, true
	}
	return at, ok
}
