// Package openvswitch is the backend of hosts that wire guests with one Open vSwitch bridge.
//
// Invariants:
//
//   - It is pure.
//   - No guest, leg or uplink sends or receives before the flows that protect it are in place.
//   - Flows of different sets never collide, because each set matches a port or a network of its own.
//
// README.md lists the OpenFlow tables.
package openvswitch

import (
	"weft/hostnet/object"
	"weft/reconcile/compile"
)

// Backend implements compile.Backend.
type Backend struct{}

// bridgeRefusal says why the host cannot have its bridge; empty when it can.
func bridgeRefusal(s compile.Site) string {
	h := s.Host
	if why := compile.DeviceNameFault(h.Bridge); why != "" {
		return "bridge " + compile.Quote(h.Bridge) + " " + why
	}
	if why, foreign := s.Reader().ForeignBridge(h.Bridge); foreign {
		return "bridge " + h.Bridge + " is not Weft's: " + why
	}
	return ""
}

// legPort is the OpenFlow port number of a leg that Weft has plugged into the host's bridge; 0 while it has none.
func legPort(s compile.Site, device string) uint32 {
	i, ok := s.Reader().Interface(device)
	if !ok || i.Bridge != s.Host.Bridge || !i.Created {
		return 0
	}
	return usableOFPort(i)
}

// maxOFPort is OpenFlow 1.0's OFPP_MAX. Open vSwitch gives only lower numbers to ports.
const maxOFPort = 0xff00

func usableOFPort(i object.InterfaceFacts) uint32 {
	if i.OFPort >= maxOFPort {
		return 0
	}
	return i.OFPort
}

func because(err string) string {
	if err == "" {
		return ""
	}
	return ": OVS says " + compile.Quote(err)
}
