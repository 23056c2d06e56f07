package compile

import (
	"weft/hostnet/object"
	"weft/model"
	"weft/model/desired"
)

// portKind compiles a port: its guest's device, protection and servers.
func portKind() Kind {
	return Kind{ItemKind: desired.PortKind(), Item: ReadPort, Compile: compiling((*Reader).Port, Compiler.port), Shares: portShares}
}

// port compiles one guest interface: how its backend joins it, its link, and what is served on it.
func (c Compiler) port(b *Builder, p *desired.Port) {
	s, ok := c.site(b)
	if !ok {
		return
	}
	n := c.read.Network(p.Network)
	if why := c.PortRefusal(n, p); why != "" {
		b.Refuse("%s", why)
		return
	}
	usable, wait := n, ""
	if n == nil {
		wait = "waits for network " + Quote(p.Network)
	} else if why := c.networkRefusal(n); why != "" {
		usable, wait = nil, "network "+n.Project+"/"+n.Name+" is refused: "+why
	}
	plug := s.backend.Port(b, s, usable, p)
	if plug.Device == "" {
		return
	}
	b.Device = plug.Device
	c.warnMAC(b, p, plug.Device)
	if plug.Netdev {
		plug.Up = append(plug.Up, b.Silence(p.UID, plug.Device))
	}
	if usable == nil {
		b.Pend("%s", wait)
		return
	}
	mac, router := c.networkRouterMAC(n)
	services, wrong := hostServices(s.Host, p)
	if wrong != "" {
		b.Pend("reaches no services of the host: %s", wrong)
	}
	open := addPlugged(b, usable, p, plug)
	addHostNIC(b, s, p, services, open)
	if !open {
		return
	}
	if plug.Netdev {
		addServices(b, usable, p, plug.Device, router, mac)
		addMetadata(b, usable, p, c.read.Metadata(p.UID), plug.Device, services)
	}
	announcePort(b, usable, p, plug)
}

// warnMAC compares the port's MAC with the MAC that the hypervisor says the guest has. libvirt and os-vif write it to OVS. For a
// tap or a veth nobody writes it.
func (c Compiler) warnMAC(b *Builder, p *desired.Port, device string) {
	i, _ := c.read.Interface(device)
	if i.Created || i.AttachedMAC == "" {
		return
	}
	if mac, err := model.ParseMAC(i.AttachedMAC); err != nil || mac != p.MAC {
		b.Warn(object.WarnMACMismatch, "the guest of interface %s has MAC %s (external_ids:attached-mac) and the port has %s: nothing that "+
			"the guest sends passes; give the domain's <mac> the port's, or the port the domain's", device, Quote(i.AttachedMAC), p.MAC)
	}
}

// addPlugged adds what is built on a guest's device. It says whether the guest may be served there.
func addPlugged(b *Builder, n *desired.Network, p *desired.Port, plug Plug) bool {
	if plug.Netdev {
		b.Add(portQdisc(p, plug))
	}
	if !plug.Open && p.State == desired.StateActive {
		return false
	}
	if plug.Netdev {
		b.Add(&object.Link{OwnerUID: p.UID, Name: plug.Device, MTU: n.MTU, NoIPv6: true, Up: true, After: plug.Up})
	} else {
		b.Pend("interface %s is no netdev: its MTU cannot be set and nothing is served on it", plug.Device)
	}
	if !plug.Open {
		addActivation(b, p, plug)
		return false
	}
	return true
}

// announcePort announces where the guest's addresses are.
func announcePort(b *Builder, n *desired.Network, p *desired.Port, plug Plug) {
	a := &object.Announcement{
		OwnerUID: p.UID, Device: plug.Uplink, VLAN: n.SegmentationID, MAC: object.MAC(p.MAC), Addresses: addresses(p),
		After: plug.Announce, Network: n.UID,
	}
	if plug.Netdev {
		a.Local = plug.Device
	}
	b.Add(a)
}

// addActivation listens for the guest of a standby port. A guest that announces itself on the port's device runs here now.
func addActivation(b *Builder, p *desired.Port, plug Plug) {
	if p.State == desired.StateStandby && p.Migration != 0 && plug.Netdev {
		b.Add(&object.Activation{OwnerUID: p.UID, Device: plug.Device, MAC: object.MAC(p.MAC), Migration: p.Migration})
	}
}

func portShares(c *desired.NodeConfig, uid string) []Read {
	p := c.Port(uid)
	if p == nil {
		return nil
	}
	shares := named([]Read{{GroupNetwork, p.Network}, {GroupDevice, p.Device}, {GroupInterfaceID, p.InterfaceID},
		{GroupMAC, macName(p.Network, p.MAC)}, {GroupDevice, p.HostNet.Device}})
	if len(p.SecurityGroups) > 0 {
		shares = append(shares, Read{GroupFiltered, p.Network}, Read{GroupFilters, ""})
	}
	return shares
}
