package engine

import (
	"slices"
	"time"

	"weft/etcdschema"
	"weft/hostnet/object"
)

// Rejecter is implemented by drivers that count the frames which a guest's objects keep from passing. The sweep asks.
type Rejecter interface {
	// Rejected are the counts of the desired object, each reason once, in order. It is empty for objects that reject nothing of a guest. It
	// may be called while Watch runs.
	Rejected(desired object.Object) []object.Rejected
}

// countRejected updates an item's counts of rejected frames. It says whether they differ.
func (e *Engine) countRejected(it *itemState, now time.Time) (changed bool) {
	for _, k := range it.keys {
		d := e.host.byKind[k.Kind]
		if d == nil {
			continue
		}
		driver, counts := d.Driver.(Rejecter)
		if !counts {
			continue
		}
		for _, r := range driver.Rejected(e.items.objects[k].want) {
			if it.renewRejected(k, r, now) {
				changed = true
			}
		}
	}
	if changed {
		e.metrics.showRejected(it)
	}
	return changed
}

// rejectedBy identifies a count: two objects of a port may reject for the same reason.
type rejectedBy struct {
	object object.Key
	reason object.RejectReason
}

// rejectedCount is a count, the driver's count that is part of it, and when it grew last.
type rejectedCount struct {
	frames  uint64
	counted uint64
	last    time.Time
}

// renewRejected adds what a driver has counted since the last time. A count that is lower than before is that of a driver that has begun to
// count anew.
func (it *itemState) renewRejected(k object.Key, r object.Rejected, now time.Time) (changed bool) {
	by := rejectedBy{k, r.Reason}
	c := it.rejected[by]
	more := r.Frames
	if more >= c.counted {
		more -= c.counted
	}
	c.counted = r.Frames
	if more > 0 {
		c.frames, c.last = c.frames+more, now
	}
	if it.rejected == nil {
		it.rejected = map[rejectedBy]rejectedCount{}
	}
	it.rejected[by] = c
	return more > 0
}

// rejectedFrames is the list for the report: by reason, all objects of the item together.
func (it *itemState) rejectedFrames() []etcdschema.RejectedFrames {
	sum := map[object.RejectReason]rejectedCount{}
	for by, c := range it.rejected {
		s := sum[by.reason]
		s.frames += c.frames
		if c.last.After(s.last) {
			s.last = c.last
		}
		sum[by.reason] = s
	}
	var list []etcdschema.RejectedFrames
	for _, reason := range object.RejectReasons() {
		if s := sum[reason]; s.frames > 0 {
			list = append(list, etcdschema.RejectedFrames{Reason: reason.String(), Frames: s.frames, Last: s.last.UTC()})
		}
	}
	return slices.Clip(list)
}
