package ovs

import (
	"context"

	"weft/hostnet/netlink"
)

// keepDevices reports the ports whose netdev changed, until ctx ends.
func (d *Driver) keepDevices(ctx context.Context) {
	d.events.put(true, nil) // earlier changes were not reported
	d.devices.listener.Follow(ctx, func(changes []netlink.Change, lost bool) {
		if lost {
			d.events.put(true, nil)
		}
		for _, c := range changes {
			if c.Link {
				d.deviceChanged(c.Name)
			}
		}
	})
}

// deviceChanged reports the port of a device that exists.
func (d *Driver) deviceChanged(name string) {
	if _, there := d.devices.links.Named(name); !there {
		return
	}
	if db := d.database(); db != nil {
		if _, plugged := db.read().port(name); plugged {
			d.events.put(false, portKeys(name))
		}
	}
}
