//go:build integration

package attack

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"weft/hostnet/object"
)

var (
	broadcast = object.MAC{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
	allNodes  = netip.MustParseAddr("ff02::1")
	allNodesM = object.MAC{0x33, 0x33, 0, 0, 0, 1}
	any4      = netip.IPv4Unspecified()
	all4      = netip.AddrFrom4([4]byte{255, 255, 255, 255})
	any6      = netip.IPv6Unspecified()
)

func ip(a netip.Addr) net.IP { return net.IP(a.AsSlice()) }

// derived is the EUI-64 link-local address of a MAC.
func derived(m object.MAC) netip.Addr {
	return netip.MustParseAddr(fmt.Sprintf("fe80::%02x%02x:%02xff:fe%02x:%02x%02x", m[0]^2, m[1], m[2], m[3], m[4], m[5]))
}

// eth puts an Ethernet II header before a payload.
func eth(src, dst object.MAC, kind uint16, payload []byte) []byte {
	f := append(append([]byte{}, dst[:]...), src[:]...)
	return append(binary.BigEndian.AppendUint16(f, kind), payload...)
}

// tagged puts a VLAN tag behind the addresses of a frame.
func tagged(frame []byte, tpid, tci uint16) []byte {
	f := append([]byte{}, frame[:12]...)
	f = binary.BigEndian.AppendUint16(f, tpid)
	f = binary.BigEndian.AppendUint16(f, tci)
	return append(f, frame[12:]...)
}

// snap turns an Ethernet II frame into an 802.3 one with LLC and SNAP headers (RFC 1042).
func snap(frame []byte) []byte {
	f := append([]byte{}, frame[:12]...)
	f = binary.BigEndian.AppendUint16(f, uint16(len(frame)-14+8))
	f = append(f, 0xaa, 0xaa, 3, 0, 0, 0)
	return append(f, frame[12:]...)
}

func build(l ...gopacket.SerializableLayer) []byte {
	b := gopacket.NewSerializeBuffer()
	if err := gopacket.SerializeLayers(b, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, l...); err != nil {
		panic(err)
	}
	return append([]byte{}, b.Bytes()...)
}

// ipv4 wraps a payload of the protocol.
func ipv4(src, dst netip.Addr, proto uint8, payload []byte) []byte {
	return ipv4Frag(src, dst, proto, 0, false, payload)
}

// ipv4Frag is one fragment; offset counts 8 bytes.
func ipv4Frag(src, dst netip.Addr, proto uint8, offset uint16, more bool, payload []byte) []byte {
	h := &layers.IPv4{Version: 4, TTL: 64, Id: 7, Protocol: layers.IPProtocol(proto), SrcIP: ip(src), DstIP: ip(dst), FragOffset: offset}
	if more {
		h.Flags = layers.IPv4MoreFragments
	}
	return build(h, gopacket.Payload(payload))
}

// udp is a datagram without checksum. This is valid in IPv4. IPv6 receivers would drop it, but bridges do not check it.
func udp(src, dst uint16, payload []byte) []byte {
	var b []byte
	b = binary.BigEndian.AppendUint16(b, src)
	b = binary.BigEndian.AppendUint16(b, dst)
	b = binary.BigEndian.AppendUint16(b, uint16(8+len(payload)))
	return append(binary.BigEndian.AppendUint16(b, 0), payload...)
}

// ipv6 wraps a payload whose first header is next, with the hop limit of ND.
func ipv6(src, dst netip.Addr, next uint8, payload []byte) []byte {
	return ipv6Hops(src, dst, next, 255, payload)
}

// ipv6Hops wraps a payload with a hop limit.
func ipv6Hops(src, dst netip.Addr, next, hops uint8, payload []byte) []byte {
	h := []byte{0x60, 0, 0, 0}
	h = binary.BigEndian.AppendUint16(h, uint16(len(payload)))
	h = append(h, next, hops)
	h = append(append(h, src.AsSlice()...), dst.AsSlice()...)
	return append(h, payload...)
}

// extension is an IPv6 extension header of 8 bytes (hop-by-hop 0, destination options 60) with a PadN option.
func extension(next uint8, payload []byte) []byte {
	return append([]byte{next, 0, 1, 4, 0, 0, 0, 0}, payload...)
}

// authenticated is an IPv6 authentication header (RFC 4302) with a check value of 12 bytes.
func authenticated(next uint8, payload []byte) []byte {
	h := append([]byte{next, 4, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1}, make([]byte, 12)...)
	return append(h, payload...)
}

// fragment is an IPv6 fragment header; offset counts 8 bytes.
func fragment(next uint8, offset uint16, more bool, payload []byte) []byte {
	word := offset << 3
	if more {
		word |= 1
	}
	h := binary.BigEndian.AppendUint16([]byte{next, 0}, word)
	return append(append(h, 0, 0, 0, 9), payload...)
}

// icmp6 is an ICMPv6 message with its checksum.
func icmp6(src, dst netip.Addr, kind, code uint8, body []byte) []byte {
	m := append([]byte{kind, code, 0, 0}, body...)
	binary.BigEndian.PutUint16(m[2:], checksum(src, dst, m))
	return m
}

func checksum(src, dst netip.Addr, m []byte) uint16 {
	pseudo := append(append(src.AsSlice(), dst.AsSlice()...), 0, 0, byte(len(m)>>8), byte(len(m)), 0, 0, 0, 58)
	var sum uint32
	for _, part := range [][]byte{pseudo, m} {
		for i, b := range part {
			sum += uint32(b) << (8 * (1 - i%2))
		}
	}
	for sum>>16 != 0 {
		sum = sum&0xffff + sum>>16
	}
	return ^uint16(sum)
}

// lladdr is an ND link-layer address option: 1 source, 2 target.
func lladdr(kind uint8, m object.MAC) []byte { return append([]byte{kind, 1}, m[:]...) }

// option is an ND option with the given type, the length that it claims in units of 8 bytes, and its body.
func option(kind, units uint8, body ...byte) []byte { return append([]byte{kind, units}, body...) }

// nonce is the ND option of RFC 3971 that duplicate address detection carries (RFC 7527).
func nonce() []byte { return option(14, 1, 1, 2, 3, 4, 5, 6) }

// igmp is a message of IGMP, or of multicast router discovery in IPv4, with TTL 1 (RFC 2236).
func igmp(kind uint8, src, group netip.Addr) []byte {
	return build(&layers.IPv4{Version: 4, TTL: 1, Protocol: layers.IPProtocolIGMP, SrcIP: ip(src), DstIP: ip(group)},
		gopacket.Payload([]byte{kind, 0, 0, 0, 0, 0, 0, 0}))
}

// arpOf is an ARP packet with another hardware type, protocol type, or lengths of addresses than Ethernet and IPv4 have.
func arpOf(f []byte, htype, ptype uint16, hlen, plen uint8) []byte {
	f = append([]byte{}, f...)
	binary.BigEndian.PutUint16(f[14:], htype)
	binary.BigEndian.PutUint16(f[16:], ptype)
	f[18], f[19] = hlen, plen
	return f
}

// nd is the body of a solicitation or advertisement.
func nd(flags uint8, target netip.Addr, options ...[]byte) []byte {
	b := append([]byte{flags, 0, 0, 0}, target.AsSlice()...)
	return append(b, bytes.Join(options, nil)...)
}

// icmp6Frame is an ICMPv6 message to all nodes.
func icmp6Frame(m object.MAC, src netip.Addr, kind, code uint8, body []byte) []byte {
	return icmp6Hops(m, src, kind, code, 255, body)
}

// icmp6Hops is an ICMPv6 message to all nodes with a hop limit.
func icmp6Hops(m object.MAC, src netip.Addr, kind, code, hops uint8, body []byte) []byte {
	return eth(m, allNodesM, 0x86dd, ipv6Hops(src, allNodes, 58, hops, icmp6(src, allNodes, kind, code, body)))
}

// arp is a broadcast ARP packet.
func arp(ethSrc object.MAC, op uint16, sha object.MAC, spa netip.Addr, tpa netip.Addr, mark ...byte) []byte {
	b := []byte{0, 1, 8, 0, 6, 4, byte(op >> 8), byte(op)}
	b = append(append(b, sha[:]...), spa.AsSlice()...)
	b = append(append(b, 0, 0, 0, 0, 0, 0), tpa.AsSlice()...)
	return eth(ethSrc, broadcast, 0x0806, append(b, mark...))
}

// contains says that a received frame is the sent one. It may have got padding or a tag on its way.
func contains(received, sent []byte) bool {
	return bytes.Contains(received, sent[12:]) && bytes.HasPrefix(received, sent[:12])
}
