package metadata

import (
	"encoding/binary"
	"net/netip"
	"slices"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/header"

	"weft/hostnet/object"
	"weft/hostnet/packetsocket"
)

// Reason says why something of a guest was rejected, as metrics name it.
type Reason string

// The reasons.
const (
	// RejectedSource: a frame came from a MAC or an address that the port may not use.
	RejectedSource Reason = "source"
	// RejectedMalformed: a packet has other headers than a TCP connection has, or its lengths contradict each other.
	RejectedMalformed Reason = "malformed"
	// RejectedRate: the port sent more frames than are read.
	RejectedRate Reason = "rate"
	// RejectedStacks: no stack could be made for the port yet.
	RejectedStacks Reason = "stacks"
	// RejectedPort: a packet was for a TCP port at which nothing is served to the guest.
	RejectedPort Reason = "port"
	// RejectedConnections: a connection was ended, because the port or the host has newer ones and no room for all of them.
	RejectedConnections Reason = "connections"
)

// Reasons lists the reasons.
func Reasons() []Reason {
	return []Reason{RejectedSource, RejectedMalformed, RejectedRate, RejectedStacks, RejectedPort, RejectedConnections}
}

const (
	ethernetSize = 14
	ipv4Size     = 20 // without options
	ipv6Size     = 40
	tcpSize      = 20 // without options
)

// outcome is what a frame leads to: an answer, a packet for the port's stack, or a rejection. It may be nothing of these.
type outcome struct {
	answer   []byte
	protocol tcpip.NetworkProtocolNumber
	packet   []byte // an IP packet, part of the frame
	begins   bool   // the packet opens a connection
	rejected Reason
}

// filter passes the frames that judge reads: ARP and solicitations for the service's addresses, and TCP to its port, or to all ports if the
// guest may use services of the host. There are three such filters whatever the services are, so that the kernel compares a frame with
// ten rules at most, however many ports there are.
func filter(b *object.MetadataBinding) packetsocket.Filter {
	port := object.MetadataPort
	if b.HostNet || len(b.Services) > 0 {
		port = 0
	}
	return packetsocket.Filter{Rules: []packetsocket.Rule{
		packetsocket.ARPRequestFor(b.IPv4()),
		packetsocket.ICMPv6Type(packetsocket.NeighborSolicitation).NDTarget(object.MetadataIPv6),
		packetsocket.TCP4To(b.IPv4(), port),
		packetsocket.TCP6To(object.MetadataIPv6, port),
	}}
}

// judge decides about one frame that came in on the device of the binding. It is pure, and keeps neither argument.
func judge(b *object.MetadataBinding, frame []byte) outcome {
	if len(frame) < ethernetSize {
		return outcome{rejected: RejectedMalformed}
	}
	if object.MAC(frame[6:12]) != b.MAC {
		return outcome{rejected: RejectedSource}
	}
	switch packetsocket.EtherType(frame) {
	case packetsocket.EtherTypeARP:
		return judgeARP(b, frame)
	case packetsocket.EtherTypeIPv4:
		return judgeIPv4(b, frame[ethernetSize:])
	case packetsocket.EtherTypeIPv6:
		if m, err := packetsocket.ParseICMPv6(frame); err == nil {
			return judgeSolicitation(b, m)
		}
		return judgeIPv6(b, frame[ethernetSize:])
	}
	return outcome{}
}

// judgeARP answers requests for the service's address, also probes (RFC 5227).
func judgeARP(b *object.MetadataBinding, frame []byte) outcome {
	a, _, err := packetsocket.ParseARP(frame)
	switch {
	case err != nil || a.Operation != packetsocket.ARPRequest || a.Target != b.IPv4():
		return outcome{rejected: RejectedMalformed}
	case a.SenderMAC != b.MAC || !a.Sender.IsUnspecified() && !mayUse(b, a.Sender):
		return outcome{rejected: RejectedSource}
	}
	return outcome{answer: packetsocket.AnswerARP(a, object.ServerMAC)}
}

