package compile

import (
	"weft/hostnet/object"
	"weft/model"
	"weft/model/desired"
)

// maxSubnets bounds what one network may bring to a host.
const maxSubnets = 64

// networkState is what the host makes of one network.
type networkState struct {
	number  uint64
	refused string
	// pending says why the network is only local to this host; empty when it has an uplink.
	pending    string
	device     string // the uplink's netdev; empty for a network without one
	uplinkPort uint32
}

// network compiles what a network's frames need besides its ports: where they come from on the wire, where broadcast
// goes, and how frames leave.
func (c compiler) network(u *unitBuilder, n *desired.Network) {
	h := c.slice.Host
	if h == nil || c.bridgeRefusal(h) != "" {
		u.pend("waits for the host's bridge")
		return
	}
	s := c.networkState(h, n)
	if s.refused != "" {
		u.refuse("%s", s.refused)
		return
	}
	if s.pending != "" {
		u.pend("%s", s.pending)
	}
	after := []object.Key{flowSetKey(h.Bridge, h.UID, FeatureBridge)}
	if s.device != "" {
		after = append(after, object.Key{Kind: object.KindUplink, Name: s.device})
	}
	u.add(&object.FlowSet{
		OwnerUID: n.UID, Bridge: h.Bridge, Feature: FeatureNetwork, Cookie: Cookie(n.UID, FeatureNetwork),
		Flows: networkFlows(n, s, c.floodPorts(h, n)), After: after,
	})
}

// networkState judges a network by itself, by its rivals and by the uplink of its physical network.
func (c compiler) networkState(h *desired.Host, n *desired.Network) networkState {
	s := networkState{refused: networkFault(n)}
	if s.refused != "" {
		return s
	}
	s.number, _ = NetworkNumber(n.UID)
	if rival := c.networkRival(n); rival != "" {
		s.refused = rival
		return s
	}
	for i, up := range h.Uplinks {
		if up.PhysicalNetwork != n.PhysicalNetwork {
			continue
		}
		state := c.uplink(h, i)
		switch {
		case state.refused != "":
			s.pending = "guests reach only this host: " + state.refused
		case state.missing:
			s.pending = "guests reach only this host: " + state.pending
		default:
			s.device, s.uplinkPort = up.Interface, state.ofport
			if state.ofport == 0 {
				s.pending = state.pending
			}
		}
		return s
	}
	s.pending = "guests reach only this host: it has no uplink to physical network " + quote(n.PhysicalNetwork)
	return s
}

// networkFault says what of a network can be wired nowhere; empty when all is well.
func networkFault(n *desired.Network) string {
	_, hasNumber := NetworkNumber(n.UID)
	switch {
	case n.Type != model.NetworkTypeVLAN:
		return "network type " + quote(string(n.Type)) + " is not known to this version"
	case !hasNumber:
		return "uid " + quote(n.UID) + " is no UUID with a number of its own"
	case n.SegmentationID < 1 || n.SegmentationID > 4094:
		return "VLAN id is not between 1 and 4094"
	case n.MTU < 68 || n.MTU > 65535:
		return "MTU is not between 68 and 65535"
	case len(n.Subnets) > maxSubnets:
		return "more than 64 subnets"
	}
	return ""
}

// networkRival names the network that has this one's number or VLAN before it: the lower uid has it.
func (c compiler) networkRival(n *desired.Network) string {
	r := c.index.networks[n.UID]
	for _, uid := range c.index.byNumber.sorted(r.number) {
		if c.precedes(uid, n.UID) {
			return "its number on this host (the first half of its uid) belongs to network " + uid
		}
	}
	for _, uid := range c.index.bySegment.sorted(r.segment) {
		if c.precedes(uid, n.UID) {
			return "its VLAN id on physical network " + quote(n.PhysicalNetwork) + " belongs to network " + uid
		}
	}
	return ""
}

func (c compiler) precedes(rival, uid string) bool {
	n := c.slice.Networks[rival]
	return rival < uid && n != nil && networkFault(n) == ""
}

// floodPorts lists the OpenFlow ports of the network's active guests, in the order of their ports' uids.
func (c compiler) floodPorts(h *desired.Host, n *desired.Network) []uint32 {
	var ports []uint32
	for _, uid := range c.index.byNetwork.sorted(n.UID) {
		p := c.slice.Ports[uid]
		if p == nil || p.State != desired.StateActive {
			continue
		}
		if a := c.attach(h, p); a.ofport != 0 && a.refused == "" && c.portRefusal(h, n, p) == "" {
			ports = append(ports, a.ofport)
		}
	}
	return ports
}
