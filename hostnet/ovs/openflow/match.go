package openflow

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"weft/hostnet/object"
)

// field is an OXM or NXM field: class and number as in a header without the mask bit, and the length in bytes.
type field struct {
	class  uint16
	number uint8
	length uint8
}

const (
	classOXM   = 0x8000
	classNXM0  = 0x0000
	classNXM1  = 0x0001
	matchOXM   = 1
	etherIPv4  = 0x0800
	etherARP   = 0x0806
	etherIPv6  = 0x86dd
	protoICMP  = 1
	protoTCP   = 6
	protoUDP   = 17
	protoICMP6 = 58
)

func oxm(number, length uint8) field { return field{classOXM, number, length} }

// register is NXM_NX_REG0 or one of the following registers.
func register(n uint8) field { return field{classNXM1, n, 4} }

// header is the field's header in a match without mask. Actions use the same header.
func (f field) header() uint32 {
	return uint32(f.class)<<16 | uint32(f.number)<<9 | uint32(f.length)
}

// oxmWriter appends fields and keeps the first error.
type oxmWriter struct {
	b   []byte
	err error
}

func (w *oxmWriter) refuse(format string, args ...any) {
	if w.err == nil {
		w.err = fmt.Errorf("match: "+format, args...)
	}
}

func (w *oxmWriter) exact(f field, value ...byte) {
	w.b = binary.BigEndian.AppendUint32(w.b, f.header())
	w.b = append(w.b, value...)
}

// masked appends a field with a mask. It appends nothing if the mask is zero, and no mask if it is all ones.
func (w *oxmWriter) masked(f field, value, mask []byte) {
	none, all := true, true
	for i := range mask {
		none, all = none && mask[i] == 0, all && mask[i] == 0xff
		if value[i]&^mask[i] != 0 {
			w.refuse("field %d of class %#x: bits outside the mask", f.number, f.class)
		}
	}
	switch {
	case none:
	case all:
		w.exact(f, value...)
	default:
		w.b = binary.BigEndian.AppendUint32(w.b, f.header()+1<<8+uint32(f.length)) // the mask's bit, twice the length
		w.b = append(append(w.b, value...), mask...)
	}
}

func (w *oxmWriter) prefix(f field, p netip.Prefix) {
	if p == (netip.Prefix{}) {
		return
	}
	if !p.IsValid() || p.Bits() == 0 || p != p.Masked() || p.Addr().BitLen() != 8*int(f.length) || p.Addr().Zone() != "" {
		w.refuse("field %d: %s is no canonical prefix of %d bytes", f.number, p, f.length)
		return
	}
	mask := make([]byte, f.length)
	for i := range p.Bits() {
		mask[i/8] |= 0x80 >> (i % 8)
	}
	w.masked(f, p.Addr().AsSlice(), mask)
}

func be16(v uint16) []byte { return binary.BigEndian.AppendUint16(nil, v) }
func be32(v uint32) []byte { return binary.BigEndian.AppendUint32(nil, v) }
func be64(v uint64) []byte { return binary.BigEndian.AppendUint64(nil, v) }

// appendMatch writes the match in ovs-ofctl's order of fields. Prerequisites come before the fields that need them.
func appendMatch(b []byte, m object.Match) ([]byte, error) {
	if m.Alien != "" {
		return b, fmt.Errorf("match: %.100q is only known as text", m.Alien)
	}
	start := len(b)
	w := oxmWriter{b: append(b, 0, matchOXM, 0, 0)}
	if m.InPort != 0 {
		w.exact(oxm(0, 4), be32(widePort(m.InPort))...)
	}
	w.ethernet(m)
	w.network(m)
	for _, r := range []struct {
		number uint8
		v      object.Masked32
	}{{0, m.Reg0}, {1, m.Reg1}, {2, m.Reg2}, {4, m.Reg4}, {5, m.Reg5}, {6, m.Reg6}} {
		w.masked(register(r.number), be32(r.v.Value), be32(r.v.Mask))
	}
	w.connection(m)
	w.masked(oxm(2, 8), be64(m.Metadata.Value), be64(m.Metadata.Mask))
	if w.err != nil {
		return w.b, w.err
	}
	binary.BigEndian.PutUint16(w.b[start+2:], uint16(len(w.b)-start))
	return pad(w.b, start), nil
}

