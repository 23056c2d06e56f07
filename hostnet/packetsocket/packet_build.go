// Package packetsocket sends and receives raw Ethernet frames on guests' ports. It builds and parses the few kinds of packets that
// Weft's own servers use, carries them over a Transport (all transports share one socket, the Mux), and runs one server per
// port.
//
// Invariants:
//   - Nothing that is received is trusted. Every length is checked, nothing panics, and both the work per frame and the frames
//     per second are bounded.
//   - Checksums of received UDP are not verified, because veth and virtio leave them to hardware that does not exist.
//   - Checksums of sent packets are always complete.
package packetsocket

import (
	"encoding/binary"
	"net/netip"

	"weft/hostnet/object"
)

// Ethernet types (IEEE 802 Numbers).
const (
	EtherTypeIPv4 uint16 = 0x0800
	EtherTypeARP  uint16 = 0x0806
	EtherTypeRARP uint16 = 0x8035
	EtherTypeIPv6 uint16 = 0x86dd
	EtherTypeVLAN uint16 = 0x8100
)

// IP protocol numbers.
const (
	ProtocolTCP    uint8 = 6
	ProtocolUDP    uint8 = 17
	ProtocolICMPv6 uint8 = 58
)

// Sizes in bytes of headers without options.
const (
	ethernetSize = 14
	ipv4Size     = 20
	ipv6Size     = 40
	udpSize      = 8
	icmp6Size    = 4
	arpSize      = 28
)

// Broadcast is the Ethernet broadcast address.
func Broadcast() object.MAC { return object.MAC{0xff, 0xff, 0xff, 0xff, 0xff, 0xff} }

// MulticastMAC is the Ethernet address of an IPv6 multicast group (RFC 2464 section 7).
func MulticastMAC(group netip.Addr) object.MAC {
	a := group.As16()
	return object.MAC{0x33, 0x33, a[12], a[13], a[14], a[15]}
}

// Between is the pair of Ethernet addresses of a frame to be sent.
type Between struct{ Src, Dst object.MAC }

// header starts a frame with room for size more bytes.
func (b Between) header(etherType uint16, size int) []byte {
	f := make([]byte, 0, ethernetSize+size)
	f = append(f, b.Dst[:]...)
	f = append(f, b.Src[:]...)
	return binary.BigEndian.AppendUint16(f, etherType)
}

// Frame builds a whole untagged frame with the packet, which it copies.
func Frame(between Between, etherType uint16, packet []byte) []byte {
	return append(between.header(etherType, len(packet)), packet...)
}

// UDP builds a whole frame with an IPv4 or IPv6 datagram. src and dst must be of the same family. The payload has at most 65,000
// bytes.
func UDP(between Between, src, dst netip.AddrPort, payload []byte) []byte {
	u := make([]byte, 0, udpSize+len(payload))
	u = binary.BigEndian.AppendUint16(u, src.Port())
	u = binary.BigEndian.AppendUint16(u, dst.Port())
	u = binary.BigEndian.AppendUint16(u, uint16(udpSize+len(payload)))
	u = append(u, 0, 0)
	u = append(u, payload...)
	c := transportChecksum(src.Addr(), dst.Addr(), ProtocolUDP, u)
	if c == 0 { // RFC 768: 0 would say "none"; RFC 8200 section 8.1 forbids none
		c = 0xffff
	}
	binary.BigEndian.PutUint16(u[6:], c)
	if src.Addr().Is4() {
		return ipv4(between, src.Addr(), dst.Addr(), ProtocolUDP, u)
	}
	return ipv6(between, src.Addr(), dst.Addr(), ProtocolUDP, 64, u)
}

// ICMPv6 builds a whole frame with a neighbour discovery message. message starts with the ICMPv6 type. The checksum is filled in,
// and the hop limit is 255, as RFC 4861 requires.
func ICMPv6(between Between, src, dst netip.Addr, message []byte) []byte {
	m := append([]byte(nil), message...)
	m[2], m[3] = 0, 0
	binary.BigEndian.PutUint16(m[2:], transportChecksum(src, dst, ProtocolICMPv6, m))
	return ipv6(between, src, dst, ProtocolICMPv6, 255, m)
}

