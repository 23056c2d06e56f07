package openflow

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"

	"weft/hostnet/object"
)

// Numbers of instructions (openflow-spec 1.4, 7.2.4), of actions (7.2.5) and of Nicira actions (OVS, lib/ofp-actions.c).
const (
	instructionGoto  = 1
	instructionApply = 4
	instructionMeter = 6

	actionOutput       = 0
	actionPushVLAN     = 17
	actionPopVLAN      = 18
	actionSetField     = 25
	actionExperimenter = 0xffff

	nicira         = 0x00002320
	niciraMove     = 6
	niciraLoad     = 7
	niciraBundleTo = 13 // bundle_load
	niciraResubmit = 14
	niciraPush     = 27
	niciraPop      = 28
	niciraTrack    = 35 // ct
	niciraLearn2   = 45
	niciraLarger   = 49 // check_pkt_larger

	inPort = 0xfff8 // OFPP_IN_PORT of 16 bits: keep the port

	vlanPresent = 0x1000 // OFPVID_PRESENT
)

// The fields that actions name, with the headers that ovs-ofctl uses for them.
func fieldIPv6Src() field   { return field{classNXM1, 19, 16} }
func fieldNDTarget() field  { return field{classNXM1, 23, 16} }
func fieldEthSrc() field    { return oxm(4, 6) }
func fieldEthDst() field    { return oxm(3, 6) }
func fieldNXMEthDst() field { return field{classNXM0, 1, 6} }
func fieldNXMEthSrc() field { return field{classNXM0, 2, 6} }
func fieldARPSPA() field    { return oxm(22, 4) }
func fieldARPSHA() field    { return oxm(24, 6) }
func fieldIPv6From() field  { return oxm(26, 16) }
func fieldIPv6To() field    { return oxm(27, 16) }
func fieldNDSLL() field     { return oxm(32, 6) }
func fieldIPSrc() field     { return oxm(11, 4) }
func fieldIPDst() field     { return oxm(12, 4) }
func fieldMetadata() field  { return oxm(2, 8) }
func fieldEtherType() field { return field{classNXM0, 3, 2} }

// appendInstructions writes what a flow does: possibly a meter, actions that apply at once, then possibly a later table. A flow without
// actions drops.
func appendInstructions(b []byte, actions []object.Action) ([]byte, error) {
	be := binary.BigEndian
	var next *object.Goto
	if n := len(actions); n > 0 {
		if g, ok := actions[n-1].(object.Goto); ok {
			next, actions = &g, actions[:n-1]
		}
	}
	if len(actions) > 0 {
		if m, ok := actions[0].(object.ApplyMeter); ok {
			b = append(b, 0, instructionMeter, 0, 8)
			b, actions = be.AppendUint32(b, m.ID), actions[1:]
		}
	}
	if len(actions) > 0 {
		start := len(b)
		b = be.AppendUint16(b, instructionApply)
		b = append(b, 0, 0, 0, 0, 0, 0) // length, padding
		for _, a := range actions {
			var err error
			if b, err = appendAction(b, a); err != nil {
				return b, err
			}
		}
		if len(b)-start > MaxLen {
			return b, errors.New("more actions than a message can hold")
		}
		be.PutUint16(b[start+2:], uint16(len(b)-start))
	}
	if next != nil {
		b = be.AppendUint16(b, instructionGoto)
		b = append(b, 0, 8, next.Table, 0, 0, 0)
	}
	return b, nil
}

