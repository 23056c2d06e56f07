package testbed

import (
	"context"
	"fmt"
)

// nic makes the guest's interface and its other end on the host. A movable guest's eth0 is a bridge with one port.
func (g *Guest) nic(ctx context.Context, h *Host, o GuestOptions) error {
	if !o.Movable {
		return g.testbed.veth(g.Namespace, g.link, h.Namespace, o.Device)
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
	if err := g.testbed.veth(g.Namespace, name, h.Namespace, device); err != nil {
		return err
	}
	if err := g.Sysctl("net/ipv6/conf/"+name+"/disable_ipv6", "1"); err != nil {
		return err
	}
	if g.testbed.datapath() == DatapathUser {
		if _, err := g.Run(ctx, "ethtool", "-K", name, "tx", "off"); err != nil {
			return err
		}
	}
	return g.IP(ctx, "link", "set", name, "up")
}

// PrepareMove makes the guest's device on the host that it is about to move to, as a hypervisor does before it copies memory. The guest
// does not send through the device yet.
func (g *Guest) PrepareMove(ctx context.Context, host string) error {
	h, err := g.testbed.Host(host)
	if err != nil {
		return err
	}
	if !g.Options.Movable {
		return fmt.Errorf("testbed: guest %s was not made movable", g.Name)
	}
	return g.standbyNIC(ctx, h, g.Options.Device)
}

// ResumeMove lets the guest send through the device of the host that it was prepared for, as a hypervisor does when memory is copied. Its
// old device still exists, but is no longer the guest's: its owner may send through it. The guest's link never goes down, because then
// the guest would lose its neighbor entries.
func (g *Guest) ResumeMove(ctx context.Context, host string) error {
	if err := g.IP(ctx, "link", "set", nicName(host), "master", guestLink); err != nil {
		return err
	}
	return g.IP(ctx, "link", "set", nicName(g.Options.Host), "nomaster")
}

// FinishMove lets the guest send through the device of the host that it was prepared for, if ResumeMove did not do so already, and
// removes the old device. The guest keeps its addresses, neighbor entries and connections.
func (g *Guest) FinishMove(ctx context.Context, host string) error {
	if err := g.IP(ctx, "link", "set", nicName(host), "master", guestLink); err != nil {
		return err
	}
	old := g.Options.Host
	g.Options.Host = host
	return g.IP(ctx, "link", "delete", nicName(old))
}
