package ovs

import (
	"context"

	"weft/hostnet/object"
)

// Apply implements the engine's driver. It first makes the database's changes in one transaction, then makes and changes meters, then the
// flows in one bundle per bridge, and then removes meters.
func (d *Driver) Apply(ctx context.Context, changes []object.Change) []error {
	errs := make([]error, len(changes))
	var rows []dbChange
	flows := map[string][]flowChange{}
	made, removed := map[string][]meterChange{}, map[string][]meterChange{}
	for i, c := range changes {
		switch c.Key().Kind {
		case object.KindFlowSet:
			f, err := newFlowChange(i, c)
			if err != nil {
				errs[i] = err
				continue
			}
			flows[f.bridge] = append(flows[f.bridge], f)
		case object.KindMeter:
			m, into := newMeterChange(i, c), made
			if m.removed {
				into = removed
			}
			into[m.meter.Bridge] = append(into[m.meter.Bridge], m)
		default:
			rows = append(rows, dbChange{i, c})
		}
	}
	if len(rows) > 0 {
		d.applyDatabase(ctx, rows, errs)
	}
	for bridge, m := range made {
		d.applyMeters(ctx, bridge, m, errs)
	}
	for bridge, f := range flows {
		d.applyFlows(ctx, bridge, f, errs)
	}
	for bridge, m := range removed {
		d.applyMeters(ctx, bridge, m, errs)
	}
	return errs
}
