package packetsocket

import (
	"encoding/binary"
	"errors"
	"net/netip"

	"weft/hostnet/object"
)

// ErrNotOurs says that a frame is not of the requested kind, is cut short, or is malformed.
var ErrNotOurs = errors.New("not a well-formed packet of this kind")

// Datagram is a received UDP datagram of either family. Payload points into the frame.
type Datagram struct {
	EthSrc, EthDst object.MAC
	Src, Dst       netip.AddrPort
	Payload        []byte
}

// Message is a received ICMPv6 message. Body begins with the type and points into the frame.
type Message struct {
	EthSrc, EthDst object.MAC
	Src, Dst       netip.Addr
	HopLimit       uint8
	Body           []byte
}

// EtherType is the type of an untagged frame. It is 0 if there is none.
func EtherType(f []byte) uint16 {
	if len(f) < ethernetSize {
		return 0
	}
	return binary.BigEndian.Uint16(f[12:])
}

// ParseUDP parses an untagged frame with a whole UDP datagram. IPv4 options are skipped. Fragments and IPv6 extension headers are
// refused. The UDP checksum is not verified; see the package comment.
func ParseUDP(f []byte) (Datagram, error) {
	var d Datagram
	var src, dst netip.Addr
	var segment []byte
	switch EtherType(f) {
	case EtherTypeIPv4:
		p, err := parseIPv4(f[ethernetSize:])
		if err != nil || p.protocol != ProtocolUDP {
			return d, ErrNotOurs
		}
		src, dst, segment = p.src, p.dst, p.payload
	case EtherTypeIPv6:
		p, err := parseIPv6(f[ethernetSize:])
		if err != nil || p.protocol != ProtocolUDP {
			return d, ErrNotOurs
		}
		src, dst, segment = p.src, p.dst, p.payload
	default:
		return d, ErrNotOurs
	}
	if len(segment) < udpSize {
		return d, ErrNotOurs
	}
	length := int(binary.BigEndian.Uint16(segment[4:]))
	if length < udpSize || length > len(segment) {
		return d, ErrNotOurs
	}
	d.EthDst, d.EthSrc = ethernet(f)
	d.Src = netip.AddrPortFrom(src, binary.BigEndian.Uint16(segment))
	d.Dst = netip.AddrPortFrom(dst, binary.BigEndian.Uint16(segment[2:]))
	d.Payload = segment[udpSize:length]
	return d, nil
}

// ParseICMPv6 parses an untagged frame with an ICMPv6 message that follows the IPv6 header directly, as in neighbour discovery.
func ParseICMPv6(f []byte) (Message, error) {
	if EtherType(f) != EtherTypeIPv6 {
		return Message{}, ErrNotOurs
	}
	p, err := parseIPv6(f[ethernetSize:])
	if err != nil || p.protocol != ProtocolICMPv6 || len(p.payload) < icmp6Size {
		return Message{}, ErrNotOurs
	}
	m := Message{Src: p.src, Dst: p.dst, HopLimit: p.hopLimit, Body: p.payload}
	m.EthDst, m.EthSrc = ethernet(f)
	return m, nil
}

// ParseARP parses an untagged frame with an IPv4-over-Ethernet ARP packet.
func ParseARP(f []byte) (ARP, Between, error) {
	if EtherType(f) != EtherTypeARP || len(f) < ethernetSize+arpSize {
		return ARP{}, Between{}, ErrNotOurs
	}
	p := f[ethernetSize:]
	if [6]byte(p[:6]) != [6]byte{0, 1, 0x08, 0x00, 6, 4} {
		return ARP{}, Between{}, ErrNotOurs
	}
	a := ARP{
		Operation: binary.BigEndian.Uint16(p[6:]),
		SenderMAC: object.MAC(p[8:14]), Sender: netip.AddrFrom4([4]byte(p[14:18])),
		TargetMAC: object.MAC(p[18:24]), Target: netip.AddrFrom4([4]byte(p[24:28])),
	}
	dst, src := ethernet(f)
	return a, Between{Src: src, Dst: dst}, nil
}

// WholeOptions says whether neighbour discovery options (RFC 4861 section 4.6) fill b exactly, none of length 0. It reads only
// their lengths, so its cost is bounded for any content.
func WholeOptions(b []byte) bool {
	for len(b) >= 2 {
		n := int(b[1]) * 8
		if n == 0 || n > len(b) {
			return false
		}
		b = b[n:]
	}
	return len(b) == 0
}

func ethernet(f []byte) (dst, src object.MAC) { return object.MAC(f[:6]), object.MAC(f[6:12]) }

// ipPacket is one IP packet without its header.
type ipPacket struct {
	src, dst netip.Addr
	protocol uint8
	hopLimit uint8
	payload  []byte
}

func parseIPv4(b []byte) (ipPacket, error) {
	if len(b) < ipv4Size || b[0]>>4 != 4 {
		return ipPacket{}, ErrNotOurs
	}
	header, total := int(b[0]&0x0f)*4, int(binary.BigEndian.Uint16(b[2:]))
	if header < ipv4Size || total < header || total > len(b) {
		return ipPacket{}, ErrNotOurs
	}
	if binary.BigEndian.Uint16(b[6:])&0x3fff != 0 { // more fragments, or an offset
		return ipPacket{}, ErrNotOurs
	}
	return ipPacket{
		src: netip.AddrFrom4([4]byte(b[12:16])), dst: netip.AddrFrom4([4]byte(b[16:20])),
		protocol: b[9], hopLimit: b[8], payload: b[header:total],
	}, nil
}

func parseIPv6(b []byte) (ipPacket, error) {
	if len(b) < ipv6Size || b[0]>>4 != 6 {
		return ipPacket{}, ErrNotOurs
	}
	length := int(binary.BigEndian.Uint16(b[4:]))
	if ipv6Size+length > len(b) {
		return ipPacket{}, ErrNotOurs
	}
	return ipPacket{
		src: netip.AddrFrom16([16]byte(b[8:24])), dst: netip.AddrFrom16([16]byte(b[24:40])),
		protocol: b[6], hopLimit: b[7], payload: b[ipv6Size : ipv6Size+length],
	}, nil
}