func (w *oxmWriter) ethernet(m object.Match) {
	w.masked(oxm(4, 6), m.EthSrc.Value[:], m.EthSrc.Mask[:])
	w.masked(oxm(3, 6), m.EthDst.Value[:], m.EthDst.Mask[:])
	if m.EthType != 0 {
		w.exact(oxm(5, 2), be16(m.EthType)...)
	}
	if m.VLAN.Mask == 0 && m.VLAN.TCI == 0 {
		return
	}
	// OXM_OF_VLAN_VID has the id and the "present" bit, but not the priority.
	const vid, present = 0x1fff, 0x1000
	switch m.VLAN.Mask {
	case vid:
		w.exact(oxm(6, 2), be16(m.VLAN.TCI)...)
	case present:
		w.masked(oxm(6, 2), be16(m.VLAN.TCI), be16(present))
	default:
		w.refuse("vlan_tci: the mask %#x is no match on OXM_OF_VLAN_VID", m.VLAN.Mask)
	}
	if m.VLAN.TCI&^m.VLAN.Mask != 0 {
		w.refuse("vlan_tci: bits outside the mask")
	}
}

// network writes the fields above Ethernet. Fields that do not belong to the EtherType must not be set.
func (w *oxmWriter) network(m object.Match) {
	proto := m.IPProto != 0 || m.Zero&object.ZeroIPProto != 0
	if m.IPProto != 0 && m.Zero&object.ZeroIPProto != 0 || m.UDPDst != 0 && m.Zero&object.ZeroUDPDst != 0 ||
		m.NDTLL != (object.MAC{}) && m.Zero&object.ZeroNDTLL != 0 || m.NDSLL != (object.MAC{}) && m.Zero&object.ZeroNDSLL != 0 {
		w.refuse("a field has a value and is to be zero")
	}
	addresses := m.IPSrc.IsValid() || m.IPDst.IsValid()
	if m.Original { // they are written with the connection
		m.IPSrc, m.IPDst, m.IPProto, proto = netip.Prefix{}, netip.Prefix{}, 0, false
	}
	arp := object.Match{ARPSPA: m.ARPSPA, ARPTPA: m.ARPTPA, ARPSHA: m.ARPSHA} == object.Match{}
	switch m.EthType {
	case etherIPv4, etherIPv6:
		if !arp {
			w.refuse("a field of ARP under EtherType %#04x", m.EthType)
		}
		if m.EthType == etherIPv4 {
			w.prefix(oxm(11, 4), m.IPSrc)
			w.prefix(oxm(12, 4), m.IPDst)
		} else {
			w.prefix(oxm(26, 16), m.IPSrc)
			w.prefix(oxm(27, 16), m.IPDst)
		}
		w.fragment(m.Frag)
		if m.TTL != 0 {
			w.exact(field{classNXM1, 29, 1}, m.TTL)
		}
		if proto {
			w.exact(oxm(10, 1), m.IPProto)
		}
		w.transport(m)
		return
	case etherARP:
		if proto {
			w.exact(oxm(21, 2), 0, m.IPProto)
		}
		w.prefix(oxm(22, 4), m.ARPSPA)
		w.prefix(oxm(23, 4), m.ARPTPA)
		if m.ARPSHA != (object.MAC{}) {
			w.exact(oxm(24, 6), m.ARPSHA[:]...)
		}
	default:
		if !arp || proto {
			w.refuse("a field of ARP or IP under EtherType %#04x", m.EthType)
		}
	}
	if addresses || m.Original || m.Frag != object.FragAny || m.TTL != 0 {
		w.refuse("a field of IP under EtherType %#04x", m.EthType)
	}
	w.transport(m)
}

