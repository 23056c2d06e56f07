package control

import "time"

const (
	// setInterval is how often a set is written at most: what changes in between is written together.
	setInterval = 100 * time.Millisecond
	// setRate is how many bytes a second all sets together may take, once setBurst of them went at once: the history of a set that
	// is told to hundreds of nodes with every new port fills etcd's quota (2 GiB unless told otherwise) before it is compacted.
	setRate  = 4 << 20
	setBurst = 16 << 20
)

// setPace holds back sets that have been written a moment ago, and all of them while too much was. The zero value holds back nothing.
type setPace struct {
	written map[unit]time.Time // within the last interval, or a little longer
	waiting map[unit]time.Time // until when
	pruned  time.Time
	debt    int       // bytes that were written and not worked off by the rate, as it was …
	at      time.Time // … then
}

// owed is the debt as it is now.
func (s *setPace) owed(now time.Time) int {
	return max(0, s.debt-int(now.Sub(s.at).Seconds()*setRate))
}

// wrote notes that the set was written, with so many bytes.
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

// hold says that the set must wait, and remembers it.
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

// ripe takes out the sets that have waited long enough.
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

// next is when the first set is ripe; ok is false when none waits.
func (s *setPace) next() (first time.Time, ok bool) {
	for _, until := range s.waiting {
		if !ok || until.Before(first) {
			first, ok = until, true
		}
	}
	return first, ok
}

// ripen puts the units whose time has come into the queue.
func (p *planner) ripen(now time.Time) {
	for _, u := range append(p.sets.ripe(now), p.retries.ripe(now)...) {
		p.queue.add(u)
	}
}

// next is when a unit's time comes; ok is false when none waits.
func (p *planner) next() (at time.Time, ok bool) {
	at, ok = p.sets.next()
	if due, waits := p.retries.next(); waits && (!ok || due.Before(at)) {
		return due, true
	}
	return at, ok
}
