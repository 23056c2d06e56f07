// Package openvswitch is the backend of hosts that wire guests with one Open vSwitch bridge.
//
// Invariants:
//
//   - It is pure.
//   - No guest, router interface or uplink sends or receives before the flows that protect it are in place.
//   - Flows of different sets never collide, because each set matches a port or a network of its own.
//
// README.md lists the OpenFlow tables.
package openvswitch

import "weft/reconcile/compile"

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