// fragment writes NXM_NX_IP_FRAG. Bit 0 is set for any fragment, bit 1 for one with an offset.
func (w *oxmWriter) fragment(f object.Frag) {
	frag := field{classNXM1, 26, 1}
	switch f {
	case object.FragAny:
	case object.FragNo:
		w.exact(frag, 0)
	case object.FragYes:
		w.masked(frag, []byte{1}, []byte{1})
	case object.FragFirst:
		w.exact(frag, 1)
	case object.FragLater:
		w.exact(frag, 3)
	default:
		w.refuse("nw_frag: %d is no fragment match", f)
	}
}

// transport writes ports and ICMP fields. Each is only allowed with its own protocol.
func (w *oxmWriter) transport(m object.Match) {
	ip := m.EthType == etherIPv4 || m.EthType == etherIPv6
	if ip && m.IPProto == protoTCP {
		w.port(13, m.TCPSrc, false)
		w.port(14, m.TCPDst, false)
		m.TCPSrc, m.TCPDst = 0, 0
	}
	if ip && m.IPProto == protoUDP {
		w.port(15, m.UDPSrc, false)
		w.port(16, m.UDPDst, m.Zero&object.ZeroUDPDst != 0)
		m.UDPSrc, m.UDPDst, m.Zero = 0, 0, m.Zero&^object.ZeroUDPDst
	}
	switch {
	case m.EthType == etherIPv4 && m.IPProto == protoICMP:
		w.byte(19, m.ICMPType)
		w.byte(20, m.ICMPCode)
		m.ICMPType, m.ICMPCode = object.Optional8{}, object.Optional8{}
	case m.EthType == etherIPv6 && m.IPProto == protoICMP6:
		w.icmp6(m)
		return
	}
	left := object.Match{TCPSrc: m.TCPSrc, TCPDst: m.TCPDst, UDPSrc: m.UDPSrc, UDPDst: m.UDPDst, ICMPType: m.ICMPType,
		ICMPCode: m.ICMPCode, NDTarget: m.NDTarget, NDSLL: m.NDSLL, NDTLL: m.NDTLL, Zero: m.Zero &^ object.ZeroIPProto}
	if left != (object.Match{}) {
		w.refuse("%s without the protocol that has it", left)
	}
}

func (w *oxmWriter) port(number uint8, v uint16, zero bool) {
	if v != 0 || zero {
		w.exact(oxm(number, 2), be16(v)...)
	}
}

func (w *oxmWriter) byte(number uint8, v object.Optional8) {
	if v.Set {
		w.exact(oxm(number, 1), v.Value)
	}
}

func (w *oxmWriter) icmp6(m object.Match) {
	w.byte(29, m.ICMPType)
	w.byte(30, m.ICMPCode)
	w.prefix(oxm(31, 16), m.NDTarget)
	if m.NDSLL != (object.MAC{}) || m.Zero&object.ZeroNDSLL != 0 {
		w.exact(oxm(32, 6), m.NDSLL[:]...)
	}
	if m.NDTLL != (object.MAC{}) || m.Zero&object.ZeroNDTLL != 0 {
		w.exact(oxm(33, 6), m.NDTLL[:]...)
	}
	left := object.Match{TCPSrc: m.TCPSrc, TCPDst: m.TCPDst, UDPSrc: m.UDPSrc, UDPDst: m.UDPDst,
		Zero: m.Zero &^ (object.ZeroIPProto | object.ZeroNDTLL | object.ZeroNDSLL)}
	if left != (object.Match{}) {
		w.refuse("%s under ICMPv6", left)
	}
}

// widePort converts the reserved 16-bit ports of OVS (from 0xff00 on) to 32-bit OpenFlow ports.
func widePort(p uint32) uint32 {
	if p >= 0xff00 && p <= 0xffff {
		return 0xffff0000 | p
	}
	return p
}
