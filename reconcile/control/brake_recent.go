package control

import (
	"time"

	"weft/model"
)

// recent holds objects with the time at which something happened to them. What is too old is found without looking at the
// rest, because it stands first. The zero value is empty.
type recent struct {
	at    map[model.ID]time.Time
	order []moment
}

// moment is one entry in the order of time. It no longer counts when the object has a later one, or was forgotten.
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

// expire drops what happened before the time, and returns it.
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
		*r = recent{} // an emptied map keeps its room
	}
	return dropped
}

// departures are the accepted objects whose intent, or whose record, went within the brake's window. removed are those of
// them that are accepted no more: together with what is accepted they are what there was.
type departures struct {
	recent
	removed map[model.ID]struct{}
}

// forget takes out an object that came back.
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

// acceptedChanged follows the accepted records.
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
