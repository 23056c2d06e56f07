package packetsocket

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"

	"golang.org/x/net/bpf"

	"weft/hostnet/object"
)

// Filter says which frames a server wants: untagged frames that pass any of the rules. The kernel runs the rules of all servers
// as one filter, so that frames for none of them are cheap. What the kernel passes is compared with each server's own rules again.
type Filter struct {
	Rules []Rule
}

// Rule passes a frame that passes all of its tests, in this order.
type Rule []Test

// Test loads a value from the frame and compares it.
type Test struct {
	load   []bpf.Instruction
	cond   bpf.JumpTest
	value  uint32
	narrow bool // left out if there are too many rules
}

// Offsets in bytes from the beginning of an untagged frame.
const (
	offsetSource   = 6
	offsetType     = 12
	offsetFragment = ethernetSize + 6
	offsetIPProto  = ethernetSize + 9
	offsetIPTarget = ethernetSize + 16
	offsetIP6Next  = ethernetSize + 6
	offsetIP6To    = ethernetSize + 24
	offsetIP6Body  = ethernetSize + ipv6Size
	offsetARPOp    = ethernetSize + 6
	offsetARPTPA   = ethernetSize + 24
	offsetNDTarget = offsetIP6Body + 8
)

func equal(size int, offset uint32, value uint32) Test {
	return Test{load: []bpf.Instruction{bpf.LoadAbsolute{Off: offset, Size: size}}, cond: bpf.JumpEqual, value: value}
}

// UDP4To passes whole IPv4 datagrams and first fragments to the UDP port, with any length of IP options.
func UDP4To(port uint16) Rule {
	return Rule{
		equal(2, offsetType, uint32(EtherTypeIPv4)),
		equal(1, offsetIPProto, uint32(ProtocolUDP)),
		{load: []bpf.Instruction{bpf.LoadAbsolute{Off: offsetFragment, Size: 2}}, cond: bpf.JumpBitsNotSet, value: 0x1fff},
		{load: []bpf.Instruction{
			bpf.LoadMemShift{Off: ethernetSize},
			bpf.LoadIndirect{Off: ethernetSize + 2, Size: 2},
		}, cond: bpf.JumpEqual, value: uint32(port)},
	}
}

// UDP6To passes IPv6 datagrams without extension headers to the UDP port.
func UDP6To(port uint16) Rule {
	return Rule{
		equal(2, offsetType, uint32(EtherTypeIPv6)),
		equal(1, offsetIP6Next, uint32(ProtocolUDP)),
		equal(2, offsetIP6Body+2, uint32(port)),
	}
}

// TCP4To passes whole IPv4 packets with TCP to the port of the address, or to all of its ports if port is 0, with any length of IP options.
func TCP4To(address netip.Addr, port uint16) Rule {
	a := address.As4()
	r := Rule{
		equal(2, offsetType, uint32(EtherTypeIPv4)),
		equal(1, offsetIPProto, uint32(ProtocolTCP)),
		equal(4, offsetIPTarget, binary.BigEndian.Uint32(a[:])),
		{load: []bpf.Instruction{bpf.LoadAbsolute{Off: offsetFragment, Size: 2}}, cond: bpf.JumpBitsNotSet, value: 0x3fff},
	}
	if port == 0 {
		return r
	}
	return append(r, Test{load: []bpf.Instruction{
		bpf.LoadMemShift{Off: ethernetSize},
		bpf.LoadIndirect{Off: ethernetSize + 2, Size: 2},
	}, cond: bpf.JumpEqual, value: uint32(port)})
}

// TCP6To passes IPv6 packets with TCP, and without extension headers, to the port of the address, or to all of its ports if port is 0.
func TCP6To(address netip.Addr, port uint16) Rule {
	a := address.As16()
	r := Rule{equal(2, offsetType, uint32(EtherTypeIPv6)), equal(1, offsetIP6Next, uint32(ProtocolTCP))}
	for i := range uint32(4) {
		r = append(r, equal(4, offsetIP6To+4*i, binary.BigEndian.Uint32(a[4*i:])))
	}
	if port == 0 {
		return r
	}
	return append(r, equal(2, offsetIP6Body+2, uint32(port)))
}

