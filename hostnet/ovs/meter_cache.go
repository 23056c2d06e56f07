package ovs

import (
	"context"
	"maps"

	"weft/hostnet/object"
)

// meterCache is what is known of one bridge's meters. The switch reports no changes of meters. They are read with every Sync, after
// every change of ours, and when somebody else has removed a flow that named a meter, because removing a meter removes its flows. So a
// meter that was removed is found at once, and one that was changed with the next Sync.
type meterCache struct {
	known map[uint32]object.Meter
}

// meter is one meter of the bridge.
func (v *flowCache) meter(id uint32) (object.Meter, bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	m, there := v.meters.known[id]
	return m, there
}

// meterKeys are the keys of all meters of ours.
func (v *flowCache) meterKeys(bridge string) (keys []object.Key) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for id := range v.meters.known {
		keys = append(keys, meterKey(bridge, id))
	}
	return keys
}

func meterKey(bridge string, id uint32) object.Key {
	return object.Key{Kind: object.KindMeter, Name: object.MeterName(bridge, id)}
}

// setMeters takes over what was read, and returns the ids of the meters that are others now.
func (v *flowCache) setMeters(read map[uint32]object.Meter) (changed []uint32) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for id, was := range v.meters.known {
		if is, there := read[id]; !there || is != was {
			changed = append(changed, id)
		}
	}
	for id := range maps.Keys(read) {
		if _, was := v.meters.known[id]; !was {
			changed = append(changed, id)
		}
	}
	v.meters.known = read
	return changed
}

// readMeters reads the configuration of all meters of ours. It returns those that have changed.
func (d *Driver) readMeters(ctx context.Context, bridge string, v *flowCache) (changed []uint32, err error) {
	v.metering.Lock() // an older answer must not come after a newer one
	defer v.metering.Unlock()
	all, err := d.flows.meters(ctx, bridge)
	if err != nil {
		return nil, err
	}
	read := make(map[uint32]object.Meter, len(all))
	for _, m := range all {
		if m.ID <= object.LastMeter {
			m.Bridge = bridge
			read[m.ID] = m
		}
	}
	return v.setMeters(read), nil
}

// metersGone reads the meters after flows that named some were removed. It reports those that have changed. A flow set can only be
// repaired after its meter.
func (d *Driver) metersGone(ctx context.Context, bridge string, v *flowCache) {
	changed, err := d.readMeters(ctx, bridge, v)
	if err != nil { // with the Resync everything is read
		d.events.put(true, nil)
		return
	}
	keys := make([]object.Key, len(changed))
	for i, id := range changed {
		keys[i] = meterKey(bridge, id)
	}
	d.events.put(false, keys)
}

// meterObject returns the meter of a key (object.MeterName), or nil.
func (d *Driver) meterObject(r *rows, k object.Key) object.Object {
	bridge, id, ok := object.ParseMeterName(k.Name)
	v := d.flowCacheOf(bridge)
	if b := r.bridges[bridge]; !ok || v == nil || b == nil || b.UUID != v.bridgeUUID {
		return nil
	}
	m, there := v.meter(id)
	if !there {
		return nil
	}
	return &m
}
