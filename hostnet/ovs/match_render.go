package ovs

import (
	"fmt"
	"net/netip"
	"strings"

	"weft/hostnet/object"
)

// portLocal is the OpenFlow number of a bridge's own port (OFPP_LOCAL). ovs-ofctl accepts it only by name.
const portLocal = 65534

// EtherTypes and IP protocols of the fields whose names depend on them.
const (
	etherIPv4 = 0x0800
	etherARP  = 0x0806
	etherIPv6 = 0x86dd

	protoICMP   = 1
	protoTCP    = 6
	protoUDP    = 17
	protoICMPv6 = 58
)

// renderMatch writes a match in the words of ovs-ofctl (ovs-fields(7)). It is "" for a match of everything. If OVS would silently
// widen or change a match (bits outside a mask, a prefix of length 0, an IP field without its EtherType), it is an error, because
// it could not be read back as it was meant.
func renderMatch(m object.Match) (string, error) {
	if m.Alien != "" {
		return m.Alien, nil
	}
	w := matchText{m: m}
	w.metadata()
	w.ethernet()
	w.connection()
	w.network()
	w.transport()
	w.arp()
	w.icmp()
	if w.err != nil {
		return "", w.err
	}
	return strings.Join(w.fields, ","), nil
}

// matchText collects the fields and the first error.
type matchText struct {
	m      object.Match
	fields []string
	err    error
}

func (w *matchText) add(format string, args ...any) {
	w.fields = append(w.fields, fmt.Sprintf(format, args...))
}

func (w *matchText) refuse(format string, args ...any) {
	if w.err == nil {
		w.err = fmt.Errorf("match: "+format, args...)
	}
}

func (w *matchText) metadata() {
	if w.m.InPort != 0 {
		w.add("in_port=%s", renderPort(w.m.InPort))
	}
	w.masked("metadata", w.m.Metadata.Value, w.m.Metadata.Mask, ^uint64(0))
	for _, r := range []struct {
		name string
		v    object.Masked32
	}{{"reg0", w.m.Reg0}, {"reg1", w.m.Reg1}, {"reg2", w.m.Reg2}, {"reg4", w.m.Reg4}, {"reg5", w.m.Reg5}, {"reg6", w.m.Reg6}} {
		w.masked(r.name, uint64(r.v.Value), uint64(r.v.Mask), 0xffffffff)
	}
}

func (w *matchText) masked(name string, value, mask, all uint64) {
	if value&^mask != 0 {
		w.refuse("%s: %#x has bits outside the mask %#x", name, value, mask)
	}
	switch mask {
	case 0:
	case all:
		w.add("%s=%#x", name, value)
	default:
		w.add("%s=%#x/%#x", name, value, mask)
	}
}

func (w *matchText) ethernet() {
	w.maskedMAC("dl_src", w.m.EthSrc)
	w.maskedMAC("dl_dst", w.m.EthDst)
	if w.m.VLAN.TCI&^w.m.VLAN.Mask != 0 {
		w.refuse("vlan_tci: %#x has bits outside the mask %#x", w.m.VLAN.TCI, w.m.VLAN.Mask)
	}
	if w.m.VLAN.Mask != 0 {
		w.add("vlan_tci=%#04x/%#04x", w.m.VLAN.TCI, w.m.VLAN.Mask)
	}
	if w.m.EthType != 0 {
		w.add("dl_type=%#04x", w.m.EthType)
	}
}

func (w *matchText) maskedMAC(name string, m object.MaskedMAC) {
	for i := range m.Value {
		if m.Value[i]&^m.Mask[i] != 0 {
			w.refuse("%s: %s has bits outside the mask %s", name, m.Value, m.Mask)
		}
	}
	switch m.Mask {
	case object.MAC{}:
	case object.ExactMAC(object.MAC{}).Mask:
		w.add("%s=%s", name, m.Value)
	default:
		w.add("%s=%s/%s", name, m.Value, m.Mask)
	}
}

func (w *matchText) network() {
	w.packet()
	if w.m.Original { // the addresses have been written, with other names
		return
	}
	zeroProto := w.m.Zero&object.ZeroIPProto != 0
	if zeroProto && w.m.IPProto != 0 {
		w.refuse("nw_proto: %d and zero at once", w.m.IPProto)
	}
	if zeroProto || w.m.IPProto != 0 {
		w.needs("nw_proto", w.ip() || w.m.EthType == etherARP, "the EtherType of IPv4, IPv6 or ARP")
		w.add("nw_proto=%d", w.m.IPProto)
	}
	src, dst := "nw_src", "nw_dst"
	if w.m.EthType == etherIPv6 {
		src, dst = "ipv6_src", "ipv6_dst"
	}
	w.prefix(src, w.m.IPSrc, w.m.EthType == etherIPv4, w.m.EthType == etherIPv6)
	w.prefix(dst, w.m.IPDst, w.m.EthType == etherIPv4, w.m.EthType == etherIPv6)
}

