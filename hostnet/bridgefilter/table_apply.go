package bridgefilter

import (
	"context"
	"fmt"

	"weft/hostnet/object"
)

// Apply loads the rules if they are wrong, then the groups that are to be made or changed, each in one transaction. Ports, networks and members are
// one more transaction. Groups that go are last. If the kernel refuses a transaction, each of its changes is applied alone.
func (d *Driver) Apply(ctx context.Context, changes []object.Change) []error {
	d.mu.Lock()
	defer d.mu.Unlock()
	errs := make([]error, len(changes))
	var made, gone, rest []int
	for i, c := range changes {
		switch kind := c.Key().Kind; {
		case ctx.Err() != nil:
			errs[i] = fmt.Errorf("%s: %w", c.Key(), ctx.Err())
		case kind == object.KindBridgeFilter:
			errs[i] = d.applyTable(ctx, c)
		case kind == object.KindFilterGroup && c.Op == object.Delete:
			gone = append(gone, i)
		case kind == object.KindFilterGroup:
			made = append(made, i)
		default:
			rest = append(rest, i)
		}
	}
	d.together(ctx, changes, made, errs, d.loadGroups)
	d.together(ctx, changes, rest, errs, d.commit)
	d.together(ctx, changes, gone, errs, d.removeGroups)
	if len(gone)+len(made) > 0 {
		d.dropUnusedSets()
	}
	return errs
}

// together applies changes as one. If that fails, each is tried alone from the present state, so that only the wrong one fails.
func (d *Driver) together(ctx context.Context, changes []object.Change, which []int, errs []error, apply func(context.Context, []object.Change) error) {
	if len(which) == 0 {
		return
	}
	list := make([]object.Change, len(which))
	for n, i := range which {
		list[n] = changes[i]
	}
	if !d.cache.exists {
		for _, i := range which {
			if changes[i].Op != object.Delete {
				errs[i] = fmt.Errorf("%s: table bridge weft_filter is not there", changes[i].Key())
			}
		}
		return
	}
	if apply(ctx, list) == nil {
		return
	}
	// Somebody changed the table at the same moment, or the kernel refuses one of the changes.
	if _, err := d.refresh(ctx); err != nil {
		for _, i := range which {
			errs[i] = fmt.Errorf("%s: read back: %w", changes[i].Key(), err)
		}
		return
	}
	for n, i := range which {
		if err := apply(ctx, list[n:n+1]); err != nil {
			errs[i] = fmt.Errorf("%s: %w", changes[i].Key(), err)
		}
	}
}
