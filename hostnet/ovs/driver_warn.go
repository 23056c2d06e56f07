package ovs

import (
	"context"

	"weft/hostnet/object"
)

// readSources reads the counters of a bridge.
func (d *Driver) readSources(ctx context.Context, bridge string) error {
	flows, ports, err := d.flows.counters(ctx, bridge)
	if err != nil {
		return err
	}
	d.sources.look(bridge, parseCounters(flows, ports))
	return nil
}

// Warnings implements the engine's Warner. It says of a guest's flows that nothing of what the guest sends passes them, or that
// nothing passes from one more link-local address.
func (d *Driver) Warnings(desired object.Object) []object.Warning {
	set, ok := desired.(*object.FlowSet)
	if !ok || set.Guest == (object.MAC{}) {
		return nil
	}
	for _, f := range set.Flows {
		if f.Table != 0 || f.Match.InPort == 0 {
			continue
		}
		if d.sources.unheard(set.Bridge, f.Match.InPort) {
			return []object.Warning{object.ForeignSource(set.Guest, object.MAC{})}
		}
	}
	return d.learned.warnings(set)
}

// readLearned counts the learned addresses of a bridge.
func (d *Driver) readLearned(ctx context.Context, bridge string) error {
	text, err := d.flows.table(ctx, bridge, object.LearnedTable)
	if err != nil {
		return err
	}
	d.learned.look(bridge, parseLearned(text))
	return nil
}
