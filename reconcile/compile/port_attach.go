package compile

import (
	"fmt"
	"strings"

	"weft/hostnet/object"
	"weft/model/desired"
)

// attachment is the interface that was found for a port on this host.
type attachment struct {
	device  string // of the OVS interface; empty while there is none to plug
	adopted bool   // somebody else created the OVS interface
	netdev  bool   // the kernel has a link of that name
	ofport  uint32 // OpenFlow port number; 0 while there is none
	pending string
	refused string
}

// attach finds a port's interface. Hypervisors provide one in two ways: an OVS interface of theirs that carries the port's
// interface id, or a netdev with the port's device name, which Weft plugs.
func (c Compiler) attach(h *desired.Host, p *desired.Port) attachment {
	foreign := c.foreignInterfaces(p.InterfaceID)
	switch len(foreign) {
	case 0:
		return c.attachDevice(h, p)
	case 1:
		return c.adopt(h, foreign[0])
	}
	return attachment{refused: fmt.Sprintf("OVS interfaces %s carry the same iface-id %s: one port has one interface",
		strings.Join(foreign, " and "), quote(p.InterfaceID))}
}

// foreignInterfaces lists, in order, the OVS interfaces with the interface id that others created; at most three.
func (c Compiler) foreignInterfaces(interfaceID string) []string {
	var found []string
	for _, name := range c.read.Sorted(GroupPlugged, interfaceID) {
		i, ok := c.read.Interface(name)
		if ok && !i.Created && i.InterfaceID == interfaceID && len(found) < 3 {
			found = append(found, name)
		}
	}
	return found
}

// adopt takes over an interface that libvirt or os-vif plugged.
func (c Compiler) adopt(h *desired.Host, name string) attachment {
	i, _ := c.read.Interface(name)
	if i.Bridge != h.Bridge {
		return attachment{pending: fmt.Sprintf("OVS interface %s carries the port's iface-id but is on bridge %s: waits for it on %s",
			name, quote(i.Bridge), h.Bridge)}
	}
	_, netdev := c.read.Link(name)
	if why := c.deviceRefusal(h, name); why != "" {
		return attachment{refused: why}
	}
	a := attachment{device: name, adopted: true, netdev: netdev, ofport: usableOFPort(i)}
	if a.ofport == 0 {
		a.pending = "waits for an OpenFlow port number of " + name + because(i.Error)
	}
	return a
}

// attachDevice uses the netdev with the port's device name.
func (c Compiler) attachDevice(h *desired.Host, p *desired.Port) attachment {
	_, exists := c.read.Link(p.Device)
	if p.Device == "" || !exists {
		return attachment{pending: waitsFor(p) + c.otherName(p.Device)}
	}
	if why := c.deviceRefusal(h, p.Device); why != "" {
		return attachment{refused: why}
	}
	i, plugged := c.read.Interface(p.Device)
	if plugged && !i.Created {
		return attachment{pending: fmt.Sprintf("device %s is an OVS interface on bridge %s that somebody else made, with iface-id %s: waits for iface-id %s on it",
			p.Device, quote(i.Bridge), quote(i.InterfaceID), quote(p.InterfaceID))}
	}
	a := attachment{device: p.Device, netdev: true}
	if plugged && i.Bridge == h.Bridge {
		a.ofport = usableOFPort(i)
	}
	if a.ofport == 0 {
		a.pending = "waits for an OpenFlow port number of " + p.Device + because(i.Error)
	}
	return a
}

func waitsFor(p *desired.Port) string {
	switch {
	case p.Device == "":
		return "waits for an OVS interface with iface-id " + quote(p.InterfaceID)
	case p.InterfaceID == "":
		return "waits for device " + p.Device
	}
	return "waits for device " + p.Device + " or an OVS interface with iface-id " + quote(p.InterfaceID)
}

// deviceRefusal says why a port may not use a link, because the host itself needs it; empty when it may.
func (c Compiler) deviceRefusal(h *desired.Host, name string) string {
	if name == h.Bridge {
		return "device " + name + " is the host's bridge"
	}
	if _, plugged := c.read.Interface(name); plugged {
		return uplinkDevice(h, name)
	}
	link, _ := c.read.Link(name)
	return Site{c, h}.linkRefusal(name, link)
}

func uplinkDevice(h *desired.Host, name string) string {
	for _, up := range h.Uplinks {
		if up.Interface == name {
			return "device " + name + " is the uplink of physical network " + up.PhysicalNetwork
		}
	}
	return ""
}

// linkRefusal says why a port may not use a device, according to what the kernel says of it; empty when it may.
func (s Site) linkRefusal(name string, link object.LinkFacts) string {
	if why := uplinkDevice(s.Host, name); why != "" {
		return why
	}
	if why := uplinkCarries(link); why != "" {
		return "device " + name + " " + why
	}
	switch link.Kind {
	case "", "tuntap", "veth", "netkit", "dummy": // the kinds that guests get
		return ""
	case "device":
		return "device " + name + " is a NIC of the host: a guest has a tap or a veth, or an OVS interface that a hypervisor plugged"
	}
	return "device " + name + " is a " + link.Kind + " of the host: a guest has a tap or a veth, or an OVS interface that a hypervisor plugged"
}

// incumbent says that OVS has the port plugged already, under its own name or interface id.
func (c Compiler) incumbent(p *desired.Port) bool {
	if i, ok := c.read.Interface(p.Device); ok && i.OwnerUID == p.UID {
		return true
	}
	if p.InterfaceID == "" {
		return false
	}
	for name := range c.read.Group(GroupPlugged, p.InterfaceID) {
		if i, _ := c.read.Interface(name); i.OwnerUID == p.UID {
			return true
		}
	}
	return false
}