// RARP passes reverse ARP (RFC 903). Hypervisors use it to announce a guest that has arrived.
func RARP() Rule { return Rule{equal(2, offsetType, uint32(EtherTypeRARP))} }

// AnyARP passes every ARP packet.
func AnyARP() Rule { return Rule{equal(2, offsetType, uint32(EtherTypeARP))} }

// From narrows a rule to frames from this Ethernet address.
func (r Rule) From(mac object.MAC) Rule {
	high, low := equal(4, offsetSource, binary.BigEndian.Uint32(mac[:])), equal(2, offsetSource+4, uint32(binary.BigEndian.Uint16(mac[4:])))
	high.narrow, low.narrow = true, true
	return append(slices.Clip(r), high, low)
}

// ICMPv6Type passes ICMPv6 messages of this type without extension headers.
func ICMPv6Type(icmpType uint8) Rule {
	return Rule{
		equal(2, offsetType, uint32(EtherTypeIPv6)),
		equal(1, offsetIP6Next, uint32(ProtocolICMPv6)),
		equal(1, offsetIP6Body, uint32(icmpType)),
	}
}

// NDTarget narrows ICMPv6Type to neighbour discovery about this address.
func (r Rule) NDTarget(address netip.Addr) Rule {
	a := address.As16()
	for i := range uint32(4) {
		r = append(r, equal(4, offsetNDTarget+4*i, binary.BigEndian.Uint32(a[4*i:])))
	}
	return r
}

// ARPRequestFor passes ARP requests for the IPv4 address. If there are too many rules, it passes all ARP requests.
func ARPRequestFor(address netip.Addr) Rule {
	a := address.As4()
	target := equal(4, offsetARPTPA, binary.BigEndian.Uint32(a[:]))
	target.narrow = true
	return Rule{
		equal(2, offsetType, uint32(EtherTypeARP)),
		equal(2, offsetARPOp, uint32(ARPRequest)),
		target,
	}
}

// program passes frames that pass any of the rules, except from devices that are shut out. The kernel removes a VLAN tag and
// stores it beside the frame's data. So the program must ask whether there is a tag. Otherwise a tagged frame would look
// untagged.
func program(rules []Rule, shut []int) []bpf.Instruction {
	always := Rule{{load: []bpf.Instruction{bpf.LoadExtension{Num: bpf.ExtVLANTagPresent}}, cond: bpf.JumpEqual}}
	for _, index := range shut {
		always = append(always, Test{
			load: []bpf.Instruction{bpf.LoadExtension{Num: bpf.ExtInterfaceIndex}}, cond: bpf.JumpNotEqual, value: uint32(index),
		})
	}
	p := always.compile(bpf.RetConstant{Val: 0}, true)
	for _, r := range rules {
		p = append(p, r.compile(bpf.RetConstant{Val: receiveSize}, false)...)
	}
	return append(p, bpf.RetConstant{Val: 0})
}

// compile makes a block that ends in the verdict if all tests pass, or, inverted, if one of them does not. Otherwise the program
// goes on after the block.
func (r Rule) compile(verdict bpf.Instruction, inverted bool) []bpf.Instruction {
	size := 1
	for _, t := range r {
		size += len(t.load) + 1
	}
	block := make([]bpf.Instruction, 0, size)
	for i, t := range r {
		block = append(block, t.load...)
		rest := uint8(size - len(block) - 1) // instructions after this jump, the verdict included
		jump := bpf.JumpIf{Cond: t.cond, Val: t.value, SkipFalse: rest}
		if inverted {
			jump.SkipFalse = rest - 1
			if i == len(r)-1 {
				jump.SkipTrue = rest
			}
		}
		block = append(block, jump)
	}
	return append(block, verdict)
}

// assemble converts the program for the kernel. The kernel accepts at most 4,096 instructions, which is some hundreds of rules.
func assemble(rules []Rule, shut []int) ([]bpf.RawInstruction, error) {
	raw, err := bpf.Assemble(program(rules, shut))
	if err != nil {
		return nil, fmt.Errorf("filter with %d rules and %d devices shut out: %w", len(rules), len(shut), err)
	}
	return raw, nil
}
