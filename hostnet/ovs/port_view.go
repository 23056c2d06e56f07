package ovs

import (
	"context"
	"errors"
	"sync"

	"weft/hostnet/object"
	"weft/hostnet/ovs/openflow"
)

// portTable is the administrative configuration of one bridge's ports, by OpenFlow port number.
type portTable struct {
	mu    sync.Mutex
	ports map[uint16]openflow.Port // nil before the first reading
	live  bool                     // every change arrives here
}

// replace replaces all ports. It returns those whose configuration differs from what was known.
func (t *portTable) replace(all []openflow.Port) (changed []openflow.Port) {
	t.mu.Lock()
	defer t.mu.Unlock()
	old := t.ports
	t.ports = make(map[uint16]openflow.Port, len(all))
	for _, p := range all {
		t.ports[p.Number] = p
		if old[p.Number].Config.String() != p.Config.String() {
			changed = append(changed, p)
		}
	}
	return changed
}

// set applies what the switch reports of one port. It says whether the configuration changed.
func (t *portTable) set(reason openflow.PortReason, p openflow.Port) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ports == nil {
		return false // they are all read later
	}
	old := t.ports[p.Number]
	if reason == openflow.PortDeleted {
		delete(t.ports, p.Number)
		return false
	}
	t.ports[p.Number] = p
	return old.Config.String() != p.Config.String()
}

// config names the flags of a port that should not be set. It is empty if there are none, and for an unknown port.
func (t *portTable) config(number uint16) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.ports[number].Config.String()
}

func (t *portTable) setLive(live bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.live = live
}

func (t *portTable) isLive() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.live
}

// portConfig names the flags of a port that should not be set.
func (d *Driver) portConfig(p portView) string {
	v := d.flowViewOf(p.bridge.Name)
	if number := p.number(); v != nil && v.bridgeUUID == p.bridge.UUID && number != 0 {
		return v.ports.config(number)
	}
	return ""
}

// keepPorts follows the configuration of one bridge's ports until ctx ends.
func (d *Driver) keepPorts(ctx context.Context, bridge string, v *flowView) {
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
	if view, ok := db.read().port(p.Name); ok {
		if k, ours := view.key(); ours {
			d.events.put(false, []object.Key{k})
		}
	}
}

// readPorts reads the configuration of a bridge's ports.
func (d *Driver) readPorts(ctx context.Context, bridge string, v *flowView, clear map[uint16]bool) error {
	all, err := d.flows.ports(ctx, bridge, clear)
	if all != nil {
		v.ports.replace(all)
	}
	return err
}

// clearPorts clears the flags that somebody has set on the ports of changed objects.
func (d *Driver) clearPorts(ctx context.Context, r *rows, changes []dbChange) error {
	clear := map[string]map[uint16]bool{}
	note := func(bridge string, number uint16) {
		if v := d.flowViewOf(bridge); v != nil && v.ports.config(number) != "" {
			if clear[bridge] == nil {
				clear[bridge] = map[uint16]bool{}
			}
			clear[bridge][number] = true
		}
	}
	for _, c := range changes {
		names := []string{}
		switch o := c.change.Desired.(type) {
		case *object.Bridge:
			note(o.Name, openflow.PortLocal)
		case *object.Session:
			names = append(names, o.Device, o.Wire)
		case *object.OVSPort, *object.Uplink:
			names = append(names, c.change.Key().Name)
		}
		for _, name := range names {
			if p, ok := r.port(name); ok && p.number() != 0 {
				note(p.bridge.Name, p.number())
			}
		}
	}
	var errs []error
	for bridge, numbers := range clear {
		errs = append(errs, d.readPorts(ctx, bridge, d.flowViewOf(bridge), numbers))
	}
	return errors.Join(errs...)
}
