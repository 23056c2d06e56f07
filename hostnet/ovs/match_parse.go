package ovs

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"weft/hostnet/object"
)

// parseMatch reads a match as ovs-ofctl prints it (fields joined by commas). If it has a field that the typed match does not
// have, the whole match is kept as Alien.
func parseMatch(text string) object.Match {
	if text == "" {
		return object.Match{}
	}
	if strings.Contains(text, "ct_") {
		return parseConnMatch(text)
	}
	return parseFields(strings.Split(text, ","), text)
}

// parseFields reads the fields of text, which may be a part of them.
func parseFields(fields []string, text string) object.Match {
	p := matchParse{tp: map[string]uint16{}}
	for _, field := range fields {
		name, value, valued := strings.Cut(field, "=")
		ok := p.protocol(name)
		if valued {
			ok = p.field(name, value) == nil
		}
		if !ok {
			return object.Match{Alien: text}
		}
	}
	if !p.ports() {
		return object.Match{Alien: text}
	}
	// A match that cannot be rendered would not be the same flow when it is written back. So it is alien too.
	if _, err := renderMatch(p.m); err != nil {
		return object.Match{Alien: text}
	}
	return p.m
}

type matchParse struct {
	m object.Match
	// tp holds tp_src and tp_dst. Their meaning depends on the protocol.
	tp map[string]uint16
}

// protocol reads OVS's short names. Each stands for an EtherType and an IP protocol.
func (p *matchParse) protocol(name string) bool {
	switch name {
	case "ip", "icmp", "tcp", "udp":
		p.m.EthType = etherIPv4
	case "ipv6", "icmp6", "tcp6", "udp6":
		p.m.EthType = etherIPv6
	case "arp":
		p.m.EthType = etherARP
	case "sctp", "sctp6", "rarp", "mpls", "mplsm":
		return p.otherProtocol(name)
	default:
		return false
	}
	switch name {
	case "icmp":
		p.m.IPProto = protoICMP
	case "icmp6":
		p.m.IPProto = protoICMPv6
	case "tcp", "tcp6":
		p.m.IPProto = protoTCP
	case "udp", "udp6":
		p.m.IPProto = protoUDP
	}
	return true
}

func (p *matchParse) otherProtocol(name string) bool {
	const sctp = 132
	switch name {
	case "sctp":
		p.m.EthType, p.m.IPProto = etherIPv4, sctp
	case "sctp6":
		p.m.EthType, p.m.IPProto = etherIPv6, sctp
	case "rarp":
		p.m.EthType = 0x8035
	case "mpls":
		p.m.EthType = 0x8847
	case "mplsm":
		p.m.EthType = 0x8848
	}
	return true
}

// field reads one name=value.
func (p *matchParse) field(name, value string) error {
	var err error
	switch name {
	case "in_port":
		p.m.InPort, err = parsePort(value)
	case "metadata":
		p.m.Metadata.Value, p.m.Metadata.Mask, err = parseMasked[uint64](value)
	case "reg0":
		p.m.Reg0.Value, p.m.Reg0.Mask, err = parseMasked[uint32](value)
	case "reg1":
		p.m.Reg1.Value, p.m.Reg1.Mask, err = parseMasked[uint32](value)
	case "reg2":
		p.m.Reg2.Value, p.m.Reg2.Mask, err = parseMasked[uint32](value)
	case "reg4":
		p.m.Reg4.Value, p.m.Reg4.Mask, err = parseMasked[uint32](value)
	case "reg5":
		p.m.Reg5.Value, p.m.Reg5.Mask, err = parseMasked[uint32](value)
	case "reg6":
		p.m.Reg6.Value, p.m.Reg6.Mask, err = parseMasked[uint32](value)
	case "dl_src":
		p.m.EthSrc, err = parseMaskedMAC(value)
	case "dl_dst":
		p.m.EthDst, err = parseMaskedMAC(value)
	case "dl_type":
		p.m.EthType, err = parseUint[uint16](value)
	case "vlan_tci":
		p.m.VLAN.TCI, p.m.VLAN.Mask, err = parseMasked[uint16](value)
	case "dl_vlan":
		var id uint16
		id, err = parseUint[uint16](value)
		p.m.VLAN = object.VLANID(id)
	default:
		return p.networkField(name, value)
	}
	return err
}

func (p *matchParse) networkField(name, value string) error {
	var err error
	switch name {
	case "nw_proto", "arp_op":
		p.m.IPProto, err = parseUint[uint8](value)
		if p.m.IPProto == 0 {
			p.m.Zero |= object.ZeroIPProto
		}
	case "nw_src", "ipv6_src":
		p.m.IPSrc, err = parsePrefix(value)
	case "nw_dst", "ipv6_dst":
		p.m.IPDst, err = parsePrefix(value)
	case "nw_ttl":
		p.m.TTL, err = parseUint[uint8](value)
		if p.m.TTL == 0 {
			err = fmt.Errorf("nw_ttl=0: Weft matches no such TTL")
		}
	case "nw_frag":
		p.m.Frag, err = parseFrag(value)
	case "tp_src", "tp_dst":
		p.tp[name], err = parseUint[uint16](value)
	case "tcp_src", "udp_src":
		p.tp["tp_src"], err = parseUint[uint16](value)
	case "tcp_dst", "udp_dst":
		p.tp["tp_dst"], err = parseUint[uint16](value)
	case "arp_spa":
		p.m.ARPSPA, err = parsePrefix(value)
	case "arp_tpa":
		p.m.ARPTPA, err = parsePrefix(value)
	case "arp_sha":
		p.m.ARPSHA, err = parseMAC(value)
	default:
		return p.icmpField(name, value)
	}
	return err
}

