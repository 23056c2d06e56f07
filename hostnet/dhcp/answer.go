// Package dhcp serves DHCPv4 and DHCPv6 to each guest on its own port.
//
// Invariants:
//   - An answer depends only on the binding and the received frame: there is no lease database, no clock, and no network but the
//     port. So every host gives the same answer, and renewals need nobody else.
//   - Only the port's own MAC is answered, and only on its own port.
//   - A frame costs bounded work and never causes a panic.
//   - What a guest asks for never decides what it gets, only whether the answer is yes or no.
package dhcp

import (
	"net/netip"

	"weft/hostnet/object"
	"weft/hostnet/packetsocket"
)

// UDP ports (RFC 2131 section 4.1, RFC 8415 section 7.2).
const (
	server4Port uint16 = 67
	client4Port uint16 = 68
	client6Port uint16 = 546
	server6Port uint16 = 547
)

// Outcome is the result of a received frame.
type Outcome struct {
	Frames [][]byte // to be sent to the guest
	Note   string   // what an operator should know ("declined 192.0.2.5: …"); usually empty
	// Declined are addresses that the guest will not use, because somebody else has them. They may be any addresses.
	Declined []netip.Addr
	leftOut  leftOut
}

// Answer decides what a frame from the guest of the binding leads to. It keeps neither argument.
func Answer(b *object.DHCPBinding, received []byte) Outcome {
	switch packetsocket.EtherType(received) {
	case packetsocket.EtherTypeARP:
		return answerARP(b, received)
	case packetsocket.EtherTypeIPv4, packetsocket.EtherTypeIPv6:
		if d, err := packetsocket.ParseUDP(received); err == nil {
			return answerUDP(b, d)
		}
		if m, err := packetsocket.ParseICMPv6(received); err == nil {
			return answerNeighbor(b, m)
		}
	}
	return Outcome{}
}

func answerUDP(b *object.DHCPBinding, d packetsocket.Datagram) Outcome {
	if d.EthSrc != b.MAC {
		return Outcome{}
	}
	switch {
	case d.Src.Addr().Is4() && d.Dst.Port() == server4Port:
		return answer4(b, d)
	case d.Src.Addr().Is6() && d.Dst.Port() == server6Port:
		return answer6(b, d)
	}
	return Outcome{}
}

// toGuest is the pair of Ethernet addresses of a frame to the guest only.
func toGuest(b *object.DHCPBinding) packetsocket.Between {
	return packetsocket.Between{Src: object.ServerMAC, Dst: b.MAC}
}

// toAll is the pair of Ethernet addresses of a broadcast frame on the guest's port.
func toAll() packetsocket.Between {
	return packetsocket.Between{Src: object.ServerMAC, Dst: packetsocket.Broadcast()}
}

// filter passes the frames that Answer may answer.
func filter(b *object.DHCPBinding) packetsocket.Filter {
	f := packetsocket.Filter{Rules: []packetsocket.Rule{
		packetsocket.UDP4To(server4Port),
		packetsocket.UDP6To(server6Port),
		packetsocket.ICMPv6Type(packetsocket.NeighborSolicitation).NDTarget(object.ServerLinkLocal),
	}}
	for _, s := range servers(b) {
		f.Rules = append(f.Rules, packetsocket.ARPRequestFor(s))
	}
	return f
}

// servers lists the binding's DHCPv4 server identifiers, each once.
func servers(b *object.DHCPBinding) []netip.Addr {
	var list []netip.Addr
	seen := map[netip.Addr]bool{}
	for _, l := range b.V4 {
		if !seen[l.Server] {
			seen[l.Server] = true
			list = append(list, l.Server)
		}
	}
	return list
}
