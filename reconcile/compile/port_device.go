package compile

import "weft/hostnet/object"

// UplinkRefusal says why a port may not use a device, because it is an uplink of the host or leads to a management network; empty when it may.
func (s Site) UplinkRefusal(name string) string {
	if managementInterface(s.Host, name) {
		return "device " + name + " is the host's own on a management network"
	}
	for _, up := range s.Host.Uplinks {
		if up.Interface == name {
			return "device " + name + " is the uplink of physical network " + up.PhysicalNetwork
		}
	}
	return ""
}

// LinkRefusal says why a port may not use a device, according to what the kernel says of it; empty when it may.
func (s Site) LinkRefusal(name string, link object.LinkFacts) string {
	if why := s.UplinkRefusal(name); why != "" {
		return why
	}
	if why := Carries(link); why != "" {
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
