package compile

import (
	"weft/hostnet/object"
	"weft/model/desired"
)

// port compiles one guest interface: its OVS port, its link, its flows and what is served on it. Each needs what comes
// before it; what is missing makes the port pending with the objects that are right already.
func (c compiler) port(u *unitBuilder, p *desired.Port) {
	h := c.slice.Host
	if h == nil || c.bridgeRefusal(h) != "" {
		u.pend("waits for the host's bridge")
		return
	}
	n := c.slice.Networks[p.Network]
	if why := c.portRefusal(h, n, p); why != "" {
		u.refuse("%s", why)
		return
	}
	a := c.attach(h, p)
	if a.refused != "" {
		u.refuse("%s", a.refused)
		return
	}
	if a.pending != "" {
		u.pend("%s", a.pending)
	}
	if a.device == "" {
		return
	}
	plug := &object.OVSPort{
		OwnerUID: p.UID, Bridge: h.Bridge, Device: a.device, Adopted: a.adopted, Tag: object.DeadVLAN,
		InterfaceID: p.InterfaceID, MAC: p.MAC.String(),
	}
	u.add(plug)
	if n == nil {
		u.pend("waits for network %s", quote(p.Network))
		return
	}
	s := c.networkState(h, n)
	if s.refused != "" {
		u.pend("network %s/%s is refused: %s", n.Project, n.Name, s.refused)
		return
	}
	if a.netdev {
		u.add(&object.Qdisc{OwnerUID: p.UID, Device: a.device})
	}
	if p.State != desired.StateActive {
		c.addLink(u, n, p, a, []object.Key{plug.Key()})
		return
	}
	if a.ofport == 0 {
		return
	}
	flows := &object.FlowSet{
		OwnerUID: p.UID, Bridge: h.Bridge, Feature: FeaturePort, Cookie: Cookie(p.UID, FeaturePort),
		Flows: portFlows(p, s.number, a.ofport),
		After: []object.Key{flowSetKey(h.Bridge, h.UID, FeatureBridge)},
	}
	if a.adopted {
		// The port is there already, and what is written on it makes the switch work for a while: flows first.
		plug.After = []object.Key{flows.Key()}
	} else {
		flows.After = append(flows.After, plug.Key())
	}
	u.add(flows)
	c.addLink(u, n, p, a, linkAfter(plug, flows))
	if a.netdev {
		addServices(u, n, p, a.device)
	}
	if s.device != "" && s.uplinkPort != 0 {
		u.add(&object.Announcement{
			OwnerUID: p.UID, Device: s.device, VLAN: n.SegmentationID, MAC: object.MAC(p.MAC), Addresses: addresses(p),
			After: []object.Key{flows.Key(), flowSetKey(h.Bridge, n.UID, FeatureNetwork)},
		})
	}
}

// linkAfter is what an active guest's link waits for: its flows, and a port of ours.
func linkAfter(plug *object.OVSPort, flows *object.FlowSet) []object.Key {
	if plug.Adopted {
		return []object.Key{flows.Key()}
	}
	return []object.Key{plug.Key(), flows.Key()}
}

func (c compiler) addLink(u *unitBuilder, n *desired.Network, p *desired.Port, a attachment, after []object.Key) {
	if !a.netdev {
		u.pend("interface %s is no netdev: its MTU cannot be set and nothing is served on it", a.device)
		return
	}
	u.add(&object.Link{OwnerUID: p.UID, Name: a.device, MTU: n.MTU, Up: true, After: after})
}
