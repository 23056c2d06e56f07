package ovs

import (
	"context"

	"weft/hostnet/object"
	"weft/hostnet/ovs/openflow"
)

// keepPorts follows the configuration of one bridge's ports until ctx ends.
func (d *Driver) keepPorts(ctx context.Context, bridge string, v *flowCache) {
	log := d.cfg.Log.With("bridge", bridge)
	var wait retryWait
	failures, established := 0, false
	for ctx.Err() == nil {
		err := d.flows.monitorPorts(ctx, bridge, func(all []openflow.Port) {
			established = true
			wait.begin()
			for _, p := range v.ports.replace(all) {
				d.portConfigChanged(bridge, p)
			}
			v.ports.setLive(true)
		}, func(reason openflow.PortReason, p openflow.Port) {
			if v.ports.set(reason, p) {
				d.portConfigChanged(bridge, p)
			}
		})
		v.ports.setLive(false)
		if ctx.Err() == nil {
			if failures++; alarming(established, failures) {
				wait.complain(func() { log.Warn("open vswitch: cannot follow the ports' configuration, trying again", "error", err) })
			}
			wait.pause(ctx)
		}
	}
}

// portConfigChanged reports the object that the port belongs to.
func (d *Driver) portConfigChanged(bridge string, p openflow.Port) {
	if p.Number == openflow.PortLocal {
		d.events.put(false, []object.Key{{Kind: object.KindBridge, Name: bridge}})
		return
	}
	db := d.database()
	if db == nil {
		return
	}
	if record, ok := db.read().port(p.Name); ok {
		if k, ours := record.key(); ours {
			d.events.put(false, []object.Key{k})
		}
	}
}
