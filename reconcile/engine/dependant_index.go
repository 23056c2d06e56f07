package engine

import (
	"iter"
	"slices"

	"weft/hostnet/object"
)

// dependantIndex finds, for each key, the objects that name it in DependsOn. The key itself need not exist.
type dependantIndex map[object.Key]*dependants

// dependants are the objects that depend on one key. Most keys have few, and a map for each would be the largest part of the engine's
// memory. A bridge has thousands, and a list of these would be slow to remove from.
type dependants struct {
	few  []*objectState
	many map[*objectState]struct{} // nil while there are few
}

// fewDependants is the longest list.
const fewDependants = 16

// link adds an object to the dependants of what it wants. It is not linked yet.
func (x dependantIndex) link(st *objectState) {
	for _, k := range st.want.DependsOn() {
		d := x[k]
		if d == nil {
			d = &dependants{}
			x[k] = d
		}
		d.add(st)
	}
}

// unlink is the opposite of link. What the object wants must not have changed since.
func (x dependantIndex) unlink(st *objectState) {
	for _, k := range st.want.DependsOn() {
		if d := x[k]; d != nil && d.remove(st) {
			delete(x, k)
		}
	}
}

// of are the objects that depend on a key, in no order.
func (x dependantIndex) of(k object.Key) iter.Seq[*objectState] {
	return func(yield func(*objectState) bool) {
		d := x[k]
		if d == nil {
			return
		}
		for _, st := range d.few {
			if !yield(st) {
				return
			}
		}
		for st := range d.many {
			if !yield(st) {
				return
			}
		}
	}
}

func (d *dependants) add(st *objectState) {
	switch {
	case d.many != nil:
		d.many[st] = struct{}{}
	case slices.Contains(d.few, st): // an object may name a key twice
	case len(d.few) < fewDependants:
		d.few = append(d.few, st)
	default:
		d.many = make(map[*objectState]struct{}, 2*fewDependants)
		for _, old := range d.few {
			d.many[old] = struct{}{}
		}
		d.few, d.many[st] = nil, struct{}{}
	}
}

// remove says whether no object is left.
func (d *dependants) remove(st *objectState) (empty bool) {
	if d.many != nil {
		delete(d.many, st)
		return len(d.many) == 0
	}
	if i := slices.Index(d.few, st); i >= 0 {
		d.few = slices.Delete(d.few, i, i+1)
	}
	return len(d.few) == 0
}
