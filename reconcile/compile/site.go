package compile

import (
	"net/netip"

	"weft/hostnet/object"
	"weft/model"
	"weft/model/desired"
)

// UplinkOf finds the uplink to a network's physical network. why says, as part of a sentence, why no backend can use it: there is
// none, the declaration is faulty, or the interface does not exist yet (missing).
func (s Site) UplinkOf(n *desired.Network) (up desired.Uplink, why string, missing bool) {
	for i, up := range s.Host.Uplinks {
		if up.PhysicalNetwork != n.PhysicalNetwork {
			continue
		}
		why, missing := s.UplinkFault(i)
		return up, why, missing
	}
	return desired.Uplink{}, "it has no uplink to physical network " + quote(n.PhysicalNetwork), true
}

// datapathUserspace is Open vSwitch's datapath_type for the datapath that forwards in a thread of ovs-vswitchd.
const datapathUserspace = "netdev"

// userspace says that a thread of the switch forwards every packet of the host.
func (s Site) userspace() bool { return s.read.DatapathType() == datapathUserspace }

// UplinkFault says why no backend can use the i-th uplink of the host; empty when one can. missing: only the interface does not
// exist yet.
func (s Site) UplinkFault(i int) (why string, missing bool) {
	if why := uplinkFault(s.Host, i); why != "" {
		return why, false
	}
	up := s.Host.Uplinks[i]
	if _, ok := s.read.Link(up.Interface); !ok {
		return uplinkName(up) + ": waits for the interface to appear", true
	}
	return "", false
}

// GuestDevice finds the netdev with a port's device name, on a host where only Weft plugs guests. refused says that the device is
// not for guests; pending says what is missing. A device that is already a port of one of our bridges is accepted.
func (s Site) GuestDevice(p *desired.Port) (device, pending, refused string) {
	link, exists := s.read.Link(p.Device)
	switch {
	case p.Device == "":
		return "", "waits for a device name: an interface id alone says nothing on a host with driver " + quote(string(s.Host.Driver)), ""
	case !exists:
		return "", "waits for device " + p.Device + s.otherName(p.Device), ""
	}
	if link.MasterOwner != "" {
		link.Master = ""
	}
	if why := s.linkRefusal(p.Device, link); why != "" {
		return "", "", why
	}
	return p.Device, "", ""
}

// DHCPServers lists the network's DHCPv4 server addresses, each once.
func (s Site) DHCPServers(n *desired.Network) []netip.Addr { return dhcpServers(n) }

// LinkLocal is the address that a guest derives from its MAC (RFC 4291 appendix A).
func (s Site) LinkLocal(m model.MAC) netip.Addr { return object.MAC(m).LinkLocal() }

// OnlyLocal is the sentence that a network's guests only reach this host, with the reason.
func (s Site) OnlyLocal(why string) string { return onlyLocal + why }
