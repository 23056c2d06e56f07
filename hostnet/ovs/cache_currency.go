package ovs

import (
	"context"
	"slices"
	"strings"
)

// Stale says why the cache may be behind the switch: a connection is lost, a flow monitor does not work, or the flows were not
// read since it works. It is empty if the cache is current. Any goroutine may call it while Watch runs.
func (d *Driver) Stale() string {
	d.mu.Lock()
	db := d.db
	d.mu.Unlock()
	if db == nil || db.Lost() {
		return "no connection to ovsdb-server"
	}
	var why []string
	for bridge, v := range d.flowCaches() {
		if reason := v.stale(); reason != "" {
			why = append(why, "bridge "+bridge+": "+reason)
		} else if !v.ports.isLive() {
			why = append(why, "bridge "+bridge+": nobody tells of the ports' configuration")
		}
	}
	slices.Sort(why)
	return strings.Join(why, "; ")
}

// Fence implements the engine's interface of that name for the database. The flows are as up to date as their monitors. Without a
// connection it does nothing, because Stale says so.
func (d *Driver) Fence(ctx context.Context) error {
	db := d.database()
	if db == nil || db.Lost() {
		return nil
	}
	return db.Fence(ctx)
}

// stale says why the flows of one bridge may differ from the cache.
func (v *flowCache) stale() string {
	v.mu.Lock()
	defer v.mu.Unlock()
	switch {
	case !v.live:
		return "the flow monitor is not in place"
	case !v.based:
		return "the flows are being read"
	}
	return ""
}
