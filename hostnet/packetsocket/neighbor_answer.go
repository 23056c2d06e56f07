package packetsocket

import (
	"fmt"
	"net/netip"

	"github.com/mdlayher/ndp"

	"weft/hostnet/object"
)

const (
	// NeighborSolicitation is the ICMPv6 type of a neighbour solicitation (RFC 4861 section 4.3).
	NeighborSolicitation uint8 = 135
	// solicitationSize is the size of a neighbour solicitation in bytes, without options.
	solicitationSize = 24
	// discoveryHopLimit proves that a neighbour discovery message crossed no router (RFC 4861 section 7.1.1).
	discoveryHopLimit = 255
)

// AnswerARP is the reply of the owner of the address that the guest asks for, to the guest alone.
func AnswerARP(asked ARP, owner object.MAC) []byte {
	reply := ARP{
		Operation: ARPReply,
		SenderMAC: owner, Sender: asked.Target,
		TargetMAC: asked.SenderMAC, Target: asked.Sender,
	}
	return reply.Frame(Between{Src: owner, Dst: asked.SenderMAC})
}

// Solicits says that the message is a valid neighbour solicitation for the address.
func Solicits(m Message, target netip.Addr) bool {
	if m.HopLimit != discoveryHopLimit || m.Body[0] != NeighborSolicitation || m.Body[1] != 0 {
		return false
	}
	if len(m.Body) < solicitationSize || !WholeOptions(m.Body[solicitationSize:]) {
		return false
	}
	return netip.AddrFrom16([16]byte(m.Body[8:24])) == target
}

// AnswerSolicitation is the advertisement of the owner of the target, to the MAC that the solicitation came from. A solicitation from the
// unspecified address is duplicate address detection. It is answered to all nodes (RFC 4861 section 7.2.4), because the address is taken.
func AnswerSolicitation(m Message, target netip.Addr, owner object.MAC) ([]byte, error) {
	dst := m.Src
	if dst.IsUnspecified() {
		dst = netip.IPv6LinkLocalAllNodes()
	}
	body, err := ndp.MarshalMessage(&ndp.NeighborAdvertisement{
		Solicited: dst == m.Src, Override: true, TargetAddress: target,
		Options: []ndp.Option{&ndp.LinkLayerAddress{Direction: ndp.Target, Addr: owner[:]}},
	})
	if err != nil {
		return nil, fmt.Errorf("neighbour advertisement not built: %w", err)
	}
	return ICMPv6(Between{Src: owner, Dst: m.EthSrc}, target, dst, body), nil
}
