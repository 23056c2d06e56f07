package object

import (
	"fmt"
	"net/netip"
	"strings"
)

// String writes the set fields in OVS's words, separated by commas, in a fixed order. It is "any" if nothing is matched.
func (m Match) String() string {
	var w matchWriter
	w.num("in_port", uint64(m.InPort))
	w.masked("metadata", m.Metadata.Value, m.Metadata.Mask, ^uint64(0))
	w.masked("reg0", uint64(m.Reg0.Value), uint64(m.Reg0.Mask), 0xffffffff)
	w.masked("reg1", uint64(m.Reg1.Value), uint64(m.Reg1.Mask), 0xffffffff)
	w.masked("reg2", uint64(m.Reg2.Value), uint64(m.Reg2.Mask), 0xffffffff)
	w.masked("reg4", uint64(m.Reg4.Value), uint64(m.Reg4.Mask), 0xffffffff)
	w.masked("reg5", uint64(m.Reg5.Value), uint64(m.Reg5.Mask), 0xffffffff)
	w.masked("reg6", uint64(m.Reg6.Value), uint64(m.Reg6.Mask), 0xffffffff)
	w.maskedMAC("dl_src", m.EthSrc)
	w.maskedMAC("dl_dst", m.EthDst)
	if m.EthType != 0 {
		w.add(fmt.Sprintf("dl_type=%#04x", m.EthType))
	}
	w.masked("vlan_tci", uint64(m.VLAN.TCI), uint64(m.VLAN.Mask), 0xffff)
	if m.Conn.Mask != 0 {
		w.add("ct_state=" + m.Conn.String())
	}
	of := ""
	if m.Original {
		of = "ct_"
		w.add("original")
	}
	w.num(of+"nw_proto", uint64(m.IPProto))
	w.prefix(of+"nw_src", m.IPSrc)
	w.prefix(of+"nw_dst", m.IPDst)
	w.masked("ct_tp_src", uint64(m.ConnSrc.Value), uint64(m.ConnSrc.Mask), 0xffff)
	w.masked("ct_tp_dst", uint64(m.ConnDst.Value), uint64(m.ConnDst.Mask), 0xffff)
	w.num("nw_ttl", uint64(m.TTL))
	if m.Frag != FragAny {
		w.add("nw_frag=" + [...]string{"", "no", "yes", "first", "later"}[m.Frag])
	}
	w.num("tcp_src", uint64(m.TCPSrc))
	w.num("tcp_dst", uint64(m.TCPDst))
	w.num("udp_src", uint64(m.UDPSrc))
	w.num("udp_dst", uint64(m.UDPDst))
	w.prefix("arp_spa", m.ARPSPA)
	w.prefix("arp_tpa", m.ARPTPA)
	w.mac("arp_sha", m.ARPSHA)
	w.optional("icmp_type", m.ICMPType)
	w.optional("icmp_code", m.ICMPCode)
	w.prefix("nd_target", m.NDTarget)
	w.mac("nd_sll", m.NDSLL)
	w.mac("nd_tll", m.NDTLL)
	w.zero("nw_proto=0", m.Zero&ZeroIPProto)
	w.zero("udp_dst=0", m.Zero&ZeroUDPDst)
	w.zero("nd_tll="+MAC{}.String(), m.Zero&ZeroNDTLL)
	w.zero("nd_sll="+MAC{}.String(), m.Zero&ZeroNDSLL)
	if m.Alien != "" {
		w.add(m.Alien)
	}
	if len(w) == 0 {
		return "any"
	}
	return strings.Join(w, ",")
}

type matchWriter []string

func (w *matchWriter) add(s string) { *w = append(*w, s) }

func (w *matchWriter) num(name string, v uint64) {
	if v != 0 {
		w.add(fmt.Sprintf("%s=%d", name, v))
	}
}

func (w *matchWriter) masked(name string, v, mask, all uint64) {
	switch mask {
	case 0:
	case all:
		w.add(fmt.Sprintf("%s=%#x", name, v))
	default:
		w.add(fmt.Sprintf("%s=%#x/%#x", name, v, mask))
	}
}

func (w *matchWriter) maskedMAC(name string, m MaskedMAC) {
	switch m.Mask {
	case MAC{}:
	case ExactMAC(MAC{}).Mask:
		w.add(name + "=" + m.Value.String())
	default:
		w.add(name + "=" + m.Value.String() + "/" + m.Mask.String())
	}
}

func (w *matchWriter) mac(name string, m MAC) {
	if m != (MAC{}) {
		w.add(name + "=" + m.String())
	}
}

func (w *matchWriter) prefix(name string, p netip.Prefix) {
	if !p.IsValid() {
		return
	}
	if p.IsSingleIP() {
		w.add(name + "=" + p.Addr().String())
		return
	}
	w.add(name + "=" + p.String())
}

func (w *matchWriter) optional(name string, v Optional8) {
	if v.Set {
		w.add(fmt.Sprintf("%s=%d", name, v.Value))
	}
}

func (w *matchWriter) zero(text string, set Zero) {
	if set != 0 {
		w.add(text)
	}
}
