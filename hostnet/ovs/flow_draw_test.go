package ovs

import (
	"net/netip"

	"pgregory.net/rapid"

	"weft/hostnet/object"
)

// drawFlow draws any flow that the types can express and OVS accepts.
func drawFlow(t *rapid.T) object.Flow {
	f := object.Flow{
		Table:    rapid.Uint8Range(0, object.LastTable-1).Draw(t, "table"),
		Priority: rapid.Uint16().Draw(t, "priority"),
		Match:    drawMatch(t),
	}
	f.Actions = drawActions(t, f.Match, f.Table)
	return f
}

func drawMatch(t *rapid.T) object.Match {
	var m object.Match
	if rapid.Bool().Draw(t, "has port") {
		m.InPort = rapid.OneOf(rapid.Uint32Range(1, 0xfeff), rapid.Just[uint32](portLocal)).Draw(t, "in_port")
	}
	mask := rapid.Uint64().Draw(t, "metadata mask")
	m.Metadata = object.Masked64{Value: rapid.Uint64().Draw(t, "metadata") & mask, Mask: mask}
	m.Reg0, m.Reg1, m.Reg2, m.Reg4, m.Reg5, m.Reg6 = drawReg(t), drawReg(t), drawReg(t), drawReg(t), drawReg(t), drawReg(t)
	m.EthSrc, m.EthDst = drawMaskedMAC(t), drawMaskedMAC(t)
	m.VLAN = rapid.SampledFrom([]object.VLANMatch{{}, object.VLANUntagged(), object.VLANTagged(), object.VLANID(0),
		object.VLANID(100), object.VLANID(4095)}).Draw(t, "vlan")
	m.EthType = rapid.SampledFrom([]uint16{0, etherIPv4, etherIPv6, etherARP, 0x88cc, 0x8035}).Draw(t, "ethertype")
	switch m.EthType {
	case etherIPv4, etherIPv6:
		if rapid.Bool().Draw(t, "original") {
			drawConn(t, &m)
		} else {
			drawIP(t, &m)
		}
	case etherARP:
		m.IPProto = rapid.Uint8Range(0, 2).Draw(t, "opcode")
		m.ARPSPA, m.ARPTPA = drawPrefix(t, false), drawPrefix(t, false)
		if rapid.Bool().Draw(t, "has sha") {
			m.ARPSHA = object.MAC{2, 0, 0, 0, 0, 1}
		}
	}
	return m
}

// drawConn draws a match on the connection that the packet belongs to.
func drawConn(t *rapid.T, m *object.Match) {
	v6 := m.EthType == etherIPv6
	const valid = object.ConnTracked | object.ConnInvalid
	m.Conn = object.ConnMatch{Value: object.ConnTracked, Mask: valid}
	for _, s := range []object.ConnState{object.ConnNew, object.ConnEstablished, object.ConnRelated, object.ConnReply} {
		switch rapid.IntRange(0, 2).Draw(t, "state") {
		case 1:
			m.Conn.Mask |= s
		case 2:
			m.Conn.Mask, m.Conn.Value = m.Conn.Mask|s, m.Conn.Value|s
		}
	}
	m.IPSrc, m.IPDst = drawPrefix(t, v6), drawPrefix(t, v6)
	m.IPProto = rapid.SampledFrom([]uint8{0, protoICMP, protoTCP, protoUDP, protoICMPv6, 132}).Draw(t, "original protocol")
	if m.IPProto != 0 {
		m.ConnSrc, m.ConnDst = drawPorts(t), drawPorts(t)
	}
	m.Original = m.IPProto != 0 || m.IPSrc.IsValid() || m.IPDst.IsValid()
	m.Frag = object.Frag(rapid.IntRange(int(object.FragAny), int(object.FragLater)).Draw(t, "frag"))
}

func drawPorts(t *rapid.T) object.Masked16 {
	mask := rapid.SampledFrom([]uint16{0, 0xfff0, 0x8000, 0xffff}).Draw(t, "block")
	return object.Masked16{Value: rapid.Uint16().Draw(t, "port") & mask, Mask: mask}
}