func appendAction(b []byte, a object.Action) ([]byte, error) {
	switch a := a.(type) {
	case object.Output:
		b = appendActionHeader(b, actionOutput, 16)
		b = binary.BigEndian.AppendUint32(b, widePort(a.Port))
		return append(b, make([]byte, 8)...), nil
	case object.Resubmit:
		return appendResubmit(b, a.Table), nil
	case object.LookupTarget:
		b = appendStack(b, niciraPush, fieldIPv6Src())
		b = appendMove(b, fieldNDTarget(), fieldIPv6Src())
		b = appendResubmit(b, a.Table)
		return appendStack(b, niciraPop, fieldIPv6Src()), nil
	case object.SetMetadata:
		return appendSetField(b, fieldMetadata(), be64(a.Value)), nil
	case object.SetReg:
		if a.Reg > 15 {
			return b, fmt.Errorf("action set_field: there is no reg%d", a.Reg)
		}
		return appendSetField(b, register(a.Reg), be32(a.Value)), nil
	case object.LoadLive:
		return appendLoadLive(b, a)
	case object.SetEthSrc:
		return appendSetField(b, fieldEthSrc(), a.MAC[:]), nil
	case object.SetEthDst:
		return appendSetField(b, fieldEthDst(), a.MAC[:]), nil
	case object.SetARPSHA:
		return appendSetField(b, fieldARPSHA(), a.MAC[:]), nil
	case object.SetARPSPA:
		return appendAddress(b, fieldARPSPA(), a.Addr)
	case object.SetNDSLL:
		return appendSetField(b, fieldNDSLL(), a.MAC[:]), nil
	case object.SetIPv6Src:
		return appendAddress6(b, fieldIPv6From(), a.Addr)
	case object.SetIPv6Dst:
		return appendAddress6(b, fieldIPv6To(), a.Addr)
	case object.SetIPSrc:
		return appendAddress(b, fieldIPSrc(), a.Addr)
	case object.SetIPDst:
		return appendAddress(b, fieldIPDst(), a.Addr)
	case object.SetUDPSrc:
		return appendSetField(b, oxm(15, 2), be16(a.Port)), nil
	case object.PushVLAN:
		if a.ID > 4095 {
			return b, fmt.Errorf("action push_vlan: %d is no VLAN id", a.ID)
		}
		b = append(appendActionHeader(b, actionPushVLAN, 8), 0x81, 0, 0, 0)
		return appendSetField(b, oxm(6, 2), be16(vlanPresent|a.ID)), nil
	case object.PopVLAN:
		return append(appendActionHeader(b, actionPopVLAN, 8), 0, 0, 0, 0), nil
	case object.LearnLinkLocal:
		return appendLearn(b, a), nil
	case object.LearnRejected:
		return appendLearnRejected(b, a)
	case object.LearnMAC:
		return appendLearnMAC(b, a)
	case object.CheckLarger:
		return appendCheckLarger(b, a)
	case object.LoadBit:
		return appendLoadBit(b, a)
	case object.Track:
		return appendTrack(b, 0, a.Zone, a.Table)
	case object.Commit:
		return appendTrack(b, trackCommit, a.Zone, trackNoTable)
	}
	return b, fmt.Errorf("action %T has no bytes here", a)
}

func appendAddress(b []byte, f field, a netip.Addr) ([]byte, error) {
	if !a.Is4() {
		return b, fmt.Errorf("action set_field: %s is no IPv4 address", a)
	}
	return appendSetField(b, f, a.AsSlice()), nil
}

func appendAddress6(b []byte, f field, a netip.Addr) ([]byte, error) {
	if !a.Is6() || a.Is4In6() {
		return b, fmt.Errorf("action set_field: %s is no IPv6 address", a)
	}
	return appendSetField(b, f, a.AsSlice()), nil
}

// appendLoadLive writes NXAST_BUNDLE_LOAD with active_backup into the lower half of a register. The algorithm is 0. The hashed
// field (eth_src) and its basis are 0 too.
func appendLoadLive(b []byte, a object.LoadLive) ([]byte, error) {
	be := binary.BigEndian
	if a.Reg > 7 {
		return b, fmt.Errorf("action bundle_load: reg%d has no 16-bit name", a.Reg)
	}
	var members []byte
	for _, p := range a.Ports {
		if p > 0xffff {
			return b, fmt.Errorf("action bundle_load: %d is no port of 16 bits", p)
		}
		if p != 0 {
			members = be.AppendUint16(members, uint16(p))
		}
	}
	const fixed = 32
	length := (fixed + len(members) + 7) &^ 7
	start := len(b)
	b = appendNicira(b, niciraBundleTo, uint16(length))
	b = append(b, make([]byte, 6)...) // algorithm, fields, basis
	b = be.AppendUint32(b, field{classNXM0, 0, 2}.header())
	b = be.AppendUint16(b, uint16(len(members)/2))
	b = be.AppendUint16(b, 16-1) // from bit 0, 16 bits
	b = be.AppendUint32(b, field{classNXM1, a.Reg, 4}.header())
	b = append(b, make([]byte, 4)...)
	b = append(b, members...)
	return append(b, make([]byte, start+length-len(b))...), nil
}

