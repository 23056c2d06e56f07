// Package pace decides how long work items wait: Backoff after failures, Limiter after many writes. Both only keep times; the caller
// asks them when something is due. They are not safe for concurrent use.
package pace

import "time"

const (
	// backoffFirst and backoffLast bound the wait of a work item that could not be done before it is tried again.
	backoffFirst = time.Second
	backoffLast  = time.Minute
)

// Backoff has the work items that could not be done. They are tried again without end, with longer and longer waits. A change
// in etcd that concerns a work item causes an earlier try. The zero value is ready.
type Backoff[U comparable] struct {
	waits map[U]backoffWait
	first time.Time // when the first one is due; zero when none is
}

type backoffWait struct {
	delay time.Duration
	due   time.Time // zero while it is being tried
}

// Failed records a work item that could not be done.
func (p *Backoff[U]) Failed(u U, now time.Time) {
	if p.waits == nil {
		p.waits = map[U]backoffWait{}
	}
	delay := min(max(backoffFirst, 2*p.waits[u].delay), backoffLast)
	p.waits[u] = backoffWait{delay, now.Add(delay)}
	p.note(now.Add(delay))
}

// Done forgets a work item that was done.
func (p *Backoff[U]) Done(u U) {
	if len(p.waits) == 0 {
		return
	}
	delete(p.waits, u)
	if len(p.waits) == 0 {
		p.waits = nil // an emptied map keeps its memory
	}
}

// Ripe returns the work items that are due, in any order. Each is returned once until it fails again.
func (p *Backoff[U]) Ripe(now time.Time) []U {
	if p.first.IsZero() || now.Before(p.first) {
		return nil
	}
	p.first = time.Time{}
	var out []U
	for u, w := range p.waits {
		switch {
		case w.due.IsZero():
		case now.Before(w.due):
			p.note(w.due)
		default:
			out = append(out, u)
			p.waits[u] = backoffWait{delay: w.delay}
		}
	}
	return out
}

// Next is when something is due; ok is false when nothing is.
func (p *Backoff[U]) Next() (at time.Time, ok bool) { return p.first, !p.first.IsZero() }

func (p *Backoff[U]) note(due time.Time) {
	if p.first.IsZero() || due.Before(p.first) {
		p.first = due
	}
}
