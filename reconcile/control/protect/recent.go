package protect

import (
	"time"

	"weft/model"
)

// recent has objects with the time at which something happened to them. The oldest entries are first, so expired ones are found
// without looking at the rest. The zero value is empty.
type recent struct {
	at    map[model.ID]time.Time
	order []moment
}

// moment is one entry in the order of time. It does not count any more when the object has a later one or was forgotten.
type moment struct {
	id model.ID
	at time.Time
}

func (r *recent) note(id model.ID, now time.Time) {
	if r.at == nil {
		r.at = map[model.ID]time.Time{}
	}
	r.at[id] = now
	r.order = append(r.order, moment{id, now})
}

// expire drops the entries before the time and returns their objects.
func (r *recent) expire(before time.Time) (dropped []model.ID) {
	for len(r.order) > 0 && r.order[0].at.Before(before) {
		m := r.order[0]
		r.order = r.order[1:]
		if at, ok := r.at[m.id]; ok && at.Equal(m.at) {
			delete(r.at, m.id)
			dropped = append(dropped, m.id)
		}
	}
	if len(r.at) == 0 {
		*r = recent{} // an empty map would keep its memory
	}
	return dropped
}

// departures are the accepted objects whose intent or accepted record disappeared within the window. removed has those of
// them that are not accepted any more. Together with the accepted objects they are the total to compare with.
type departures struct {
	recent
	removed map[model.ID]struct{}
}

// forget removes an object that came back.
func (d *departures) forget(id model.ID) {
	delete(d.at, id)
	delete(d.removed, id)
}

func (d *departures) expire(before time.Time) {
	for _, id := range d.recent.expire(before) {
		delete(d.removed, id)
	}
	if len(d.removed) == 0 {
		d.removed = nil
	}
}

// acceptedChanged keeps removed up to date when an accepted record appears or disappears.
func (d *departures) acceptedChanged(id model.ID, accepted bool) {
	if accepted {
		delete(d.removed, id)
		return
	}
	if _, gone := d.at[id]; !gone {
		return
	}
	if d.removed == nil {
		d.removed = map[model.ID]struct{}{}
	}
	d.removed[id] = struct{}{}
}
