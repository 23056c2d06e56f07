package protect

import (
	"fmt"
	"strings"
	"time"

	"weft/etcdschema"
	"weft/model"
)

const (
	// window is the time within which deleted objects are counted together.
	window = time.Minute
	// floor is the number of objects that may always be deleted within the window, however few there are.
	floor = 20
	// share: one in share of the accepted objects may be deleted within the window.
	share = 10
)

// IsMassDeletion says that deleting this number of objects at once, of this total of accepted objects, would hold the controllers.
func IsMassDeletion(gone, total int) bool { return gone > max(floor, total/share) }

// watch judges a batch before anything of it is applied. It returns why the controllers must be held, or "".
func (p *Protection) watch(batch etcdschema.Batch, own map[etcdschema.Key]int64, now time.Time) (reason string) {
	together := map[model.ID]bool{}
	for _, ev := range batch.Events {
		if rev, ours := own[ev.Key]; ours && ev.ModRevision <= rev {
			continue
		}
		if !batch.Snapshot {
			p.noteCome(ev, now)
		}
		p.countGone(ev, together, now)
	}
	if reason = overThreshold(len(together), p.state.AcceptedCount(), "went at once"); reason != "" {
		return reason
	}
	return p.tooMany(now)
}

// noteCome records objects that are declared for the first time.
func (p *Protection) noteCome(ev etcdschema.Event, now time.Time) {
	id, ok := etcdschema.ParseIDOf(p.kinds, ev.Key)
	if ok && !ev.Deleted && area(ev.Key) == "intent" && p.state.Accepted(id) == nil && !p.state.Declared(id) {
		p.came.note(id, now)
	}
}

// countGone records accepted objects that disappear, and those that come back. together collects those that disappear in one batch.
func (p *Protection) countGone(ev etcdschema.Event, together map[model.ID]bool, now time.Time) {
	a := area(ev.Key)
	id, ok := etcdschema.ParseIDOf(p.kinds, ev.Key)
	switch {
	case !ok || a != "intent" && a != "accepted":
	case !ev.Deleted && a == "intent":
		p.gone.forget(id)
		delete(together, id)
	case p.permitted(id):
	case ev.Deleted && p.state.Accepted(id) != nil && (a == "intent" || p.state.Declared(id)):
		together[id] = true
		if came, ok := p.came.at[id]; ok && now.Sub(came) <= window {
			return
		}
		p.gone.note(id, now)
	}
}

func (p *Protection) tooMany(now time.Time) string {
	p.came.expire(now.Add(-window))
	p.gone.expire(now.Add(-window))
	return overThreshold(len(p.gone.at), p.state.AcceptedCount()+len(p.gone.removed), "went within a minute")
}

func overThreshold(gone, total int, how string) string {
	if !IsMassDeletion(gone, total) {
		return ""
	}
	return fmt.Sprintf("%d of %d accepted objects %s, more than %d and a tenth of all", gone, total, how, floor)
}

// AcceptedChanged must be called whenever an accepted object appears in the state or disappears, also when this is rolled back.
func (p *Protection) AcceptedChanged(id model.ID, accepted bool) {
	p.gone.acceptedChanged(id, accepted)
}

// TakeOver judges the whole state at the start of a leadership. It returns why the controllers must be held, or "". restored says that
// etcd went back.
func (p *Protection) TakeOver() (reason string, restored bool) {
	if why := p.evidence(); why != "" {
		return why, true
	}
	gone := 0
	for id := range p.state.Undeclared() {
		if !p.permitted(id) {
			gone++
		}
	}
	if p.accepting == nil { // otherwise the accepted records of objects that are being removed may be gone already
		gone += p.state.UnknownGuests()
	}
	return overThreshold(gone, p.state.AcceptedCount(), "have no intent any more"), false
}

func area(k etcdschema.Key) string {
	a, _, _ := strings.Cut(k.String(), "/")
	return a
}
