package portsecurity

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/nftables"
	"golang.org/x/sys/unix"

	own "weft/hostnet/nftables"
	"weft/hostnet/object"
)

// Apply loads the rules if they are wrong, then changes all elements in one transaction. If the kernel refuses that, each change
// is applied alone, so that only the wrong one fails.
func (d *Driver) Apply(ctx context.Context, changes []object.Change) []error {
	d.mu.Lock()
	defer d.mu.Unlock()
	errs := make([]error, len(changes))
	var elements []int
	for i, c := range changes {
		if err := ctx.Err(); err != nil {
			errs[i] = fmt.Errorf("%s: %w", c.Key(), err)
		} else if c.Key().Kind == object.KindPortSecurityElements {
			elements = append(elements, i)
		} else if c.Key().Kind == object.KindPortSecurityUplink {
			errs[i] = d.applyUplink(ctx, c)
		} else {
			errs[i] = d.applyTable(ctx, c)
		}
	}
	d.applyElements(ctx, changes, elements, errs)
	return errs
}

func (d *Driver) applyTable(ctx context.Context, c object.Change) error {
	if c.Op == object.Delete {
		d.conn.DelTable(d.table)
		if err := d.conn.Flush(); err != nil && !errors.Is(err, unix.ENOENT) {
			return fmt.Errorf("portsecurity: delete table bridge weft: %w", err)
		}
	} else if err := d.load(ctx); err != nil {
		return err
	}
	d.handles = nil
	if _, err := d.refresh(ctx); err != nil {
		return fmt.Errorf("portsecurity: read back: %w", err)
	}
	if c.Op != object.Delete && d.cache.rules != "" {
		return fmt.Errorf("portsecurity: the rules were loaded and are not right: %s", d.cache.rules)
	}
	return nil
}

// delta is what one change does to the sets.
type delta struct {
	name     string
	add, del []object.PortSecurityElement
}

func (d *Driver) deltaOf(c object.Change) delta {
	var want []object.PortSecurityElement
	if m, ok := c.Desired.(*object.PortSecurityElements); ok {
		want = m.Elements
	}
	x := delta{name: c.Key().Name}
	x.add, x.del = object.PortSecurityDelta(d.cache.list(x.name), want)
	return x
}

func (d *Driver) applyElements(ctx context.Context, changes []object.Change, which []int, errs []error) {
	if len(which) == 0 {
		return
	}
	if !d.cache.exists {
		for _, i := range which {
			if changes[i].Op != object.Delete {
				errs[i] = fmt.Errorf("%s: table bridge weft is not there", changes[i].Key())
			}
		}
		return
	}
	deltas := make([]delta, 0, len(which))
	for _, i := range which {
		deltas = append(deltas, d.deltaOf(changes[i]))
	}
	if d.commit(deltas) != nil {
		// Somebody changed an element at the same moment, or the kernel refuses one of them. Apply each change alone, from the
		// present state.
		if _, err := d.refresh(ctx); err != nil {
			for _, i := range which {
				errs[i] = fmt.Errorf("%s: read back: %w", changes[i].Key(), err)
			}
			return
		}
		for n, i := range which {
			deltas[n] = d.deltaOf(changes[i])
			if err := d.commit(deltas[n : n+1]); err != nil {
				errs[i] = fmt.Errorf("%s: %w", changes[i].Key(), err)
			}
		}
	}
	d.forget(deltas)
}

// commit sends the deltas as one transaction, removals first, and updates the cache.
func (d *Driver) commit(deltas []delta) error {
	gone, come := map[object.PortSecuritySet][]nftables.SetElement{}, map[object.PortSecuritySet][]nftables.SetElement{}
	for _, x := range deltas {
		if err := collect(gone, x.name, x.del); err != nil {
			return err
		}
		if err := collect(come, x.name, x.add); err != nil {
			return err
		}
	}
	old, limits, late, err := limitsOf(deltas)
	if err != nil {
		return err
	}
	set := d.handle(string(object.PortSecurityBroadcast))
	if err := d.conn.ChangeLimits(set, old, limits); err != nil {
		return err
	}
	if err := errors.Join(d.queue(gone, d.conn.SetDeleteElements), d.queue(come, d.conn.SetAddElements)); err != nil {
		return err
	}
	if err := d.conn.Flush(); err != nil {
		return fmt.Errorf("change elements of table bridge weft: %w", err)
	}
	if err := d.conn.ChangeLimits(set, late, nil); err != nil {
		return err
	}
	for _, x := range deltas {
		for _, m := range x.del {
			d.cache.set(x.name, m, false)
		}
		for _, m := range x.add {
			d.cache.set(x.name, m, true)
		}
	}
	return nil
}

func collect(into map[object.PortSecuritySet][]nftables.SetElement, name string, elements []object.PortSecurityElement) error {
	for _, m := range elements {
		if m.Set == object.PortSecurityBroadcast {
			continue // limitsOf
		}
		e, err := encode(name, m)
		if err != nil {
			return err
		}
		into[m.Set] = append(into[m.Set], e)
	}
	return nil
}

func (d *Driver) queue(sets map[object.PortSecuritySet][]nftables.SetElement, send func(*nftables.Set, []nftables.SetElement) error) error {
	for _, name := range object.PortSecuritySets() {
		if err := own.Queue(d.handle(string(name)), sets[name], send); err != nil {
			return err
		}
	}
	return nil
}
