package nft

import (
	"encoding/binary"

	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

func accept() []expr.Any { return []expr.Any{&expr.Verdict{Kind: expr.VerdictAccept}} }

// drop counts the packet and drops it. The counter is an object of its own. With a counter inside the rule, each packet would
// change what the kernel shows of the rule.
func drop(counter string) []expr.Any {
	return []expr.Any{&expr.Objref{Type: unix.NFT_OBJECT_COUNTER, Name: counter}, &expr.Verdict{Kind: expr.VerdictDrop}}
}

// compare compares register 1 with a value.
func compare(op expr.CmpOp, with []byte) expr.Any {
	return &expr.Cmp{Op: op, Register: unix.NFT_REG_1, Data: with}
}

func hostNumber(n uint32) []byte { return binary.NativeEndian.AppendUint32(nil, n) }

// inSet matches if register 1 is in the set, or is not in it.
func inSet(name string, yes bool) []expr.Any {
	return []expr.Any{&expr.Lookup{SourceRegister: unix.NFT_REG_1, SetName: name, Invert: !yes}}
}

func protocol(p byte) []expr.Any {
	return []expr.Any{&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: unix.NFT_REG_1}, compare(expr.CmpOpEq, []byte{p})}
}

// icmpType compares the type of an ICMP message. The protocol must have been matched before.
func icmpType(op expr.CmpOp, t byte) []expr.Any {
	return []expr.Any{&expr.Payload{DestRegister: unix.NFT_REG_1, Base: expr.PayloadBaseTransportHeader, Offset: 0, Len: 1},
		compare(op, []byte{t})}
}

// ctState matches packets whose conntrack state has one of the bits, or has none of them.
func ctState(bits uint32, yes bool) []expr.Any {
	op, zero := expr.CmpOpNeq, make([]byte, 4)
	if !yes {
		op = expr.CmpOpEq
	}
	return []expr.Any{
		&expr.Ct{Key: expr.CtKeySTATE, Register: unix.NFT_REG_1},
		&expr.Bitwise{SourceRegister: unix.NFT_REG_1, DestRegister: unix.NFT_REG_1, Len: 4, Mask: hostNumber(bits), Xor: zero},
		compare(op, zero),
	}
}
