package compile

import (
	"fmt"

	"weft/hostnet/object"
	"weft/model/desired"
)

// UplinkFault says why no backend can use the i-th uplink of the host; empty when one can. missing: only the interface does not
// exist yet.
func (s Site) UplinkFault(i int) (why string, missing bool) {
	if why := uplinkFault(s.Host, i); why != "" {
		return why, false
	}
	up := s.Host.Uplinks[i]
	if _, ok := s.read.Link(up.Interface); !ok {
		return UplinkName(up) + ": waits for the interface to appear", true
	}
	return "", false
}

// uplinkFault says what is wrong with the declaration of the i-th uplink itself; empty when nothing is.
func uplinkFault(h *desired.Host, i int) string {
	up := h.Uplinks[i]
	if why := DeviceNameFault(up.Interface); why != "" {
		return fmt.Sprintf("uplink %s of physical network %s: the name %s", Quote(up.Interface), up.PhysicalNetwork, why)
	}
	for _, other := range h.Uplinks[:i] {
		if other.Interface == up.Interface {
			return UplinkName(up) + ": the interface is the uplink of physical network " + other.PhysicalNetwork + " already"
		}
		if other.PhysicalNetwork == up.PhysicalNetwork {
			return UplinkName(up) + ": the physical network has uplink " + other.Interface + " already"
		}
	}
	return ""
}

// UplinkName names an uplink in a sentence.
func UplinkName(up desired.Uplink) string {
	return "uplink " + up.Interface + " of physical network " + up.PhysicalNetwork
}

// Carries says what a link carries that the host needs, as part of a sentence; empty when nothing.
func Carries(l object.LinkFacts) string {
	switch {
	case l.EtcdRoute:
		return "carries the route to etcd" + addressList(l)
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
