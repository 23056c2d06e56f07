package ovs

import (
	"context"
	"errors"
	"fmt"
)

// readBridge reads what the switch holds of a bridge and the database does not have.
func (d *Driver) readBridge(ctx context.Context, bridge string, v *flowCache) error {
	_, err := d.readMeters(ctx, bridge, v)
	return errors.Join(err, d.refreshFlows(ctx, bridge, v, nil), d.readFragments(ctx, bridge, v))
}

// Sync implements the engine's driver. It reads every flow and meter of our bridges, except of those bridges that Watch has just read and
// reported by Resync. The rows of the database are complete whenever there is a connection.
func (d *Driver) Sync(ctx context.Context) error {
	db, err := d.connected(ctx)
	if err != nil {
		return fmt.Errorf("open vswitch: %w", err)
	}
	d.syncBridges(db)
	if err := d.devices.read(ctx); err != nil {
		return fmt.Errorf("open vswitch: %w", err)
	}
	var errs []error
	for name, v := range d.flowCaches() {
		if !v.ports.isLive() {
			if err := d.readPorts(ctx, name, v, nil); err != nil {
				errs = append(errs, fmt.Errorf("bridge %s: reading ports: %w", name, err))
			}
		}
		if v.takeFresh() { // Watch has just read this bridge, and its Resync asked for this Sync
			continue
		}
		if err := d.readBridge(ctx, name, v); err != nil {
			errs = append(errs, fmt.Errorf("bridge %s: %w", name, err))
			continue
		}
		d.sessions.base(name, len(v.cookies()) > 0, db.read())
		if err := errors.Join(d.readSources(ctx, name), d.readLearned(ctx, name), d.readRejected(ctx, name)); err != nil { // only warnings and reports depend on it
			d.cfg.Log.Warn("open vswitch: cannot read counters", "bridge", name, "error", err)
		}
	}
	return errors.Join(errs...)
}
