package compile

import (
	"weft/hostnet/object"
	"weft/model/desired"
)

// Port adds one guest's OVS port and, when the port is active and has a number, its flows. What is missing makes the port pending.
// The objects that are right already are in the unit nevertheless.
func (OpenVSwitch) Port(b *Builder, s Site, n *desired.Network, p *desired.Port) Plug {
	h := s.Host
	if s.bridgeRefusal(h) != "" {
		b.Pend("waits for the host's bridge")
		return Plug{}
	}
	a := s.attach(h, p)
	if a.refused != "" {
		b.Refuse("%s", a.refused)
		return Plug{}
	}
	if a.pending != "" {
		b.Pend("%s", a.pending)
	}
	if a.device == "" {
		return Plug{}
	}
	port := &object.OVSPort{
		OwnerUID: p.UID, Bridge: h.Bridge, Device: a.device, Adopted: a.adopted, Tag: object.DeadVLAN,
		InterfaceID: p.InterfaceID, MAC: p.MAC.String(),
	}
	b.Add(port)
	plug := Plug{Device: a.device, Netdev: a.netdev, Up: []object.Key{port.Key()}}
	if n == nil || p.State != desired.StateActive {
		return plug
	}
	if a.ofport == 0 {
		plug.Up = nil
		return plug
	}
	wire := s.networkState(h, n)
	flows := &object.FlowSet{
		OwnerUID: p.UID, Bridge: h.Bridge, Feature: FeaturePort, Cookie: Cookie(p.UID, FeaturePort),
		Flows: portFlows(p, wire.number, a.ofport), Guest: object.MAC(p.MAC),
		After: []object.Key{flowSetKey(h.Bridge, h.UID, FeatureBridge)},
	}
	b.Add(flows)
	plug.Open = true
	if a.adopted {
		// The port exists already. Writing its tag and its marks makes the switch work for a while, so the flows come first.
		port.After = []object.Key{flows.Key()}
		plug.Up = []object.Key{flows.Key()}
	} else {
		flows.After = append(flows.After, port.Key())
		plug.Up = append(plug.Up, flows.Key())
	}
	plug.Announce = []object.Key{flows.Key(), flowSetKey(h.Bridge, n.UID, FeatureNetwork)}
	if wire.uplinkPort != 0 {
		plug.Uplink = wire.device
	}
	return plug
}
