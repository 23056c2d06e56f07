package control

import "time"

const (
	// retryFirst and retryLast bound the wait of a unit that could not be done before it is tried again.
	retryFirst = time.Second
	retryLast  = time.Minute
)

// retryPace has the units of work that could not be done. They are tried again without end, with longer and longer waits. A change
// in etcd that concerns a unit causes an earlier try. The zero value is ready.
type retryPace struct {
	waits map[unit]retryWait
	first time.Time // when the first one is due; zero when none is
}

type retryWait struct {
	delay time.Duration
	due   time.Time // zero while it is being tried
}

// failed records a unit that could not be done.
func (p *retryPace) failed(u unit, now time.Time) {
	if p.waits == nil {
		p.waits = map[unit]retryWait{}
	}
	delay := min(max(retryFirst, 2*p.waits[u].delay), retryLast)
	p.waits[u] = retryWait{delay, now.Add(delay)}
	p.note(now.Add(delay))
}

// done forgets a unit that was done.
func (p *retryPace) done(u unit) {
	if len(p.waits) == 0 {
		return
	}
	delete(p.waits, u)
	p.waits = renewed(p.waits)
}

// ripe returns the units that are due.
func (p *retryPace) ripe(now time.Time) []unit {
	if p.first.IsZero() || now.Before(p.first) {
		return nil
	}
	p.first = time.Time{}
	var out []unit
	for u, w := range p.waits {
		switch {
		case w.due.IsZero():
		case now.Before(w.due):
			p.note(w.due)
		default:
			out = append(out, u)
			p.waits[u] = retryWait{delay: w.delay}
		}
	}
	return out
}

// next is when something is due; ok is false when nothing is.
func (p *retryPace) next() (at time.Time, ok bool) { return p.first, !p.first.IsZero() }

func (p *retryPace) note(due time.Time) {
	if p.first.IsZero() || due.Before(p.first) {
		p.first = due
	}
}
