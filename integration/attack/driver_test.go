//go:build integration

package attack

import (
	"context"
	"errors"
	"slices"
	"testing"

	"weft/hostnet/object"
)

// driver is the part of the engine's driver that a stage needs.
type driver interface {
	Kinds() []object.Kind
	Sync(ctx context.Context) error
	Observe(ctx context.Context, keys []object.Key) ([]object.Object, error)
	Ours(ctx context.Context) ([]object.Key, error)
	Apply(ctx context.Context, changes []object.Change) []error
}

// drivers are a host's drivers. They are called one after another, in the host's namespace.
type drivers struct {
	namespace string
	parts     []driver
}

// add adds a driver. It is closed at the end.
func (d *drivers) add(t *testing.T, part interface {
	driver
	Close() error
}) {
	d.parts = append(d.parts, part)
	t.Cleanup(func() {
		if err := part.Close(); err != nil {
			t.Error(err)
		}
	})
}

func (d *drivers) each(f func(driver) error) error {
	return inNamespace(d.namespace, func() (err error) {
		for _, part := range d.parts {
			err = errors.Join(err, f(part))
		}
		return err
	})
}

func (d *drivers) Kinds() (kinds []object.Kind) {
	for _, part := range d.parts {
		kinds = append(kinds, part.Kinds()...)
	}
	return kinds
}

func (d *drivers) Sync(ctx context.Context) error {
	return d.each(func(part driver) error { return part.Sync(ctx) })
}

func (d *drivers) Observe(ctx context.Context, keys []object.Key) (found []object.Object, err error) {
	err = d.each(func(part driver) error {
		own := slices.DeleteFunc(slices.Clone(keys), func(k object.Key) bool { return !slices.Contains(part.Kinds(), k.Kind) })
		some, err := part.Observe(ctx, own)
		found = append(found, some...)
		return err
	})
	return found, err
}

func (d *drivers) Ours(ctx context.Context) (keys []object.Key, err error) {
	err = d.each(func(part driver) error {
		some, err := part.Ours(ctx)
		keys = append(keys, some...)
		return err
	})
	return keys, err
}

// Apply gives each driver its changes. The errors are not in the changes' order.
func (d *drivers) Apply(ctx context.Context, changes []object.Change) (errs []error) {
	err := d.each(func(part driver) error {
		own := slices.DeleteFunc(slices.Clone(changes), func(c object.Change) bool { return !slices.Contains(part.Kinds(), c.Key().Kind) })
		if len(own) > 0 {
			errs = append(errs, part.Apply(ctx, own)...)
		}
		return nil
	})
	return append(errs, err)
}
