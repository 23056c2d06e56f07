package ovs

import "weft/hostnet/object"

// connection writes what the connection tracker found out, and the addresses and ports of the connection's first packet. OVS requires
// that the match demands a tracked packet for these, and accepts a flow without it in silence: it would never match.
func (w *matchText) connection() {
	c := w.m.Conn
	if c.Value&^c.Mask != 0 || c.Mask > object.ConnTracked|(object.ConnTracked-1) {
		w.refuse("ct_state: %#x has bits outside the mask %#x, or unknown ones", uint8(c.Value), uint8(c.Mask))
	}
	if c.Mask != 0 {
		w.add("ct_state=%s", c)
	}
	ports := w.m.ConnSrc.Mask != 0 || w.m.ConnDst.Mask != 0
	if !w.m.Original {
		if ports || w.m.ConnSrc.Value != 0 || w.m.ConnDst.Value != 0 {
			w.refuse("ct_tp_src and ct_tp_dst need Original")
		}
		return
	}
	w.needs("an original address, protocol or port", w.ip(), "the EtherType of IPv4 or IPv6")
	const valid = object.ConnTracked | object.ConnInvalid
	w.needs("an original address, protocol or port", c.Mask&valid == valid && c.Value&valid == object.ConnTracked, "ct_state=-inv+trk")
	if w.m.IPProto == 0 && (ports || w.m.IPSrc == w.m.IPDst && !w.m.IPSrc.IsValid()) {
		w.refuse("Original without an address or protocol, or ports without a protocol")
	}
	if w.m.Zero&object.ZeroIPProto != 0 {
		w.refuse("ct_nw_proto: zero is no protocol of a connection")
	}
	src, dst := "ct_nw_src", "ct_nw_dst"
	if w.m.EthType == etherIPv6 {
		src, dst = "ct_ipv6_src", "ct_ipv6_dst"
	}
	w.prefix(src, w.m.IPSrc, w.m.EthType == etherIPv4, w.m.EthType == etherIPv6)
	w.prefix(dst, w.m.IPDst, w.m.EthType == etherIPv4, w.m.EthType == etherIPv6)
	if w.m.IPProto != 0 {
		w.add("ct_nw_proto=%d", w.m.IPProto)
	}
	w.port("ct_tp_src", w.m.ConnSrc)
	w.port("ct_tp_dst", w.m.ConnDst)
}

// port writes a port, or a block of ports. ovs-ofctl prints a whole one in decimal.
func (w *matchText) port(name string, p object.Masked16) {
	if p.Mask == 0xffff {
		w.add("%s=%d", name, p.Value)
		return
	}
	w.masked(name, uint64(p.Value), uint64(p.Mask), 0xffff)
}
