package openvswitch

import (
	"weft/hostnet/object"
	"weft/model/desired"
	"weft/reconcile/compile"
)

// Port adds one guest's OVS port and, when the port is active and has a number, its flows. What is missing makes the port pending.
// The objects that are right already are in the result nevertheless.
func (Backend) Port(b *compile.Builder, s compile.Site, n *desired.Network, p *desired.Port) compile.Plug {
	h := s.Host
	if bridgeRefusal(s) != "" {
		b.Pend("waits for the host's bridge")
		return compile.Plug{}
	}
	a := attach(s, p)
	if a.refused != "" {
		b.Refuse("%s", a.refused)
		return compile.Plug{}
	}
	if a.pending != "" {
		b.Pend("%s", a.pending)
	}
	if a.device == "" {
		return compile.Plug{}
	}
	port := &object.OVSPort{
		OwnerUID: p.UID, Bridge: h.Bridge, Device: a.device, Adopted: a.adopted, Tag: object.DeadVLAN,
		InterfaceID: p.InterfaceID, MAC: p.MAC.String(),
	}
	b.Add(port)
	plug := compile.Plug{Device: a.device, Netdev: a.netdev, Up: []object.Key{port.Key()}}
	shaped := p.Limits.Ingress.RateKbps != 0
	if shaped && !a.adopted {
		plug.QdiscAfter = []object.Key{port.Key()} // Open vSwitch removes the traffic control of a device that it opens
	}
	if n == nil || p.State != desired.StateActive {
		return plug
	}
	if a.ofport == 0 {
		plug.Up = nil
		return plug
	}
	if shaped && !a.netdev {
		b.Pend("interface %s is no netdev: what its guest receives cannot be limited, so it stays mute; remove limits.ingress.rateKbps", a.device)
		return plug
	}
	w := segmentOf(s, n)
	flows := &object.FlowSet{
		OwnerUID: p.UID, Bridge: h.Bridge, Feature: FeaturePort, Cookie: Cookie(p.UID, FeaturePort),
		Flows: portFlows(p, w.number, n.IsolateGuests, s.Reader().Zone(n.UID), a.ofport), Guest: object.MAC(p.MAC),
		After: []object.Key{flowSetKey(h.Bridge, h.UID, FeatureBridge)},
	}
	flows.After = append(flows.After, addMeters(b, h.Bridge, p, metersOf(p.Limits, a.ofport))...)
	if shaped {
		flows.After = append(flows.After, compile.QdiscKey(a.device))
	}
	if len(p.SecurityGroups) > 0 {
		flows.After = append(flows.After, flowSetKey(h.Bridge, n.UID, FeatureNetwork)) // it sends packets to the connection tracker
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
	if w.uplinkPort != 0 {
		plug.Uplink = w.device
	}
	return plug
}
