package dhcp

import (
	"net/netip"
	"slices"

	"github.com/mdlayher/ndp"

	"weft/hostnet/object"
	"weft/hostnet/packetsocket"
)

// neighborSolicitation is the ICMPv6 type of a neighbour solicitation (RFC 4861 section 4.3).
const neighborSolicitation uint8 = 135

// solicitationSize is the size of a neighbour solicitation in bytes, without options.
const solicitationSize = 24

// discoveryHopLimit proves that a neighbour discovery message crossed no router (RFC 4861 section 7.1.1).
const discoveryHopLimit = 255

// answerARP answers requests for the port's DHCPv4 server identifiers, also probes (RFC 5227). The address is ours on every port,
// and no guest may take it.
func answerARP(b *object.DHCPBinding, received []byte) Outcome {
	a, between, err := packetsocket.ParseARP(received)
	if err != nil || between.Src != b.MAC || a.SenderMAC != b.MAC || a.Operation != packetsocket.ARPRequest {
		return Outcome{}
	}
	if !slices.Contains(servers(b), a.Target) || a.Sender == a.Target {
		return Outcome{}
	}
	reply := packetsocket.ARP{
		Operation: packetsocket.ARPReply,
		SenderMAC: object.ServerMAC, Sender: a.Target,
		TargetMAC: b.MAC, Target: a.Sender,
	}
	return Outcome{Frames: [][]byte{reply.Frame(toGuest(b))}}
}

// answerNeighbor answers neighbour solicitations for the servers' link-local address. A solicitation from the unspecified address
// is duplicate address detection. It is answered to all nodes (RFC 4861 section 7.2.4), because the address is taken.
func answerNeighbor(b *object.DHCPBinding, m packetsocket.Message) Outcome {
	if m.EthSrc != b.MAC || m.HopLimit != discoveryHopLimit || m.Body[0] != neighborSolicitation || m.Body[1] != 0 {
		return Outcome{}
	}
	if len(m.Body) < solicitationSize || !packetsocket.WholeOptions(m.Body[solicitationSize:]) {
		return Outcome{}
	}
	if netip.AddrFrom16([16]byte(m.Body[8:24])) != object.ServerLinkLocal {
		return Outcome{}
	}
	dst := m.Src
	if dst.IsUnspecified() {
		dst = netip.IPv6LinkLocalAllNodes()
	}
	body, err := ndp.MarshalMessage(&ndp.NeighborAdvertisement{
		Solicited: dst == m.Src, Override: true, TargetAddress: object.ServerLinkLocal,
		Options: []ndp.Option{&ndp.LinkLayerAddress{Direction: ndp.Target, Addr: object.ServerMAC[:]}},
	})
	if err != nil {
		return Outcome{Note: "neighbour advertisement not built: " + err.Error()}
	}
	return Outcome{Frames: [][]byte{packetsocket.ICMPv6(toGuest(b), object.ServerLinkLocal, dst, body)}}
}
