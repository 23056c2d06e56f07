package compile

import (
	"slices"

	"weft/hostnet/object"
	"weft/model"
	"weft/model/desired"
)

// maxAddresses bounds the addresses of one port on a host.
const maxAddresses = 64

// PortRefusal says why a port cannot be on this host: it has a fault of its own, or another port has its device, its interface id
// or its MAC. n may be nil. It is empty when nothing is wrong.
func (c Compiler) PortRefusal(n *desired.Network, p *desired.Port) string {
	if why := portFault(n, p); why != "" {
		return why
	}
	if why := c.gatewayClash(p); why != "" {
		return why
	}
	if why := c.pairClash(p); why != "" {
		return why
	}
	for _, device := range []string{p.Device, p.HostNet.Device} {
		if rival := c.firstRival(c.read.Group(GroupDevice, device), p); device != "" && rival != "" {
			return "device " + device + " belongs to port " + rival + " already"
		}
	}
	if rival := c.firstRival(c.read.Group(GroupInterfaceID, p.InterfaceID), p); rival != "" {
		return "interface id " + Quote(p.InterfaceID) + " belongs to port " + rival + " already"
	}
	if rival := c.firstRival(c.read.Group(GroupMAC, macName(p.Network, p.MAC)), p); rival != "" {
		return "MAC " + p.MAC.String() + " belongs to port " + rival + " of the same network already"
	}
	return ""
}

// gatewayClash says that a port uses an address or device of its network's router, or the host's router MAC; empty when it does
// not.
func (c Compiler) gatewayClash(p *desired.Port) string {
	if iface, ok := c.gateway(p.Network); ok {
		for _, g := range iface.Addresses {
			if slices.ContainsFunc(p.Addresses, func(a model.Address) bool { return a.Addr == g.Addr() }) {
				return "address " + g.Addr().String() + " is that of the network's router"
			}
		}
	}
	if h := c.read.Host(); h != nil && p.MAC == h.RouterMAC {
		return "MAC " + p.MAC.String() + " is the host's own for routers"
	}
	for _, device := range []string{p.Device, p.HostNet.Device} {
		if device == "" {
			continue
		}
		for uid := range c.read.Group(GroupRouterDevice, device) {
			if c.read.Router(uid) != nil {
				return "device " + device + " is a router's"
			}
			return "device " + device + " is an external network's"
		}
	}
	return ""
}

// firstRival finds the lowest uid of a group that outranks the port; empty when none does.
func (c Compiler) firstRival(group map[string]struct{}, p *desired.Port) string {
	first := ""
	for uid := range group {
		if uid != p.UID && (first == "" || uid < first) && c.outranks(uid, p) {
			first = uid
		}
	}
	return first
}

// outranks says that the rival gets what both ports want. The port that OVS has plugged already gets it, otherwise the port with
// the lower uid. A rival with a fault of its own gets nothing.
func (c Compiler) outranks(rival string, p *desired.Port) bool {
	r := c.read.Port(rival)
	if r == nil || portFault(c.read.Network(r.Network), r) != "" || c.gatewayClash(r) != "" {
		return false
	}
	theirs, ours := c.incumbent(r), c.incumbent(p)
	if theirs != ours {
		return theirs
	}
	return rival < p.UID
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

// portFault says what is wrong with a port by itself; empty when nothing. The MACs and addresses of Weft's own servers belong to
// nobody else.
func portFault(n *desired.Network, p *desired.Port) string {
	switch {
	case p.UID == "":
		return "the port has no uid"
	case p.MAC.IsZero() || p.MAC[0]&1 != 0:
		return "MAC is not a unicast address"
	case object.MAC(p.MAC) == object.ServerMAC:
		return "MAC " + p.MAC.String() + " is reserved for Weft's own servers"
	case object.MAC(p.MAC) == object.GatewayMAC:
		return "MAC " + p.MAC.String() + " is reserved for routers"
	case p.Device == "" && p.InterfaceID == "":
		return "the port has neither a device nor an interface id"
	case p.Device != "" && DeviceNameFault(p.Device) != "":
		return "device " + Quote(p.Device) + " " + DeviceNameFault(p.Device)
	case len(p.InterfaceID) > 255:
		return "interface id is longer than 255 bytes"
	case p.State != desired.StateActive && p.State != desired.StateStandby:
		return "state " + Quote(string(p.State)) + " is not known to this version"
	case len(p.Addresses) > maxAddresses:
		return "more than 64 addresses"
	}
	if why := groupsFault(p); why != "" {
		return why
	}
	if why := hostNetFault(p); why != "" {
		return why
	}
	if why := portLimitsFault(p.Limits); why != "" {
		return why
	}
	if why := pairsFault(n, p); why != "" {
		return why
	}
	for i, a := range p.Addresses {
		if slices.Contains(p.Addresses[:i], a) {
			return "address " + a.String() + " is listed twice"
		}
		if why := addressFault(n, a); why != "" {
			return "address " + a.String() + " " + why
		}
	}
	return ""
}

func addressFault(n *desired.Network, a model.Address) string {
	switch {
	case !a.IsValid() || a.Is4In6() || a.Zone() != "":
		return "is not in canonical form"
	case a.Addr == object.ServerLinkLocal:
		return "is reserved for Weft's own servers"
	case a.Addr == object.GatewayLinkLocal:
		return "is reserved for routers"
	case a.Addr == object.MetadataIPv4 || a.Addr == object.MetadataIPv6:
		return "is reserved for the metadata service"
	case a.IsUnspecified() || a.IsMulticast() || a.IsLoopback() || a.IsLinkLocalUnicast() && a.Is6():
		return "is no address a port can be given"
	case n == nil:
		return ""
	}
	for _, s := range n.Subnets {
		if a == s.DHCPServer {
			return "is that of the network's DHCP server"
		}
	}
	if _, ok := subnetOf(n, a.Addr); !ok {
		return "is in no subnet of its network"
	}
	return ""
}

func macName(network string, mac model.MAC) string { return network + "/" + string(mac[:]) }
