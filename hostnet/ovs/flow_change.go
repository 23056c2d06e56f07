package ovs

import (
	"errors"
	"fmt"
	"slices"

	"weft/hostnet/object"
)

// flowChange is one change of a flow set, prepared for a bundle.
type flowChange struct {
	at      int // index of its error
	bridge  string
	cookie  uint64
	desired []object.Flow
	adds    []flowMod
	deletes []flowMod
}

// newFlowChange computes the modifications that lead from observed to desired. It does not read a cache.
func newFlowChange(at int, c object.Change) (flowChange, error) {
	var observed, desired []object.Flow
	var set *object.FlowSet
	if c.Observed != nil {
		set = c.Observed.(*object.FlowSet)
		observed = set.Flows
	}
	if c.Desired != nil {
		set = c.Desired.(*object.FlowSet)
		desired = set.Flows
	}
	f := flowChange{at: at, bridge: set.Bridge, cookie: set.Cookie, desired: desired}
	if c.Op != object.Delete && set.Cookie&object.CookieMask != object.CookieOwner {
		return f, fmt.Errorf("flow set %s of %s: the cookie is not one of ours", c.Key().Name, set.OwnerUID)
	}
	missing, extra := object.FlowDelta(observed, desired)
	var errs []error
	add := func(to *[]flowMod, op modOp, flow object.Flow) {
		m, err := newFlowMod(op, set.Cookie, flow)
		if err != nil {
			errs = append(errs, err)
		}
		*to = append(*to, m)
	}
	for _, flow := range missing {
		if flow.Table > object.LastTable {
			errs = append(errs, fmt.Errorf("flow %s: tables above %d are not ours", flow, object.LastTable))
		}
		add(&f.adds, modAdd, flow)
	}
	for _, flow := range extra {
		add(&f.deletes, modDelete, flow)
	}
	if c.Op == object.Delete && set.Cookie&object.CookieMask == object.CookieOwner {
		add(&f.deletes, modDeleteCookie, object.Flow{Table: object.LearnedTable})
		for _, table := range learnedBy(observed) {
			add(&f.deletes, modDeleteCookie, object.Flow{Table: table})
		}
	}
	return f, errors.Join(errs...)
}

// right compares what the switch holds with what it should hold.
func (c flowChange) right(flows []object.Flow) error {
	missing, extra := object.FlowDelta(flows, c.desired)
	switch {
	case len(missing) > 0:
		return fmt.Errorf("%d of %d flows are not in the switch as sent, the first: %s", len(missing), len(c.desired), missing[0])
	case len(extra) > 0:
		return fmt.Errorf("%d flows that were deleted are still in the switch, the first: %s", len(extra), extra[0])
	}
	return nil
}

// learnedBy are the tables into which flows of the set learn flows, besides object.LearnedTable.
func learnedBy(flows []object.Flow) (tables []uint8) {
	for _, f := range flows {
		for _, a := range f.Actions {
			var table uint8
			switch a := a.(type) {
			case object.LearnRejected:
				table = a.Table
			case object.LearnMAC:
				table = a.Table
			default:
				continue
			}
			if !slices.Contains(tables, table) {
				tables = append(tables, table)
			}
		}
	}
	return tables
}
