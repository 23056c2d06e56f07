package bed

import (
	"context"
	"fmt"
)

// nic makes the guest's interface and its other end on the host. A movable guest's eth0 is a bridge with one port.
func (g *Guest) nic(ctx context.Context, h *Host, o GuestOptions) error {
	if !o.Movable {
		return g.bed.veth(g.Namespace, guestLink, h.Namespace, o.Device)
	}
	if err := g.IP(ctx, "link", "add", guestLink, "type", "bridge", "mcast_snooping", "0"); err != nil {
		return err
	}
	if err := g.standbyNIC(ctx, h, o.Device); err != nil {
		return err
	}
	return g.IP(ctx, "link", "set", nicName(h.Name), "master", guestLink)
}

func nicName(host string) string { return "nic-" + host }

// standbyNIC makes a veth to the host that is up but not connected to eth0. It has no addresses of its own.
func (g *Guest) standbyNIC(ctx context.Context, h *Host, device string) error {
	name := nicName(h.Name)
	if err := g.bed.veth(g.Namespace, name, h.Namespace, device); err != nil {
		return err
	}
	if err := g.Sysctl("net/ipv6/conf/"+name+"/disable_ipv6", "1"); err != nil {
		return err
	}
	if g.bed.datapath() == DatapathUser {
		if _, err := g.Run(ctx, "ethtool", "-K", name, "tx", "off"); err != nil {
			return err
		}
	}
	return g.IP(ctx, "link", "set", name, "up")
}

// PrepareMove makes the guest's device on the host it is about to move to, as a hypervisor does before it copies memory:
// the device is there, the guest does not speak through it yet.
func (g *Guest) PrepareMove(ctx context.Context, host string) error {
	h, err := g.bed.Host(host)
	if err != nil {
		return err
	}
	if !g.Options.Movable {
		return fmt.Errorf("bed: guest %s was not made movable", g.Name)
	}
	return g.standbyNIC(ctx, h, g.Options.Device)
}

// ResumeMove lets the guest speak through the device of the host it was prepared for, as a hypervisor does when memory has
// been copied. Its old device is still there and no longer the guest's: whoever holds it may send through it. The guest
// never sees its link go down, which would make it forget its neighbours.
func (g *Guest) ResumeMove(ctx context.Context, host string) error {
	if err := g.IP(ctx, "link", "set", nicName(host), "master", guestLink); err != nil {
		return err
	}
	return g.IP(ctx, "link", "set", nicName(g.Options.Host), "nomaster")
}

// FinishMove lets the guest speak through the device of the host it was prepared for, and removes the old one, of a
// guest that was resumed already too. It keeps
// its addresses, neighbours and connections.
func (g *Guest) FinishMove(ctx context.Context, host string) error {
	if err := g.IP(ctx, "link", "set", nicName(host), "master", guestLink); err != nil {
		return err
	}
	old := g.Options.Host
	g.Options.Host = host
	return g.IP(ctx, "link", "delete", nicName(old))
}
