package ovs

import (
	"context"
	"errors"

	"weft/hostnet/object"
	"weft/hostnet/ovs/openflow"
)

// portConfig names the flags of a port that should not be set.
func (d *Driver) portConfig(p portRecord) string {
	v := d.flowCacheOf(p.bridge.Name)
	if number := p.number(); v != nil && v.bridgeUUID == p.bridge.UUID && number != 0 {
		return v.ports.config(number)
	}
	return ""
}

// readPorts reads the configuration of a bridge's ports.
func (d *Driver) readPorts(ctx context.Context, bridge string, v *flowCache, clear map[uint16]bool) error {
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
		if v := d.flowCacheOf(bridge); v != nil && v.ports.config(number) != "" {
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
			names = append(names, o.Device, o.PeerDevice)
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
		errs = append(errs, d.readPorts(ctx, bridge, d.flowCacheOf(bridge), numbers))
	}
	return errors.Join(errs...)
}

// attachment says what is wrong with the switch's hold on a port's device. It is empty for ports that are no netdev which the
// switch opens by its name. It is also empty for ports that the switch has not opened, because problem reports those.
func (d *Driver) attachment(p portRecord) object.Attachment {
	if !p.system() || p.iface.OFPort == nil || *p.iface.OFPort < 1 {
		return ""
	}
	return d.devices.attachment(p.iface.Name, p.bridge.DatapathType == userspaceDatapath)
}

// userspaceDatapath is the datapath_type of bridges whose packets ovs-vswitchd itself forwards.
const userspaceDatapath = "netdev"