// packet writes the fields of the IP header that are the packet's own, whatever its connection is.
func (w *matchText) packet() {
	if w.m.TTL != 0 {
		w.needs("nw_ttl", w.ip(), "the EtherType of IPv4 or IPv6")
		w.add("nw_ttl=%d", w.m.TTL)
	}
	if w.m.Frag != object.FragAny {
		w.needs("nw_frag", w.ip(), "the EtherType of IPv4 or IPv6")
		if w.m.Frag > object.FragLater {
			w.refuse("nw_frag: %d is no fragment match", w.m.Frag)
			return
		}
		w.add("nw_frag=%s", fragNames()[w.m.Frag])
	}
}

// fragNames are OVS's words for the fragment matches.
func fragNames() [5]string {
	return [...]string{object.FragNo: "no", object.FragYes: "yes", object.FragFirst: "first", object.FragLater: "later"}
}

func (w *matchText) ip() bool { return w.m.EthType == etherIPv4 || w.m.EthType == etherIPv6 }

func (w *matchText) needs(field string, ok bool, what string) {
	if !ok {
		w.refuse("%s needs %s", field, what)
	}
}

// prefix writes an address field. The EtherType must allow the address's family.
func (w *matchText) prefix(name string, p netip.Prefix, v4, v6 bool) {
	if p == (netip.Prefix{}) {
		return
	}
	switch {
	case !p.IsValid() || p.Bits() == 0 || p != p.Masked() || p.Addr().Is4In6() || p.Addr().Zone() != "":
		w.refuse("%s: %s is not a canonical prefix of at least one bit", name, p)
	case p.Addr().Is4() && !v4, p.Addr().Is6() && !v6:
		w.refuse("%s: %s does not fit EtherType %#04x", name, p, w.m.EthType)
	case p.IsSingleIP():
		w.add("%s=%s", name, p.Addr())
	default:
		w.add("%s=%s", name, p)
	}
}

func (w *matchText) transport() {
	zeroDst := w.m.Zero&object.ZeroUDPDst != 0
	if zeroDst && w.m.UDPDst != 0 {
		w.refuse("udp_dst: %d and zero at once", w.m.UDPDst)
	}
	if w.m.TCPSrc != 0 || w.m.TCPDst != 0 {
		w.needs("tcp_src and tcp_dst", w.ip() && w.m.IPProto == protoTCP, "IP protocol 6")
	}
	if w.m.UDPSrc != 0 || w.m.UDPDst != 0 || zeroDst {
		w.needs("udp_src and udp_dst", w.ip() && w.m.IPProto == protoUDP, "IP protocol 17")
	}
	for _, p := range []struct {
		name string
		v    uint16
		zero bool
	}{{"tcp_src", w.m.TCPSrc, false}, {"tcp_dst", w.m.TCPDst, false}, {"udp_src", w.m.UDPSrc, false}, {"udp_dst", w.m.UDPDst, zeroDst}} {
		if p.v != 0 || p.zero {
			w.add("%s=%d", p.name, p.v)
		}
	}
}

func (w *matchText) arp() {
	arp := w.m.EthType == etherARP
	w.prefix("arp_spa", w.m.ARPSPA, arp, false)
	w.prefix("arp_tpa", w.m.ARPTPA, arp, false)
	if w.m.ARPSHA != (object.MAC{}) {
		w.needs("arp_sha", arp, "the EtherType of ARP")
		w.add("arp_sha=%s", w.m.ARPSHA)
	}
}

func (w *matchText) icmp() {
	v4 := w.m.EthType == etherIPv4 && w.m.IPProto == protoICMP
	v6 := w.m.EthType == etherIPv6 && w.m.IPProto == protoICMPv6
	for _, f := range []struct {
		name string
		v    object.Optional8
	}{{"icmp_type", w.m.ICMPType}, {"icmp_code", w.m.ICMPCode}} {
		if f.v.Set {
			w.needs(f.name, v4 || v6, "ICMP or ICMPv6 with its EtherType")
			w.add("%s=%d", f.name, f.v.Value)
		}
	}
	w.prefix("nd_target", w.m.NDTarget, false, v6)
	w.linkLayer("nd_sll", w.m.NDSLL, w.m.Zero&object.ZeroNDSLL != 0, v6)
	w.linkLayer("nd_tll", w.m.NDTLL, w.m.Zero&object.ZeroNDTLL != 0, v6)
}

// linkLayer writes a link-layer address of ND, or zero for "there is none".
func (w *matchText) linkLayer(name string, mac object.MAC, zero, v6 bool) {
	if zero && mac != (object.MAC{}) {
		w.refuse("%s: %s and zero at once", name, mac)
	}
	if mac != (object.MAC{}) || zero {
		w.needs(name, v6, "ICMPv6")
		w.add("%s=%s", name, mac)
	}
}

func renderPort(p uint32) string {
	if p == portLocal {
		return "LOCAL"
	}
	return fmt.Sprint(p)
}
