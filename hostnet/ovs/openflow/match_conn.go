package openflow

import "weft/hostnet/object"

// connection writes the fields of the connection tracker (OVS, lib/nx-match.c): its state, and the addresses, the protocol and the ports
// of the connection's first packet.
func (w *oxmWriter) connection(m object.Match) {
	w.masked(field{classNXM1, 105, 4}, be32(uint32(m.Conn.Value)), be32(uint32(m.Conn.Mask)))
	if !m.Original {
		if m.ConnSrc != (object.Masked16{}) || m.ConnDst != (object.Masked16{}) {
			w.refuse("ct_tp_src and ct_tp_dst without Original")
		}
		return
	}
	switch m.EthType {
	case etherIPv4:
		w.prefix(field{classNXM1, 120, 4}, m.IPSrc)
		w.prefix(field{classNXM1, 121, 4}, m.IPDst)
	case etherIPv6:
		w.prefix(field{classNXM1, 122, 16}, m.IPSrc)
		w.prefix(field{classNXM1, 123, 16}, m.IPDst)
	}
	if m.IPProto != 0 {
		w.exact(field{classNXM1, 119, 1}, m.IPProto)
	}
	w.masked(field{classNXM1, 124, 2}, be16(m.ConnSrc.Value), be16(m.ConnSrc.Mask))
	w.masked(field{classNXM1, 125, 2}, be16(m.ConnDst.Value), be16(m.ConnDst.Mask))
}
