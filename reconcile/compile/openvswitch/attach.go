package openvswitch

import (
	"fmt"
	"strings"

	"weft/model/desired"
	"weft/reconcile/compile"
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
func attach(s compile.Site, p *desired.Port) attachment {
	foreign := foreignInterfaces(s, p.InterfaceID)
	switch len(foreign) {
	case 0:
		return attachDevice(s, p)
	case 1:
		return adopt(s, foreign[0])
	}
	return attachment{refused: fmt.Sprintf("OVS interfaces %s carry the same iface-id %s: one port has one interface",
		strings.Join(foreign, " and "), compile.Quote(p.InterfaceID))}
}

// foreignInterfaces lists, in order, the OVS interfaces with the interface id that others created; at most three.
func foreignInterfaces(s compile.Site, interfaceID string) []string {
	var found []string
	for _, name := range s.Reader().Sorted(compile.GroupPlugged, interfaceID) {
		i, ok := s.Reader().Interface(name)
		if ok && !i.Created && i.InterfaceID == interfaceID && len(found) < 3 {
			found = append(found, name)
		}
	}
	return found
}

// adopt takes over an interface that libvirt or os-vif plugged.
func adopt(s compile.Site, name string) attachment {
	i, _ := s.Reader().Interface(name)
	if i.Bridge != s.Host.Bridge {
		return attachment{pending: fmt.Sprintf("OVS interface %s carries the port's iface-id but is on bridge %s: waits for it on %s",
			name, compile.Quote(i.Bridge), s.Host.Bridge)}
	}
	_, netdev := s.Reader().Link(name)
	if why := deviceRefusal(s, name); why != "" {
		return attachment{refused: why}
	}
	a := attachment{device: name, adopted: true, netdev: netdev, ofport: usableOFPort(i)}
	if a.ofport == 0 {
		a.pending = "waits for an OpenFlow port number of " + name + because(i.Error)
	}
	return a
}

// attachDevice uses the netdev with the port's device name.
func attachDevice(s compile.Site, p *desired.Port) attachment {
	_, exists := s.Reader().Link(p.Device)
	if p.Device == "" || !exists {
		return attachment{pending: waitsFor(p) + s.OtherName(p.Device)}
	}
	if why := deviceRefusal(s, p.Device); why != "" {
		return attachment{refused: why}
	}
	i, plugged := s.Reader().Interface(p.Device)
	if plugged && !i.Created {
		return attachment{pending: fmt.Sprintf("device %s is an OVS interface on bridge %s that somebody else made, with iface-id %s: waits for iface-id %s on it",
			p.Device, compile.Quote(i.Bridge), compile.Quote(i.InterfaceID), compile.Quote(p.InterfaceID))}
	}
	a := attachment{device: p.Device, netdev: true}
	if plugged && i.Bridge == s.Host.Bridge {
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
		return "waits for an OVS interface with iface-id " + compile.Quote(p.InterfaceID)
	case p.InterfaceID == "":
		return "waits for device " + p.Device
	}
	return "waits for device " + p.Device + " or an OVS interface with iface-id " + compile.Quote(p.InterfaceID)
}

// deviceRefusal says why a port may not use a link, because the host itself needs it; empty when it may.
func deviceRefusal(s compile.Site, name string) string {
	if name == s.Host.Bridge {
		return "device " + name + " is the host's bridge"
	}
	if _, plugged := s.Reader().Interface(name); plugged {
		return s.UplinkRefusal(name)
	}
	link, _ := s.Reader().Link(name)
	return s.LinkRefusal(name, link)
}