func (p *matchParse) icmpField(name, value string) error {
	var err error
	switch name {
	case "icmp_type":
		p.m.ICMPType.Set = true
		p.m.ICMPType.Value, err = parseUint[uint8](value)
	case "icmp_code":
		p.m.ICMPCode.Set = true
		p.m.ICMPCode.Value, err = parseUint[uint8](value)
	case "nd_target":
		p.m.NDTarget, err = parsePrefix(value)
	case "nd_sll":
		if value == (object.MAC{}).String() {
			p.m.Zero |= object.ZeroNDSLL
			return nil
		}
		p.m.NDSLL, err = parseMAC(value)
	case "nd_tll":
		if value == (object.MAC{}).String() {
			p.m.Zero |= object.ZeroNDTLL
			return nil
		}
		p.m.NDTLL, err = parseMAC(value)
	default:
		return fmt.Errorf("field %q: Weft matches no such field", name)
	}
	return err
}

// ports gives tp_src and tp_dst their meaning. It returns false if they have none.
func (p *matchParse) ports() bool {
	for name, v := range p.tp {
		switch {
		case p.m.IPProto == protoUDP && name == "tp_dst":
			p.m.UDPDst = v
			if v == 0 {
				p.m.Zero |= object.ZeroUDPDst
			}
		case v == 0:
			return false
		case p.m.IPProto == protoUDP:
			p.m.UDPSrc = v
		case p.m.IPProto == protoTCP && name == "tp_dst":
			p.m.TCPDst = v
		case p.m.IPProto == protoTCP:
			p.m.TCPSrc = v
		default:
			return false
		}
	}
	return true
}

func parsePort(text string) (uint32, error) {
	if text == "LOCAL" {
		return portLocal, nil
	}
	v, err := parseUint[uint32](text)
	if err == nil && v == 0 {
		err = fmt.Errorf("port 0: expected 1 or more")
	}
	return v, err
}

// parseMasked reads value or value/mask. Without a mask all bits count.
func parseMasked[T uint8 | uint16 | uint32 | uint64](text string) (value, mask T, err error) {
	v, m, masked := strings.Cut(text, "/")
	if value, err = parseUint[T](v); err != nil || !masked {
		return value, ^T(0), err
	}
	mask, err = parseUint[T](m)
	return value, mask, err
}

func parseMAC(text string) (object.MAC, error) {
	hw, err := net.ParseMAC(text)
	if err != nil || len(hw) != 6 {
		return object.MAC{}, fmt.Errorf("%q is no Ethernet address: %w", text, err)
	}
	m := object.MAC(hw)
	if m == (object.MAC{}) {
		return m, fmt.Errorf("%s cannot be told from any address", text)
	}
	return m, nil
}

func parseMaskedMAC(text string) (object.MaskedMAC, error) {
	v, m, masked := strings.Cut(text, "/")
	hw, err := net.ParseMAC(v)
	if err != nil || len(hw) != 6 {
		return object.MaskedMAC{}, fmt.Errorf("%q is no Ethernet address: %w", text, err)
	}
	if !masked {
		return object.ExactMAC(object.MAC(hw)), nil
	}
	mask, err := parseMAC(m)
	return object.MaskedMAC{Value: object.MAC(hw), Mask: mask}, err
}

// parsePrefix reads an address, or an address with a prefix length. Other masks are alien.
func parsePrefix(text string) (netip.Prefix, error) {
	if strings.Contains(text, "/") {
		return netip.ParsePrefix(text)
	}
	a, err := netip.ParseAddr(text)
	if err != nil {
		return netip.Prefix{}, err
	}
	return netip.PrefixFrom(a, a.BitLen()), nil
}

func parseFrag(text string) (object.Frag, error) {
	for f, name := range fragNames() {
		if name == text && name != "" {
			return object.Frag(f), nil
		}
	}
	return 0, fmt.Errorf("nw_frag=%q: Weft matches no such value", text)
}

// parseUint reads a decimal or hexadecimal number that fits the type.
func parseUint[T uint8 | uint16 | uint32 | uint64](text string) (T, error) {
	v, err := strconv.ParseUint(text, 0, 64)
	if err != nil {
		return 0, err
	}
	if uint64(T(v)) != v {
		return 0, fmt.Errorf("%s is too large", text)
	}
	return T(v), nil
}