// ARP operations (RFC 826).
const (
	ARPRequest uint16 = 1
	ARPReply   uint16 = 2
)

// ARP is an IPv4-over-Ethernet ARP packet (RFC 826).
type ARP struct {
	Operation            uint16
	SenderMAC, TargetMAC object.MAC
	Sender, Target       netip.Addr // IPv4
}

// Frame builds a whole frame with the packet.
func (a ARP) Frame(between Between) []byte {
	f := between.header(EtherTypeARP, arpSize)
	f = append(f, 0, 1, 0x08, 0x00, 6, 4) // Ethernet, IPv4, their address sizes
	f = binary.BigEndian.AppendUint16(f, a.Operation)
	sender, target := a.Sender.As4(), a.Target.As4()
	f = append(f, a.SenderMAC[:]...)
	f = append(f, sender[:]...)
	f = append(f, a.TargetMAC[:]...)
	return append(f, target[:]...)
}

// Tagged returns the frame with an 802.1Q tag of the VLAN id, or the frame itself for id 0.
func Tagged(f []byte, vlan uint16) []byte {
	if vlan == 0 {
		return f
	}
	t := make([]byte, 0, len(f)+4)
	t = append(t, f[:12]...)
	t = binary.BigEndian.AppendUint16(t, EtherTypeVLAN)
	t = binary.BigEndian.AppendUint16(t, vlan&0x0fff)
	return append(t, f[12:]...)
}

func ipv4(between Between, src, dst netip.Addr, protocol uint8, payload []byte) []byte {
	f := between.header(EtherTypeIPv4, ipv4Size+len(payload))
	f = append(f, 0x45, 0)
	f = binary.BigEndian.AppendUint16(f, uint16(ipv4Size+len(payload)))
	f = append(f, 0, 0, 0x40, 0, 64, protocol, 0, 0) // id 0 with DF set (RFC 6864), TTL 64
	s, d := src.As4(), dst.As4()
	f = append(f, s[:]...)
	f = append(f, d[:]...)
	header := f[ethernetSize:]
	binary.BigEndian.PutUint16(header[10:], fold(sum(0, header)))
	return append(f, payload...)
}

func ipv6(between Between, src, dst netip.Addr, next uint8, hopLimit uint8, payload []byte) []byte {
	f := between.header(EtherTypeIPv6, ipv6Size+len(payload))
	f = append(f, 0x60, 0, 0, 0)
	f = binary.BigEndian.AppendUint16(f, uint16(len(payload)))
	f = append(f, next, hopLimit)
	s, d := src.As16(), dst.As16()
	f = append(f, s[:]...)
	f = append(f, d[:]...)
	return append(f, payload...)
}

// transportChecksum covers the pseudo-header (RFC 768, RFC 8200 section 8.1) and the segment. The segment's checksum field must
// still be 0.
func transportChecksum(src, dst netip.Addr, protocol uint8, segment []byte) uint16 {
	s := sum(0, src.AsSlice())
	s = sum(s, dst.AsSlice())
	return fold(sum(s+uint32(protocol)+uint32(len(segment)), segment))
}

// sum adds 16-bit words. An odd last byte is padded with 0 (RFC 1071). Up to 128 KiB fit before the sum overflows.
func sum(s uint32, b []byte) uint32 {
	for ; len(b) >= 2; b = b[2:] {
		s += uint32(b[0])<<8 | uint32(b[1])
	}
	if len(b) == 1 {
		s += uint32(b[0]) << 8
	}
	return s
}

func fold(s uint32) uint16 {
	for s>>16 != 0 {
		s = s&0xffff + s>>16
	}
	return ^uint16(s)
}