// appendCheckLarger writes NXAST_CHECK_PKT_LARGER: the length, the bit, and the register of the bit.
func appendCheckLarger(b []byte, a object.CheckLarger) ([]byte, error) {
	if a.Reg > 15 || a.Bit > 31 {
		return b, fmt.Errorf("action check_pkt_larger: there is no bit %d of reg%d", a.Bit, a.Reg)
	}
	const length = 24
	start := len(b)
	b = appendNicira(b, niciraLarger, length)
	b = binary.BigEndian.AppendUint16(b, a.Length)
	b = binary.BigEndian.AppendUint16(b, uint16(a.Bit))
	b = binary.BigEndian.AppendUint32(b, register(a.Reg).header())
	return append(b, make([]byte, start+length-len(b))...), nil
}

// appendLoadBit writes NXAST_REG_LOAD into one bit.
func appendLoadBit(b []byte, a object.LoadBit) ([]byte, error) {
	if a.Reg > 15 || a.Bit > 31 {
		return b, fmt.Errorf("action load: there is no bit %d of reg%d", a.Bit, a.Reg)
	}
	b = binary.BigEndian.AppendUint16(appendNicira(b, niciraLoad, 24), uint16(a.Bit)<<6) // and the number of bits less one
	b = binary.BigEndian.AppendUint32(b, register(a.Reg).header())
	value := uint64(0)
	if a.Value {
		value = 1
	}
	return binary.BigEndian.AppendUint64(b, value), nil
}

// Parts of NXAST_CT.
const (
	trackCommit  = 1
	trackNoTable = 0xff
)

// appendTrack writes NXAST_CT: flags, no field for the zone but its number, the table, no helper.
func appendTrack(b []byte, flags, zone uint16, table uint8) ([]byte, error) {
	if zone == 0 {
		return b, errors.New("action ct: zone 0 is everybody's")
	}
	b = binary.BigEndian.AppendUint16(appendNicira(b, niciraTrack, 24), flags)
	b = append(b, 0, 0, 0, 0)
	b = binary.BigEndian.AppendUint16(b, zone)
	return append(b, table, 0, 0, 0, 0, 0), nil
}

func appendActionHeader(b []byte, kind, length uint16) []byte {
	return binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(b, kind), length)
}

func appendNicira(b []byte, subtype, length uint16) []byte {
	b = appendActionHeader(b, actionExperimenter, length)
	b = binary.BigEndian.AppendUint32(b, nicira)
	return binary.BigEndian.AppendUint16(b, subtype)
}

func appendResubmit(b []byte, table uint8) []byte {
	b = binary.BigEndian.AppendUint16(appendNicira(b, niciraResubmit, 16), inPort)
	return append(b, table, 0, 0, 0)
}

// appendStack pushes a whole field on the stack, or pops it.
func appendStack(b []byte, subtype uint16, f field) []byte {
	b = append(appendNicira(b, subtype, 24), 0, 0) // from bit 0 on
	b = binary.BigEndian.AppendUint32(b, f.header())
	b = binary.BigEndian.AppendUint16(b, f.bits())
	return append(b, make([]byte, 6)...)
}

func (f field) bits() uint16 { return 8 * uint16(f.length) }

// appendMove copies a whole field.
func appendMove(b []byte, from, to field) []byte {
	b = binary.BigEndian.AppendUint16(appendNicira(b, niciraMove, 24), from.bits())
	b = append(b, 0, 0, 0, 0) // from bit 0 to bit 0
	b = binary.BigEndian.AppendUint32(b, from.header())
	return binary.BigEndian.AppendUint32(b, to.header())
}

func appendSetField(b []byte, f field, value []byte) []byte {
	start := len(b)
	b = appendActionHeader(b, actionSetField, (4+4+uint16(f.length)+7)&^7)
	b = binary.BigEndian.AppendUint32(b, f.header())
	return pad(append(b, value...), start)
}
