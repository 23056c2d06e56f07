package frame

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"golang.org/x/net/bpf"

	"weft/hostnet/object"
)

// Filter says which frames reach a server: untagged ones from one Ethernet address that pass any of the rules. It is
// run by the kernel, so that what is not for the server costs it nothing.
type Filter struct {
	From  object.MAC // zero for any
	Rules []Rule
}

// Rule is passed by a frame that passes all of its tests, tried in order.
type Rule []Test

// Test loads a value of the frame and compares it.
type Test struct {
	load  []bpf.Instruction
	cond  bpf.JumpTest
	value uint32
}

// Offsets in bytes from the beginning of an untagged frame.
const (
	offsetSource   = 6
	offsetType     = 12
	offsetFragment = ethernetSize + 6
	offsetIPProto  = ethernetSize + 9
	offsetIP6Next  = ethernetSize + 6
	offsetIP6Body  = ethernetSize + ipv6Size
	offsetARPOp    = ethernetSize + 6
	offsetARPTPA   = ethernetSize + 24
	offsetNDTarget = offsetIP6Body + 8
)

// captured is how many bytes of an accepted frame are handed over.
const captured = 0xffff

func equal(size int, offset uint32, value uint32) Test {
	return Test{[]bpf.Instruction{bpf.LoadAbsolute{Off: offset, Size: size}}, bpf.JumpEqual, value}
}

// UDP4To passes whole IPv4 datagrams and first fragments to the UDP port, wherever the IP header's options end.
func UDP4To(port uint16) Rule {
	return Rule{
		equal(2, offsetType, uint32(EtherTypeIPv4)),
		equal(1, offsetIPProto, uint32(ProtocolUDP)),
		{[]bpf.Instruction{bpf.LoadAbsolute{Off: offsetFragment, Size: 2}}, bpf.JumpBitsNotSet, 0x1fff},
		{[]bpf.Instruction{
			bpf.LoadMemShift{Off: ethernetSize},
			bpf.LoadIndirect{Off: ethernetSize + 2, Size: 2},
		}, bpf.JumpEqual, uint32(port)},
	}
}

// UDP6To passes IPv6 datagrams to the UDP port that have no extension headers.
func UDP6To(port uint16) Rule {
	return Rule{
		equal(2, offsetType, uint32(EtherTypeIPv6)),
		equal(1, offsetIP6Next, uint32(ProtocolUDP)),
		equal(2, offsetIP6Body+2, uint32(port)),
	}
}

// ICMPv6Type passes ICMPv6 messages of the type that have no extension headers.
func ICMPv6Type(icmpType uint8) Rule {
	return Rule{
		equal(2, offsetType, uint32(EtherTypeIPv6)),
		equal(1, offsetIP6Next, uint32(ProtocolICMPv6)),
		equal(1, offsetIP6Body, uint32(icmpType)),
	}
}

// NDTarget narrows ICMPv6Type to neighbour discovery about the address.
func (r Rule) NDTarget(address netip.Addr) Rule {
	a := address.As16()
	for i := range uint32(4) {
		r = append(r, equal(4, offsetNDTarget+4*i, binary.BigEndian.Uint32(a[4*i:])))
	}
	return r
}

// ARPRequestFor passes ARP requests for the IPv4 address.
func ARPRequestFor(address netip.Addr) Rule {
	a := address.As4()
	return Rule{
		equal(2, offsetType, uint32(EtherTypeARP)),
		equal(2, offsetARPOp, uint32(ARPRequest)),
		equal(4, offsetARPTPA, binary.BigEndian.Uint32(a[:])),
	}
}

// program is the filter as classic BPF. A frame that came with a VLAN tag has it beside its data, not in it (the
// kernel strips it), so that the tag's presence has to be asked for: else a tagged frame would pass for an untagged one.
func (f Filter) program() []bpf.Instruction {
	always := Rule{{[]bpf.Instruction{bpf.LoadExtension{Num: bpf.ExtVLANTagPresent}}, bpf.JumpEqual, 0}}
	if f.From != (object.MAC{}) {
		always = append(always,
			equal(4, offsetSource, binary.BigEndian.Uint32(f.From[:4])),
			equal(2, offsetSource+4, uint32(binary.BigEndian.Uint16(f.From[4:]))))
	}
	program := always.compile(bpf.RetConstant{Val: 0}, true)
	for _, r := range f.Rules {
		program = append(program, r.compile(bpf.RetConstant{Val: captured}, false)...)
	}
	return append(program, bpf.RetConstant{Val: 0})
}

// compile makes a block that ends in verdict: when all tests pass, or, inverted, when one of them does not. Otherwise
// the block is left at its end.
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

// Assemble turns the filter into what the kernel takes. The kernel takes at most 4,096 instructions, some hundreds of
// rules.
func (f Filter) Assemble() ([]bpf.RawInstruction, error) {
	raw, err := bpf.Assemble(f.program())
	if err != nil {
		return nil, fmt.Errorf("filter for %s with %d rules: %w", f.From, len(f.Rules), err)
	}
	return raw, nil
}
