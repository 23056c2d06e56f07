// Package engine is the host reconciler's loop: observe, compile, plan, apply, verify, report.
//
// Invariants: one round at a time, in one goroutine; nothing is removed before the first full sync; a failing object is
// retried alone with backoff; what is reported as programmed was read back.
package engine

import (
	"context"

	"weft/hostnet/object"
)

// Driver looks after some kinds of objects on the host. It keeps a view of the host that its Watch keeps current, so
// that observing a few keys costs nothing of the rest. All methods but Watch are called from one goroutine.
type Driver interface {
	// Name is the driver's name in metrics and logs ("ovs").
	Name() string
	// Kinds are the kinds it looks after; no two drivers share one.
	Kinds() []object.Kind
	// Sync reads the whole host afresh into the view. It is called at start, after a Resync event and by the sweep.
	Sync(ctx context.Context) error
	// Observe returns what the view holds for the keys, in no order; a key that is not there is left out.
	Observe(ctx context.Context, keys []object.Key) ([]object.Object, error)
	// Ours lists every object of the view that is provably ours, or stands where only ours may stand (an alien flow in
	// our tables): what is not desired of it is to be removed.
	Ours(ctx context.Context) ([]object.Key, error)
	// Facts adds what the view knows to the facts.
	Facts(into *object.Facts)
	// Apply makes the changes as one batch, does not return before the host has carried them out, brings the view up to
	// date from the host, and returns one error (or nil) for each change.
	Apply(ctx context.Context, changes []object.Change) []error
	// Watch calls notify for each change on the host until ctx ends, which returns nil. It reconnects by itself and
	// sends a Resync event when it may have missed something.
	Watch(ctx context.Context, notify func(object.Event)) error
}
