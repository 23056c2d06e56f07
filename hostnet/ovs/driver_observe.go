package ovs

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"weft/hostnet/object"
	"weft/hostnet/ovs/openflow"
)

// Observe implements the engine's driver.
func (d *Driver) Observe(ctx context.Context, keys []object.Key) ([]object.Object, error) {
	db, err := d.connected(ctx)
	if err != nil {
		return nil, fmt.Errorf("open vswitch: %w", err)
	}
	out, lost := d.look(db.read(), keys)
	if !lost {
		return out, nil
	}
	if err := db.Fence(ctx); err != nil {
		return nil, fmt.Errorf("open vswitch: %w", err)
	}
	out, _ = d.look(db.read(), keys)
	return out, nil
}

// look returns the objects of the keys as far as they are known. lost says that the switch does not have a port's device open as
// it should. If somebody has just removed a port, the device's change may arrive before the database's.
func (d *Driver) look(r *rows, keys []object.Key) (out []object.Object, lost bool) {
	for _, k := range keys {
		if k.Kind == object.KindFlowSet {
			if o := d.flowSet(r, k); o != nil {
				out = append(out, o)
			}
			continue
		}
		if k.Kind == object.KindMeter {
			if o := d.meterObject(r, k); o != nil {
				out = append(out, o)
			}
			continue
		}
		switch o := d.observed(r, k).(type) {
		case nil:
		case *object.Uplink:
			out, lost = append(out, o), lost || o.Attachment != ""
		case *object.OVSPort:
			out, lost = append(out, o), lost || o.Attachment != ""
		default:
			out = append(out, o)
		}
	}
	return out, lost
}

// observed is the object that the key names, or nil. It includes what the database does not contain.
func (d *Driver) observed(r *rows, k object.Key) object.Object {
	o := r.object(k)
	switch o := o.(type) {
	case *object.Bridge:
		if v := d.flowCacheOf(o.Name); v != nil {
			v.mu.Lock()
			defer v.mu.Unlock()
			o.Fragments = v.fragments
			o.LocalConfig = v.ports.config(openflow.PortLocal)
		}
	case *object.Uplink:
		if p, ok := r.port(k.Name); ok {
			o.Attachment, o.Config = d.attachment(p), d.portConfig(p)
		}
	case *object.OVSPort:
		if p, ok := r.port(k.Name); ok {
			o.Attachment, o.Config = d.attachment(p), d.portConfig(p)
		}
	case *object.Session:
		for _, device := range []string{o.Device, o.PeerDevice} {
			if p, ok := r.port(device); ok && d.portConfig(p) != "" {
				o.Deviations = append(o.Deviations, device+" is "+d.portConfig(p))
			}
		}
	}
	return o
}

// flowSet returns the flow set of a key (object.FlowSetName), or nil.
func (d *Driver) flowSet(r *rows, k object.Key) *object.FlowSet {
	bridge, text, _ := strings.Cut(k.Name, "/")
	cookie, err := strconv.ParseUint(text, 0, 64)
	v := d.flowCacheOf(bridge)
	if b := r.bridges[bridge]; err != nil || v == nil || b == nil || b.UUID != v.bridgeUUID {
		return nil
	}
	flows, ok := v.flows(cookie)
	if !ok {
		return nil
	}
	return &object.FlowSet{Bridge: bridge, Cookie: cookie, Flows: flows}
}

// Share implements the engine's Sharer. A restarted weftd reads the flows that it desires from the switch.
func (d *Driver) Share(desired []object.Object) {
	for _, o := range desired {
		if set, ok := o.(*object.FlowSet); ok {
			if v := d.flowCacheOf(set.Bridge); v != nil {
				v.shares(set.Cookie, set.Flows)
			}
		}
	}
}

// Ours implements the engine's driver. It includes foreign cookies in our tables, and meters.
func (d *Driver) Ours(ctx context.Context) ([]object.Key, error) {
	db, err := d.connected(ctx)
	if err != nil {
		return nil, fmt.Errorf("open vswitch: %w", err)
	}
	keys := db.read().keys()
	for name, v := range d.flowCaches() {
		for _, c := range v.cookies() {
			keys = append(keys, object.Key{Kind: object.KindFlowSet, Name: object.FlowSetName(name, c)})
		}
		keys = append(keys, v.meterKeys(name)...)
	}
	return keys, nil
}

// OursAmong implements the engine's OwnerOf. It lists those of the keys that are ours and looks at nothing else.
func (d *Driver) OursAmong(ctx context.Context, keys []object.Key) ([]object.Key, error) {
	db, err := d.connected(ctx)
	if err != nil {
		return nil, fmt.Errorf("open vswitch: %w", err)
	}
	r := db.read()
	var out []object.Key
	for _, k := range keys {
		ours := false
		switch k.Kind {
		case object.KindFlowSet:
			ours = d.flowSet(r, k) != nil
		case object.KindMeter:
			ours = d.meterObject(r, k) != nil
		default:
			ours = r.owns(k)
		}
		if ours {
			out = append(out, k)
		}
	}
	return out, nil
}

// Facts implements the engine's driver. Without a connection it adds no interfaces.
func (d *Driver) Facts(into *object.Facts) {
	into.DatapathType = d.cfg.DatapathType
	if into.Interfaces == nil {
		into.Interfaces = map[string]object.InterfaceFacts{}
	}
	if into.ForeignBridges == nil {
		into.ForeignBridges = map[string]string{}
	}
	if db := d.database(); db != nil {
		d.sessions.look(db.read(), time.Now())
		db.read().facts(into, d.sessions)
	}
}

// DeviceFacts implements the engine's interface of that name.
func (d *Driver) DeviceFacts(devices []string, into *object.Facts) {
	into.DatapathType = d.cfg.DatapathType
	if db := d.database(); db != nil {
		db.read().deviceFacts(devices, into, d.sessions)
	}
}
