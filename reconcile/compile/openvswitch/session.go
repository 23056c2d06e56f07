package openvswitch

import (
	"encoding/binary"
	"encoding/hex"
	"maps"
	"net/netip"
	"slices"

	"weft/hostnet/object"
	"weft/model/desired"
	"weft/reconcile/compile"
)

// portBFD is the UDP port of BFD's control packets (RFC 5881).
const portBFD uint16 = 3784

// ttlNeighbor is the TTL of a packet that no router has forwarded (RFC 5082).
const ttlNeighbor = 255

// addSessions adds the BFD sessions with the hosts that share a centralized router with this one and watch each other on this network.
// There is one session with each host, however many routers they share.
func addSessions(b *compile.Builder, s compile.Site, n *desired.Network, w segment) {
	peers := peersOn(s, n)
	if len(peers) > 0 && s.Host.RouterMAC.IsZero() {
		b.Pend("waits for the host's router MAC")
		return
	}
	for _, node := range slices.Sorted(maps.Keys(peers)) {
		session := &object.Session{OwnerUID: n.UID, Bridge: s.Host.Bridge, Device: SessionDevice(n.UID, node), PeerDevice: sessionPeerDevice(n.UID, node),
			Local: object.MAC(s.Host.RouterMAC), Remote: peers[node].mac}
		b.Add(session)
		out := interfacePort(s, session.PeerDevice)
		if out == 0 || w.uplinkPort == 0 {
			b.Pend("waits for an OpenFlow port number of the BFD session with host %s, or for the uplink", compile.Quote(node))
			continue
		}
		feature := FeatureSession(node)
		b.Add(&object.FlowSet{OwnerUID: n.UID, Bridge: s.Host.Bridge, Feature: feature, Cookie: Cookie(n.UID, feature),
			Flows: sessionFlows(session, peers[node], w.number, out),
			After: []object.Key{session.Key(), flowSetKey(s.Host.Bridge, n.UID, FeatureNetwork)}})
	}
}

// peer is another host of a centralized router.
type peer struct {
	mac object.MAC
	// say is the mark of this host's packets to it, and hear the mark of its own packets.
	say, hear sessionMark
}

// peersOn are the other hosts of all centralized routers whose hosts watch each other on a network. A host's secret is the same in
// every router that has one for it. A router with a host that does not support secrets has none.
func peersOn(s compile.Site, n *desired.Network) map[string]peer {
	peers := map[string]peer{}
	for _, uid := range s.Reader().Sorted(compile.GroupWatch, n.UID) {
		r := s.CentralRouter(uid)
		if r == nil {
			continue
		}
		own := slices.IndexFunc(r.Central.Peers, func(p desired.GatewayPeer) bool { return p.Node == s.Host.Name })
		say := markOf(r.Central.Peers[own].Secret)
		for _, p := range r.Central.Peers {
			if known, is := peers[p.Node]; p.Node == s.Host.Name || is && known.hear != wellKnownMark() {
				continue
			}
			peers[p.Node] = peer{object.MAC(p.MAC), say, markOf(p.Secret)}
		}
	}
	return peers
}

// sessionMark has the values of the fields that have no meaning between two neighbours: the addresses and the source port (RFC 5881
// 4). A host's BFD packets carry its secret in them.
type sessionMark struct {
	src, dst netip.Addr
	port     uint16 // 0: any
}

// wellKnownMark is the mark of a host without a secret. Open vSwitch itself uses these values.
func wellKnownMark() sessionMark {
	return sessionMark{src: object.SessionSource, dst: object.SessionDestination}
}

// markOf distributes a secret over the fields: 76 bits. The addresses are unicast ones, because switches do not inspect these.
func markOf(secret string) sessionMark {
	b, err := hex.DecodeString(secret)
	if err != nil || len(b) != desired.SessionSecretSize {
		return wellKnownMark()
	}
	address := func(b []byte) netip.Addr { return netip.AddrFrom4([4]byte{1 + b[0]%126, b[1], b[2], b[3]}) }
	const firstPort = 49152 // RFC 5881 4
	return sessionMark{address(b), address(b[4:]), firstPort | binary.BigEndian.Uint16(b[8:])&0x3fff}
}

// sessionFlows forward a session's packets to the physical network and back. Nothing else passes its ports. A packet from the
// physical network passes only with the other host's MAC and mark, and if nobody has forwarded it (RFC 5881 5). A guest never gets
// here, because its MAC is checked; nor does another network. Somebody on the segment has to guess the mark.
func sessionFlows(session *object.Session, p peer, number uint64, ofport uint32) []object.Flow {
	var l flowList
	out := object.Match{InPort: ofport, VLAN: object.VLANUntagged(), EthSrc: object.ExactMAC(session.Local), EthType: ethIPv4,
		IPProto: protoUDP, UDPDst: portBFD}
	in := object.Match{Metadata: object.Exact64(number), EthSrc: object.ExactMAC(session.Remote), EthDst: object.ExactMAC(session.Local),
		EthType: ethIPv4, IPProto: protoUDP, IPSrc: single(p.hear.src), IPDst: single(p.hear.dst), TTL: ttlNeighbor, Frag: object.FragNo,
		UDPSrc: p.hear.port, UDPDst: portBFD}
	plain := wellKnownMark()
	l.add(tableClassify, prioAllow, out, append(p.say.from(plain), object.SetMetadata{Value: number}, object.Goto{Table: tableUplink})...)
	l.add(tableFromNetwork, prioException, in, append(plain.from(p.hear), object.Output{Port: ofport})...)
	return l
}

// from rewrites a packet with another mark to this one. If this mark has no port, the port stays as it is.
func (m sessionMark) from(other sessionMark) (actions []object.Action) {
	if m == other {
		return nil
	}
	actions = append(actions, object.SetIPSrc{Addr: m.src}, object.SetIPDst{Addr: m.dst})
	if m.port != 0 {
		actions = append(actions, object.SetUDPSrc{Port: m.port})
	}
	return actions
}
