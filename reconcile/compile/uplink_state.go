package compile

import (
	"fmt"

	"weft/hostnet/object"
	"weft/model/desired"
)

// uplinkState is the state of one declared uplink according to the host's facts.
type uplinkState struct {
	refused string // why it is never touched
	pending string // what it waits for, or what is wrong with one that is ours already
	missing bool   // there is no such link
	ofport  uint32 // OpenFlow port number; 0 while there is none
}

// uplink finds the state of the host's i-th uplink. It is refused if it carries an address, the default route or the route to etcd,
// or belongs to something else: using it would disconnect the host. An uplink that is in our bridge already stays there, whatever
// was added to it later: removing it would disconnect the guests.
func (c Compiler) uplink(h *desired.Host, i int) uplinkState {
	if why := uplinkFault(h, i); why != "" {
		return uplinkState{refused: why}
	}
	up := h.Uplinks[i]
	name := uplinkName(up)
	if up.Interface == h.Bridge {
		return uplinkState{refused: name + ": it is the bridge itself"}
	}
	link, ok := c.read.Link(up.Interface)
	if !ok {
		return uplinkState{missing: true, pending: name + ": waits for the interface to appear"}
	}
	iface, plugged := c.read.Interface(up.Interface)
	carries := uplinkCarries(link)
	switch {
	case plugged && iface.Bridge != h.Bridge:
		return uplinkState{refused: name + ": it is a port of OVS bridge " + iface.Bridge}
	case plugged && carries != "":
		return uplinkState{ofport: usableOFPort(iface), pending: name + " is in use by guests but " + carries}
	case carries != "":
		return uplinkState{refused: name + " " + carries}
	case plugged && usableOFPort(iface) == 0:
		return uplinkState{pending: name + ": waits for an OpenFlow port number" + because(iface.Error)}
	case plugged:
		return uplinkState{ofport: iface.OFPort}
	}
	return uplinkState{pending: name + ": waits for an OpenFlow port number"}
}

// uplinkFault says what is wrong with the declaration of the i-th uplink itself; empty when nothing is.
func uplinkFault(h *desired.Host, i int) string {
	up := h.Uplinks[i]
	if why := deviceNameFault(up.Interface); why != "" {
		return fmt.Sprintf("uplink %s of physical network %s: the name %s", quote(up.Interface), up.PhysicalNetwork, why)
	}
	for _, other := range h.Uplinks[:i] {
		if other.Interface == up.Interface {
			return uplinkName(up) + ": the interface is the uplink of physical network " + other.PhysicalNetwork + " already"
		}
		if other.PhysicalNetwork == up.PhysicalNetwork {
			return uplinkName(up) + ": the physical network has uplink " + other.Interface + " already"
		}
	}
	return ""
}

func uplinkName(up desired.Uplink) string {
	return "uplink " + up.Interface + " of physical network " + up.PhysicalNetwork
}

// uplinkCarries says what a link carries that the host needs; empty when nothing.
func uplinkCarries(l object.LinkFacts) string {
	switch {
	case l.EtcdRoute:
		return "carries the road to etcd" + addressList(l)
	case l.DefaultRoute:
		return "carries the default route" + addressList(l)
	case len(l.Addresses) > 0:
		return "carries address " + l.Addresses[0].String()
	case l.Master != "" && l.Master != "ovs-system":
		return "is enslaved to " + l.Master
	}
	return ""
}

func addressList(l object.LinkFacts) string {
	if len(l.Addresses) == 0 {
		return ""
	}
	return " and address " + l.Addresses[0].String()
}

func because(err string) string {
	if err == "" {
		return ""
	}
	return ": OVS says " + quote(err)
}

// maxOFPort is OpenFlow 1.0's OFPP_MAX. Open vSwitch gives only lower numbers to ports.
const maxOFPort = 0xff00

func usableOFPort(i object.InterfaceFacts) uint32 {
	if i.OFPort >= maxOFPort {
		return 0
	}
	return i.OFPort
}