func drawIP(t *rapid.T, m *object.Match) {
	v6 := m.EthType == etherIPv6
	m.IPSrc, m.IPDst = drawPrefix(t, v6), drawPrefix(t, v6)
	m.TTL = rapid.SampledFrom([]uint8{0, 1, 255}).Draw(t, "ttl")
	m.Frag = object.Frag(rapid.IntRange(int(object.FragAny), int(object.FragLater)).Draw(t, "frag"))
	m.IPProto = rapid.SampledFrom([]uint8{0, protoICMP, protoTCP, protoUDP, protoICMPv6, 47, 132}).Draw(t, "protocol")
	if m.IPProto == 0 && rapid.Bool().Draw(t, "zero protocol") {
		m.Zero |= object.ZeroIPProto
	}
	if m.Frag == object.FragLater { // it has no upper-layer header to match
		return
	}
	ports := rapid.SampledFrom([]uint16{0, 67, 547, 65535})
	switch {
	case m.IPProto == protoTCP:
		m.TCPSrc, m.TCPDst = ports.Draw(t, "src"), ports.Draw(t, "dst")
	case m.IPProto == protoUDP:
		m.UDPSrc, m.UDPDst = ports.Draw(t, "src"), ports.Draw(t, "dst")
		if m.UDPDst == 0 && rapid.Bool().Draw(t, "zero port") {
			m.Zero |= object.ZeroUDPDst
		}
	case m.IPProto == protoICMP && !v6:
		m.ICMPType, m.ICMPCode = drawOptional(t), drawOptional(t)
	case m.IPProto == protoICMPv6 && v6:
		drawND(t, m)
	}
}

func drawND(t *rapid.T, m *object.Match) {
	if !rapid.Bool().Draw(t, "neighbour discovery") {
		m.ICMPType, m.ICMPCode = drawOptional(t), drawOptional(t)
		return
	}
	m.ICMPCode = object.Some8(0)
	m.NDTarget = drawPrefix(t, true)
	m.ICMPType = object.Some8(rapid.SampledFrom([]uint8{135, 136}).Draw(t, "ND type"))
	link := rapid.SampledFrom([]object.MAC{{}, {2, 0, 0, 0, 0, 1}}).Draw(t, "link-layer address")
	if m.ICMPType.Value == 135 {
		m.NDSLL = link
		if link == (object.MAC{}) && rapid.Bool().Draw(t, "no source option") {
			m.Zero |= object.ZeroNDSLL
		}
		return
	}
	m.NDTLL = link
	if link == (object.MAC{}) && rapid.Bool().Draw(t, "no option") {
		m.Zero |= object.ZeroNDTLL
	}
}

func drawReg(t *rapid.T) object.Masked32 {
	mask := rapid.SampledFrom([]uint32{0, 1, 0xff00, 0xffffffff}).Draw(t, "mask")
	return object.Masked32{Value: rapid.Uint32().Draw(t, "register") & mask, Mask: mask}
}

func drawMaskedMAC(t *rapid.T) object.MaskedMAC {
	return rapid.SampledFrom([]object.MaskedMAC{{}, object.GroupMAC(), object.ExactMAC(object.MAC{2, 0, 0, 0, 0, 1}),
		{Value: object.MAC{2}, Mask: object.MAC{0xff, 0xff, 0xff}}, object.ExactMAC(object.MAC{})}).Draw(t, "mac")
}

func drawPrefix(t *rapid.T, v6 bool) netip.Prefix {
	texts := []string{"", "10.0.0.0/8", "192.0.2.1/32", "0.0.0.0/32", "128.0.0.0/1"}
	if v6 {
		texts = []string{"", "fe80::/10", "2001:db8::1/128", "::/128", "ff02::1/128", "::ffff:0:0/95"}
	}
	text := rapid.SampledFrom(texts).Draw(t, "prefix")
	if text == "" {
		return netip.Prefix{}
	}
	return netip.MustParsePrefix(text).Masked()
}

func drawOptional(t *rapid.T) object.Optional8 {
	if !rapid.Bool().Draw(t, "set") {
		return object.Optional8{}
	}
	return object.Some8(rapid.Uint8().Draw(t, "byte"))
}

