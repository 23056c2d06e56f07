package ovs

import (
	"context"
	"fmt"

	"weft/hostnet/object"
	"weft/hostnet/ovs/openflow"
)

// meterChange is one change of a meter.
type meterChange struct {
	at      int // index of its error
	meter   object.Meter
	removed bool
}

func newMeterChange(at int, c object.Change) meterChange {
	if c.Op == object.Delete {
		return meterChange{at, *c.Observed.(*object.Meter), true}
	}
	return meterChange{at, *c.Desired.(*object.Meter), false}
}

// meterMod is one modification of a bridge's meters.
type meterMod struct {
	command openflow.MeterCommand
	meter   object.Meter
}

// applyMeters makes the changes of one bridge and fills errs. Meters are not part of flow bundles. A meter that exists is changed in
// place, so its flows stay. Nothing counts as done before it was read back.
func (d *Driver) applyMeters(ctx context.Context, bridge string, changes []meterChange, errs []error) {
	v := d.flowCacheOf(bridge)
	fail := func(c meterChange, err error) {
		errs[c.at] = fmt.Errorf("meter %s: %w", meterKey(bridge, c.meter.ID).Name, err)
	}
	if v == nil {
		for _, c := range changes {
			fail(c, fmt.Errorf("bridge %s is not there or not ours", bridge))
		}
		return
	}
	mods := make([]meterMod, 0, len(changes))
	var sent []meterChange
	for _, c := range changes {
		if err := meterFault(c.meter); err != nil && !c.removed {
			fail(c, err)
			continue
		}
		mods, sent = append(mods, meterMod{v.meterCommand(c), c.meter}), append(sent, c)
	}
	if len(sent) == 0 {
		return
	}
	refusals, err := d.flows.modifyMeters(ctx, bridge, mods)
	if err == nil {
		_, err = d.readMeters(ctx, bridge, v)
	}
	for i, c := range sent {
		switch {
		case err != nil:
			fail(c, err)
		case refusals[i] != nil && !c.removed:
			fail(c, refusals[i])
		default:
			if why := v.meterWrong(c); why != nil {
				fail(c, why)
			}
		}
	}
}

// meterFault refuses what is not for Weft to make.
func meterFault(m object.Meter) error {
	if m.ID == 0 || m.ID > object.LastMeter {
		return fmt.Errorf("the id is not one of ours: expected 1 to %d", object.LastMeter)
	}
	if m.Rate == 0 || m.Burst == 0 {
		return fmt.Errorf("rate %d, burst %d: such a meter would let nothing pass", m.Rate, m.Burst)
	}
	return nil
}

// meterCommand is what leads to the desired meter.
func (v *flowCache) meterCommand(c meterChange) openflow.MeterCommand {
	_, there := v.meter(c.meter.ID)
	switch {
	case c.removed:
		return openflow.MeterDelete
	case there:
		return openflow.MeterModify
	}
	return openflow.MeterAdd
}

// meterWrong compares the meter that was read back with the desired one.
func (v *flowCache) meterWrong(c meterChange) error {
	have, there := v.meter(c.meter.ID)
	switch {
	case c.removed && there:
		return fmt.Errorf("it was removed and is still in the switch")
	case c.removed:
		return nil
	case !there:
		return fmt.Errorf("it was made and is not in the switch")
	}
	if d := c.meter.Diff(&have); len(d) > 0 {
		return fmt.Errorf("it is not in the switch as sent: %v", d)
	}
	return nil
}

// verifyMetered asks the switch whether it counts a flow for each meter that the changed flow sets name. It fills errs. A meter that no
// flow uses limits nothing.
func (d *Driver) verifyMetered(ctx context.Context, bridge string, changes []flowChange, errs []error) {
	var metered []flowChange
	for _, c := range changes {
		if errs[c.at] == nil && c.addsMetered() {
			metered = append(metered, c)
		}
	}
	if len(metered) == 0 {
		return
	}
	stats, err := d.flows.meterStats(ctx, bridge)
	used := map[uint32]bool{}
	for _, s := range stats {
		used[s.ID] = s.Flows > 0
	}
	for _, c := range metered {
		if err != nil {
			errs[c.at] = fmt.Errorf("flow set %s: verifying its meters: %w", object.FlowSetName(bridge, c.cookie), err)
			continue
		}
		for _, f := range c.desired {
			if id := f.MeterOf(); id != 0 && !used[id] {
				errs[c.at] = fmt.Errorf("flow set %s: the switch says that no flow uses meter %d, which %s names", object.FlowSetName(bridge, c.cookie), id, f)
			}
		}
	}
}

// addsMetered says that the change adds a flow that names a meter.
func (c flowChange) addsMetered() bool {
	for _, m := range c.adds {
		if m.flow.MeterOf() != 0 {
			return true
		}
	}
	return false
}
