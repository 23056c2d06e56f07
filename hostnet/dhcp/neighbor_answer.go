package dhcp

import (
	"slices"

	"weft/hostnet/object"
	"weft/hostnet/packetsocket"
)

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
	return Outcome{Frames: [][]byte{packetsocket.AnswerARP(a, object.ServerMAC)}}
}

// answerNeighbor answers neighbour solicitations for the servers' link-local address, also those of duplicate address detection.
func answerNeighbor(b *object.DHCPBinding, m packetsocket.Message) Outcome {
	if m.EthSrc != b.MAC || !packetsocket.Solicits(m, object.ServerLinkLocal) {
		return Outcome{}
	}
	frame, err := packetsocket.AnswerSolicitation(m, object.ServerLinkLocal, object.ServerMAC)
	if err != nil {
		return Outcome{Note: err.Error()}
	}
	return Outcome{Frames: [][]byte{frame}}
}
