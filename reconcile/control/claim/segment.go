package claim

import (
	"weft/model"
	"weft/reconcile/control/cache"
)

// FreeSegment is a free VLAN id of the ranges; false when there is none.
func (a *Allocation) FreeSegment(physicalNetwork string, ranges []model.VLANRange) (uint16, bool) {
	used := a.Cache.Segments(physicalNetwork)
	var free []uint16
	for _, r := range ranges {
		free = append(free, used.Free(r.Minimum, r.Maximum, a.Claimer.choice()-len(free))...)
	}
	if len(free) == 0 {
		a.Exhausted(cache.SegmentSpace(physicalNetwork))
		return 0, false
	}
	return free[a.Claimer.Settings.Random()%uint64(len(free))], true
}
