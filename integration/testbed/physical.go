package testbed

import "errors"

// AddPhysicalNetwork makes another physical network: a plain learning bridge in the namespace of the physical networks, with one port for
// each of the hosts. On the hosts nic is the uplink to it. The names are those of links.
func (b *Testbed) AddPhysicalNetwork(bridge, nic string, hosts ...string) error {
	if err := b.phys.IP(b.ctx, "link", "add", bridge, "up", "mtu", "9000", "type", "bridge", "mcast_snooping", "0"); err != nil {
		return err
	}
	for _, name := range hosts {
		h, err := b.Host(name)
		if err != nil {
			return err
		}
		port := nic + "-" + name
		if err := b.veth(h.Namespace, nic, b.phys, port); err != nil {
			return err
		}
		if err := errors.Join(b.phys.IP(b.ctx, "link", "set", port, "master", bridge, "mtu", "9000", "up"),
			h.IP(b.ctx, "link", "set", nic, "up")); err != nil {
			return err
		}
	}
	return nil
}
