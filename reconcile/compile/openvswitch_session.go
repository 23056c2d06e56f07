package compile

import (
	"maps"
	"slices"

	"weft/hostnet/object"
	"weft/model/desired"
)

// portBFD is the UDP port of BFD's control packets (RFC 5881).
const portBFD uint16 = 3784

// FeatureSession is the feature of the flow set of a network's BFD session with a host.
func FeatureSession(node string) string { return "session/" + node }

// sessions adds the BFD sessions with the hosts that share a centralized router with this one and watch each other on this network:
// one with each, however many routers there are.
func (s Site) sessions(b *Builder, n *desired.Network, wire networkState) {
	peers := s.peersOn(n)
	if len(peers) > 0 && s.Host.RouterMAC.IsZero() {
		b.Pend("waits for the host's router MAC")
		return
	}
	for _, node := range slices.Sorted(maps.Keys(peers)) {
		session := &object.Session{OwnerUID: n.UID, Bridge: s.Host.Bridge, Device: SessionDevice(n.UID, node), Wire: sessionWire(n.UID, node),
			Local: object.MAC(s.Host.RouterMAC), Remote: peers[node]}
		b.Add(session)
		out := s.legPort(session.Wire)
		if out == 0 || wire.uplinkPort == 0 {
			b.Pend("waits for an OpenFlow port number of the BFD session with host %s, or for the uplink", quote(node))
			continue
		}
		feature := FeatureSession(node)
		b.Add(&object.FlowSet{OwnerUID: n.UID, Bridge: s.Host.Bridge, Feature: feature, Cookie: Cookie(n.UID, feature),
			Flows: sessionFlows(session, wire.number, out),
			After: []object.Key{session.Key(), flowSetKey(s.Host.Bridge, n.UID, FeatureNetwork)}})
	}
}

// peersOn are the other hosts of all centralized routers that watch each other on a network, with their MACs.
func (s Site) peersOn(n *desired.Network) map[string]object.MAC {
	peers := map[string]object.MAC{}
	for _, uid := range s.index.byWatch.sorted(n.UID) {
		r := s.slice.Routers[uid]
		if r == nil || r.Central == nil || routerFault(r) != "" || centralFault(s.Host, r) != "" {
			continue
		}
		for _, p := range r.Central.Peers {
			if _, known := peers[p.Node]; !known && p.Node != s.Host.Name {
				peers[p.Node] = object.MAC(p.MAC)
			}
		}
	}
	return peers
}

// sessionFlows carry a session's packets to the wire and back; nothing else passes its ports.
func sessionFlows(session *object.Session, number uint64, wire uint32) []object.Flow {
	var l flowList
	out := object.Match{InPort: wire, VLAN: object.VLANUntagged(), EthSrc: object.ExactMAC(session.Local), EthType: ethIPv4, IPProto: protoUDP, UDPDst: portBFD}
	l.add(tableClassify, prioAllow, out, object.SetMetadata{Value: number}, object.Goto{Table: tableUplink})
	in := object.Match{Metadata: object.Exact64(number), EthSrc: object.ExactMAC(session.Remote), EthDst: object.ExactMAC(session.Local),
		EthType: ethIPv4, IPProto: protoUDP, UDPDst: portBFD}
	l.add(tableFromNetwork, prioException, in, object.Output{Port: wire})
	return l
}