// drawActions draws a list that is consistent with the match: ND actions only on ND, VLAN actions only outside IP.
func drawActions(t *rapid.T, m object.Match, table uint8) []object.Action {
	some := []object.Action{object.Output{Port: 1}, object.Output{Port: portLocal}, object.Resubmit{Table: 12},
		object.SetEthSrc{MAC: object.MAC{2, 0x57, 0, rapid.Byte().Draw(t, "set source"), 0, 9}},
		object.SetEthDst{MAC: object.MAC{2, 0x57, 0, rapid.Byte().Draw(t, "set destination"), 0, 9}},
		object.SetMetadata{Value: rapid.Uint64().Draw(t, "set metadata")}, object.SetMetadata{},
		object.LoadLive{Reg: rapid.Uint8Range(0, 7).Draw(t, "live reg"), Ports: [3]uint32{rapid.Uint32Range(1, 0xfeff).Draw(t, "live"), 7, 0}},
		object.CheckLarger{Length: rapid.Uint16().Draw(t, "length"), Reg: rapid.Uint8Range(0, 15).Draw(t, "length reg"), Bit: rapid.Uint8Range(0, 31).Draw(t, "bit")},
		object.LoadBit{Reg: rapid.Uint8Range(0, 15).Draw(t, "bit's reg"), Bit: rapid.Uint8Range(0, 31).Draw(t, "load bit"), Value: rapid.Bool().Draw(t, "load")},
		object.SetReg{Reg: rapid.Uint8Range(0, 15).Draw(t, "set reg"), Value: rapid.Uint32().Draw(t, "set value")}}
	if m.EthType == etherIPv4 && m.IPProto == protoUDP && !m.Original { // the original tuple does not say what the packet itself is
		addr := netip.AddrFrom4([4]byte{rapid.Byte().Draw(t, "set address"), 0, 2, 1})
		some = append(some, object.SetIPSrc{Addr: addr}, object.SetIPDst{Addr: addr})
		if m.Frag != object.FragLater { // later fragments have no ports
			some = append(some, object.SetUDPSrc{Port: rapid.Uint16().Draw(t, "set port")})
		}
	}
	if m.EthType == etherARP {
		some = append(some, object.SetARPSHA{MAC: object.MAC{2, 0x57, 0, rapid.Byte().Draw(t, "set sender"), 0, 9}},
			object.SetARPSPA{Addr: netip.AddrFrom4([4]byte{rapid.Byte().Draw(t, "set sender address"), 0, 2, 1})})
	}
	if m.EthType == etherIPv6 {
		addr := netip.AddrFrom16([16]byte{0: 0x20, 15: rapid.Byte().Draw(t, "set IPv6 address")})
		some = append(some, object.SetIPv6Src{Addr: addr}, object.SetIPv6Dst{Addr: addr})
		some = append(some, object.LearnLinkLocal{Table: 12, Cookie: rapid.Uint64().Draw(t, "learn cookie"),
			Limit: rapid.Uint32Range(0, 9).Draw(t, "limit"), IdleTimeout: rapid.Uint16().Draw(t, "idle")})
	}
	some = append(some, object.LearnRejected{Table: 71, Cookie: rapid.Uint64().Draw(t, "reject cookie"), Bit: rapid.Uint8Range(0, 31).Draw(t, "counted"),
		Port:  rapid.Uint8Range(5, 6).Draw(t, "blamed"),
		Limit: rapid.Uint32Range(1, 9).Draw(t, "reject limit"), IdleTimeout: rapid.Uint16().Draw(t, "reject idle")})
	some = append(some, object.LearnMAC{Table: 21, Cookie: rapid.Uint64().Draw(t, "known cookie"), Bit: rapid.Uint8Range(0, 31).Draw(t, "known"),
		Limit: rapid.Uint32Range(1, 9).Draw(t, "known limit"), HardTimeout: rapid.Uint16().Draw(t, "hard")})
	if m.EthType == etherIPv4 || m.EthType == etherIPv6 {
		some = append(some, object.Commit{Zone: rapid.Uint16Min(1).Draw(t, "commit zone")})
	}
	if t := m.ICMPType; m.EthType == etherIPv6 && t.Set && (t.Value == 135 || t.Value == 136) && m.ICMPCode == object.Some8(0) {
		some = append(some, object.LookupTarget{Table: 12})
		if t.Value == 135 {
			some = append(some, object.SetNDSLL{MAC: object.MAC{2, 0x57, 0, 1, 0, 9}})
		}
	}
	actions := rapid.SliceOfN(rapid.SampledFrom(some), 0, 6).Draw(t, "actions")
	switch {
	case m.VLAN.Mask&0x1000 != 0 && m.VLAN.TCI&0x1000 != 0:
		actions = append(actions, object.PopVLAN{})
	case m.VLAN == object.VLANUntagged():
		actions = append(actions, object.PushVLAN{ID: rapid.Uint16Range(0, 4095).Draw(t, "vid")})
	}
	if rapid.Bool().Draw(t, "metered") {
		actions = append([]object.Action{object.ApplyMeter{ID: rapid.Uint32Range(1, object.LastMeter).Draw(t, "meter")}}, actions...)
	}
	switch next := rapid.IntRange(0, 2).Draw(t, "next"); {
	case next == 1:
		actions = append(actions, object.Goto{Table: table + 1})
	case next == 2 && (m.EthType == etherIPv4 || m.EthType == etherIPv6):
		actions = append(actions, object.Track{Zone: rapid.Uint16Min(1).Draw(t, "zone"), Table: table + 1})
	}
	return actions
}
