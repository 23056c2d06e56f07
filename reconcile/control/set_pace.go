package control

import "time"

const (
	// setInterval is the shortest time between two writes of a set. Changes in between are written together.
	setInterval = 100 * time.Millisecond
	// setRate is how many bytes a second all sets together may write, after a burst of setBurst. A set is written to hundreds of
	// nodes with every new port. Without the limit its history would fill etcd's quota (2 GiB by default) before it is compacted.
	setRate  = 4 << 20
	setBurst = 16 << 20
)

// setPace delays sets that were written a moment ago, and all sets while too much was written. The zero value delays nothing.
type setPace struct {
	written map[unit]time.Time // when a set was written, at least for the last interval
	waiting map[unit]time.Time // until when a set waits
	pruned  time.Time
	debt    int       // bytes written above the rate, as of …
	at      time.Time // … this time
}

// owed is the present debt.
func (s *setPace) owed(now time.Time) int {
	return max(0, s.debt-int(now.Sub(s.at).Seconds()*setRate))
}

// wrote records that the set was written, with this number of bytes.
func (s *setPace) wrote(u unit, bytes int, now time.Time) {
	s.debt, s.at = s.owed(now)+bytes, now
	if now.Sub(s.pruned) >= setInterval {
		s.pruned = now
		for u, at := range s.written {
			if now.Sub(at) >= setInterval {
				delete(s.written, u)
			}
		}
		s.written = renewed(s.written)
	}
	s.written[u] = now
}

// hold says that the set must wait, and remembers it in that case.
func (s *setPace) hold(u unit, now time.Time) bool {
	var until time.Time
	if at, recent := s.written[u]; recent {
		until = at.Add(setInterval)
	}
	if over := s.owed(now) - setBurst; over > 0 {
		paid := now.Add(time.Duration(over)*time.Second/setRate + time.Millisecond)
		if paid.After(until) {
			until = paid
		}
	}
	if !until.After(now) {
		return false
	}
	if s.waiting == nil {
		s.waiting = map[unit]time.Time{}
	}
	s.waiting[u] = until
	return true
}

// ripe returns the sets that have waited long enough.
func (s *setPace) ripe(now time.Time) []unit {
	var out []unit
	for u, until := range s.waiting {
		if !now.Before(until) {
			out = append(out, u)
			delete(s.waiting, u)
		}
	}
	if len(out) > 0 {
		s.waiting = renewed(s.waiting)
	}
	return out
}

// next is when the first set has waited long enough; ok is false when none waits.
func (s *setPace) next() (first time.Time, ok bool) {
	for _, until := range s.waiting {
		if !ok || until.Before(first) {
			first, ok = until, true
		}
	}
	return first, ok
}

// ripen puts the units whose wait is over into the queue.
func (p *planner) ripen(now time.Time) {
	for _, u := range append(p.sets.ripe(now), p.retries.ripe(now)...) {
		p.queue.add(u)
	}
}

// next is when the first wait of a unit is over; ok is false when none waits.
func (p *planner) next() (at time.Time, ok bool) {
	at, ok = p.sets.next()
	if due, waits := p.retries.next(); waits && (!ok || due.Before(at)) {
		return due, true
	}
	return at, ok
}
