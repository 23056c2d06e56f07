package compile

import "weft/model/desired"

// Leg joins a router's veth to one of its networks.
func (OpenVSwitch) Leg(b *Builder, _ Site, _ *desired.Network, leg Leg) {
	b.Pend("leg %s: routers are not wired by this fabric yet", leg.Device)
}

// ExternalLeg joins an external namespace's veth to its network.
func (OpenVSwitch) ExternalLeg(b *Builder, _ Site, _ *desired.Network, leg Leg) {
	b.Pend("leg %s: external networks are not wired by this fabric yet", leg.Device)
}
