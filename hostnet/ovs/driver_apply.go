package ovs

import (
	"context"

	"weft/hostnet/object"
)

// Apply implements the engine's driver. It first makes the database's changes in one transaction, then the flows' changes in one
// bundle per bridge.
func (d *Driver) Apply(ctx context.Context, changes []object.Change) []error {
	errs := make([]error, len(changes))
	var rows []dbChange
	flows := map[string][]flowChange{}
	for i, c := range changes {
		if c.Key().Kind != object.KindFlowSet {
			rows = append(rows, dbChange{i, c})
			continue
		}
		f, err := newFlowChange(i, c)
		if err != nil {
			errs[i] = err
			continue
		}
		flows[f.bridge] = append(flows[f.bridge], f)
	}
	if len(rows) > 0 {
		d.applyDatabase(ctx, rows, errs)
	}
	for bridge, f := range flows {
		d.applyFlows(ctx, bridge, f, errs)
	}
	return errs
}
