package pace

import "time"

const (
	// Interval is the shortest time between two writes of a set. Changes in between are written together.
	Interval = 100 * time.Millisecond
	// Rate is how many bytes a second all sets together may write, after a burst of Burst bytes. A set is written to hundreds of
	// nodes with every new port. Without the limit its history would fill etcd's quota (2 GiB by default) before it is compacted.
	Rate  = 4 << 20
	Burst = 16 << 20
)

// Limiter delays work items that write a set of values: those that were written a moment ago, and all of them while too much was written.
// The zero value delays nothing.
type Limiter[U comparable] struct {
	written map[U]time.Time // when a set was written, at least for the last interval
	waiting map[U]time.Time // until when a set waits
	first   time.Time       // when the first of them must be looked at; zero when none waits
	pruned  time.Time
	debt    int       // bytes written above the rate, as of …
	at      time.Time // … this time
}

// owed is the present debt.
func (s *Limiter[U]) owed(now time.Time) int {
	return max(0, s.debt-int(now.Sub(s.at).Seconds()*Rate))
}

// Wrote records that the set was written, with this number of bytes.
func (s *Limiter[U]) Wrote(u U, bytes int, now time.Time) {
	s.debt, s.at = s.owed(now)+bytes, now
	if now.Sub(s.pruned) >= Interval {
		s.pruned = now
		for u, at := range s.written {
			if now.Sub(at) >= Interval {
				delete(s.written, u)
			}
		}
		if len(s.written) == 0 {
			s.written = map[U]time.Time{} // an emptied map keeps its memory
		}
	}
	s.written[u] = now
}

// Hold says that the set must wait, and remembers it in that case.
func (s *Limiter[U]) Hold(u U, now time.Time) bool {
	var until time.Time
	if at, recent := s.written[u]; recent {
		until = at.Add(Interval)
	}
	if over := s.owed(now) - Burst; over > 0 {
		paid := now.Add(time.Duration(over)*time.Second/Rate + time.Millisecond)
		if paid.After(until) {
			until = paid
		}
	}
	if !until.After(now) {
		return false
	}
	if s.waiting == nil {
		s.waiting = map[U]time.Time{}
	}
	if _, waits := s.waiting[u]; !waits { // otherwise it is asked again when that wait is over
		s.waiting[u] = until
		s.note(until)
	}
	return true
}

func (s *Limiter[U]) note(until time.Time) {
	if s.first.IsZero() || until.Before(s.first) {
		s.first = until
	}
}

// Ripe returns the sets that have waited long enough.
func (s *Limiter[U]) Ripe(now time.Time) []U {
	if s.first.IsZero() || now.Before(s.first) {
		return nil
	}
	var out []U
	s.first = time.Time{}
	for u, until := range s.waiting {
		if now.Before(until) {
			s.note(until)
			continue
		}
		out = append(out, u)
		delete(s.waiting, u)
	}
	if len(s.waiting) == 0 {
		s.waiting = nil
	}
	return out
}

// Next is when the first set has waited long enough; ok is false when none waits.
func (s *Limiter[U]) Next() (first time.Time, ok bool) { return s.first, !s.first.IsZero() }