func judgeSolicitation(b *object.MetadataBinding, m packetsocket.Message) outcome {
	if !packetsocket.Solicits(m, object.MetadataIPv6) {
		return outcome{rejected: RejectedMalformed}
	}
	if !m.Src.IsUnspecified() && !mayUse(b, m.Src) {
		return outcome{rejected: RejectedSource}
	}
	answer, err := packetsocket.AnswerSolicitation(m, object.MetadataIPv6, object.ServerMAC)
	if err != nil {
		return outcome{rejected: RejectedMalformed}
	}
	return outcome{answer: answer}
}

// judgeIPv4 accepts whole packets without IP options. Whoever sends others to this address tries something.
func judgeIPv4(b *object.MetadataBinding, p []byte) outcome {
	if len(p) < ipv4Size+tcpSize || p[0] != 4<<4|ipv4Size/4 || binary.BigEndian.Uint16(p[6:])&0x3fff != 0 || p[9] != packetsocket.ProtocolTCP {
		return outcome{rejected: RejectedMalformed}
	}
	total := int(binary.BigEndian.Uint16(p[2:]))
	if total < ipv4Size+tcpSize || total > len(p) || netip.AddrFrom4([4]byte(p[16:20])) != b.IPv4() {
		return outcome{rejected: RejectedMalformed}
	}
	if !serves(b, p[ipv4Size:]) {
		return outcome{rejected: RejectedPort}
	}
	if !mayUse(b, netip.AddrFrom4([4]byte(p[12:16]))) {
		return outcome{rejected: RejectedSource}
	}
	return outcome{protocol: header.IPv4ProtocolNumber, packet: p[:total], begins: begins(p[ipv4Size:])}
}

// judgeIPv6 accepts packets without extension headers.
func judgeIPv6(b *object.MetadataBinding, p []byte) outcome {
	if len(p) < ipv6Size+tcpSize || p[0]>>4 != 6 || p[6] != packetsocket.ProtocolTCP {
		return outcome{rejected: RejectedMalformed}
	}
	total := ipv6Size + int(binary.BigEndian.Uint16(p[4:]))
	if total < ipv6Size+tcpSize || total > len(p) || netip.AddrFrom16([16]byte(p[24:40])) != object.MetadataIPv6 {
		return outcome{rejected: RejectedMalformed}
	}
	if !serves(b, p[ipv6Size:]) {
		return outcome{rejected: RejectedPort}
	}
	if !mayUse(b, netip.AddrFrom16([16]byte(p[8:24]))) {
		return outcome{rejected: RejectedSource}
	}
	return outcome{protocol: header.IPv6ProtocolNumber, packet: p[:total], begins: begins(p[ipv6Size:])}
}

// begins says that the segment opens a connection: SYN without ACK (RFC 9293 section 3.5).
func begins(segment []byte) bool { return segment[13]&0x12 == 0x02 }

// serves says that the segment is for a port at which something is served to the guest.
func serves(b *object.MetadataBinding, segment []byte) bool {
	port := binary.BigEndian.Uint16(segment[2:])
	if port == object.MetadataPort {
		return !b.HostNet
	}
	return slices.ContainsFunc(b.Services, func(s object.HostService) bool { return s.Port == port })
}

// mayUse says that the guest may send from the address: its own ones, those of allowed address pairs with the port's MAC, and any
// link-local IPv6 address but those of Weft. Which link-local address it is does not matter, because the guest is known by its device, and
// the answer goes nowhere else.
func mayUse(b *object.MetadataBinding, a netip.Addr) bool {
	for _, own := range b.Addresses {
		if own.Addr() == a {
			return true
		}
	}
	for _, block := range b.Sources {
		if block.Contains(a) {
			return true
		}
	}
	return a.Is6() && a.IsLinkLocalUnicast() && a != object.MetadataIPv6 && a != object.ServerLinkLocal && a != object.GatewayLinkLocal
}
