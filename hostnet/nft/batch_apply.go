package nft

import (
	"context"
	"errors"
	"fmt"
	"net/netip"

	"weft/hostnet/object"
)

// Apply makes the changes of each namespace in this order: its table, then all mappings in one transaction, then what is deleted
// of the table. It cuts connections through mappings that ended. When it returns, the cache is what the kernel holds.
func (d *Driver) Apply(ctx context.Context, changes []object.Change) []error {
	errs := make([]error, len(changes))
	var order []string
	byName := map[string][]int{}
	for i, c := range changes {
		namespace, _, err := splitKey(c.Key())
		if err != nil {
			errs[i] = err
			continue
		}
		if byName[namespace] == nil {
			order = append(order, namespace)
		}
		byName[namespace] = append(byName[namespace], i)
	}
	for _, name := range order {
		d.applyIn(ctx, name, changes, byName[name], errs)
	}
	return errs
}

// applyIn applies the changes of one namespace.
func (d *Driver) applyIn(ctx context.Context, name string, changes []object.Change, which []int, errs []error) {
	s, err := d.reopen(name)
	if err == nil {
		err = s.ensure(ctx)
	}
	if err != nil {
		for _, i := range which {
			// The namespace is gone, and everything in it is gone too.
			if errs[i] = fmt.Errorf("%s: %w", changes[i].Key(), err); isGone(err) && changes[i].Op == object.Delete {
				errs[i] = nil
			}
		}
		return
	}
	var mappings, last []int
	for _, i := range which {
		switch c := changes[i]; {
		case c.Key().Kind == object.KindNATMapping:
			mappings = append(mappings, i)
		case c.Op == object.Delete:
			last = append(last, i)
		default:
			errs[i] = errors.Join(s.applyTable(ctx, c, d.versions), s.settle(ctx))
		}
	}
	d.applyMappings(ctx, s, changes, mappings, errs)
	for _, i := range last {
		errs[i] = s.applyTable(ctx, changes[i], d.versions)
	}
	if err := s.settle(ctx); err != nil {
		for _, i := range which {
			errs[i] = errors.Join(errs[i], fmt.Errorf("%s: read back: %w", changes[i].Key(), err))
		}
	}
}

func (d *Driver) applyMappings(ctx context.Context, s *space, changes []object.Change, which []int, errs []error) {
	targets, place := map[netip.Addr]target{}, map[netip.Addr]int{}
	for _, i := range which {
		floating, t, err := targetOf(changes[i])
		if err != nil {
			errs[i] = err
			continue
		}
		targets[floating], place[floating] = t, i
	}
	if len(targets) == 0 {
		return
	}
	if err := s.applyMappings(ctx, targets); err != nil {
		// Somebody else changed an element at the same moment, or one of the targets is impossible.
		for floating, err := range s.applyAlone(ctx, targets) {
			errs[place[floating]] = fmt.Errorf("%s: %w", changes[place[floating]].Key(), err)
		}
	}
	if err := s.cutPending(d.config.Namespaces); err != nil {
		for _, i := range which {
			errs[i] = errors.Join(errs[i], fmt.Errorf("%s: %w", changes[i].Key(), err))
		}
	}
}
