// Package linuxbridge is the backend of hosts that wire guests with the kernel's own VLAN devices and bridges, as nova-network's
// VLAN manager did. Each network has a bridge. Its uplink is a VLAN sub-interface of the NIC, or for a flat network the NIC itself. The
// guests' devices are ports of the bridge. An nftables table of family bridge (port security) protects them, and another one has the rules of their
// security groups.
//
// Invariants:
//
//   - It is pure.
//   - The NIC keeps its addresses and everything else that it carries. A NIC that carries something gets no flat network.
//   - No device becomes a port of a bridge before port security knows what it may send.
//   - A device that port security does not know neither sends nor receives.
//   - Port security does not know a guest with security groups before their rules filter it.
package linuxbridge

import (
	"crypto/sha256"

	"weft/hostnet/object"
	"weft/reconcile/compile"
)

// Backend implements compile.Backend.
type Backend struct{}

// Host adds port security's table, the filter on the NICs, and the state of the NICs.
func (Backend) Host(b *compile.Builder, s compile.Site) {
	b.Add(&object.PortSecurity{OwnerUID: s.Host.UID})
	addManagement(b, s)
	addFilter(b, s)
	if on := s.Reader().BridgeNetfilter(); on != "" {
		b.Warn(object.WarnBridgeNetfilter, "the kernel hands bridged frames to the host's own packet filter too (%s): what its rules drop is lost between "+
			"guests, and connections of all projects share one table; set them to 0, or be sure that the rules let the frames pass", on)
	}
	for i, up := range s.Host.Uplinks {
		why, missing := uplinkFault(s, i)
		switch {
		case missing:
			b.Pend("%s", why)
		case why != "":
			b.Refuse("%s", why)
		default:
			b.Add(&object.PortSecurityUplink{OwnerUID: s.Host.UID, Device: up.Interface})
			s.AddUplinkLink(b, up, false)
		}
	}
}

// uplinkFault says why a NIC cannot lead to networks of ours; empty when it can. It may carry addresses, and be a port of a bridge of
// ours.
func uplinkFault(s compile.Site, i int) (why string, missing bool) {
	if why, missing := s.UplinkFault(i); why != "" {
		return why, missing
	}
	up := s.Host.Uplinks[i]
	if link, _ := s.Reader().Link(up.Interface); link.Master != "" && link.MasterOwner == "" {
		return compile.UplinkName(up) + " is enslaved to " + link.Master, false
	}
	return "", false
}

// BridgeName is the name of a network's bridge. It is the same on every host.
func BridgeName(networkUID string) string { return compile.DigestName(object.BridgePrefix, networkUID) }

// VLANName is the name of a network's VLAN device. It is the same on every host.
func VLANName(networkUID string) string { return compile.DigestName(object.VLANPrefix, networkUID) }

// bridgeMAC is a locally administered address that no frame ever has, because port security lets the bridge itself send nothing.
func bridgeMAC(networkUID string) object.MAC {
	sum := sha256.Sum256([]byte("bridge\x00" + networkUID))
	m := object.MAC(sum[:6])
	m[0] = m[0]&^1 | 2
	return m
}
