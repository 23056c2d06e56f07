package nft

import (
	"net/netip"

	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"weft/hostnet/object"
)

// family is one of IPv4 and IPv6, as rules need it.
type family struct {
	name                string
	proto               byte   // NFPROTO_…
	size                uint32 // bytes of an address
	source, destination uint32 // offsets in the header
	transit             netip.Prefix
	floatingSet         string // map floating → fixed
	fixedSet            string // map fixed → floating
	forwardSet          string // map floating . protocol . port → address . port
	sourceSet           string // map family → the namespace's own address
}

func families() []family {
	return []family{
		{"ip", unix.NFPROTO_IPV4, 4, 12, 16, object.TransitV4, "floating4", "fixed4", "forward4", "source4"},
		{"ip6", unix.NFPROTO_IPV6, 16, 8, 24, object.TransitV6, "floating6", "fixed6", "forward6", "source6"},
	}
}

func familyOf(a netip.Addr) family {
	if a.Is4() {
		return families()[0]
	}
	return families()[1]
}

// is lets only packets of the family on.
func (f family) is() []expr.Any {
	return []expr.Any{
		&expr.Meta{Key: expr.MetaKeyNFPROTO, Register: unix.NFT_REG_1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: unix.NFT_REG_1, Data: []byte{f.proto}},
	}
}

// load reads the address at the offset of the IP header into register 1.
func (f family) load(offset uint32) []expr.Any {
	return []expr.Any{&expr.Payload{DestRegister: unix.NFT_REG_1, Base: expr.PayloadBaseNetworkHeader, Offset: offset, Len: f.size}}
}

// after is the 32-bit register that follows an address in register 1.
func (f family) after() uint32 { return unix.NFT_REG32_00 + f.size/4 }

// loadService reads destination . protocol . destination port into register 1 and those that follow. TCP and UDP have
// their destination port at the same place.
func (f family) loadService() []expr.Any {
	return append(f.load(f.destination),
		&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: f.after()},
		&expr.Payload{DestRegister: f.after() + 1, Base: expr.PayloadBaseTransportHeader, Offset: 2, Len: 2},
	)
}

// nat translates to the address in register 1 and, if asked, to the port that follows it.
func (f family) nat(kind expr.NATType, port bool) []expr.Any {
	n := &expr.NAT{Type: kind, Family: uint32(f.proto), RegAddrMin: unix.NFT_REG_1}
	if port {
		n.RegProtoMin = f.after()
	}
	return []expr.Any{n}
}

// toOwn translates the source to the namespace's own address of the family, if it has one.
func (f family) toOwn() []expr.Any {
	return join([]expr.Any{&expr.Meta{Key: expr.MetaKeyNFPROTO, Register: unix.NFT_REG_1}},
		lookup(f.sourceSet), f.nat(expr.NATTypeSourceNAT, false))
}

func (f family) sourceIn(p netip.Prefix) []expr.Any { return f.inPrefix(f.source, expr.CmpOpEq, p) }
func (f family) destinationNotIn(p netip.Prefix) []expr.Any {
	return f.inPrefix(f.destination, expr.CmpOpNeq, p)
}

func (f family) inPrefix(offset uint32, op expr.CmpOp, p netip.Prefix) []expr.Any {
	mask := make([]byte, f.size)
	for i := range p.Bits() {
		mask[i/8] |= 0x80 >> (i % 8)
	}
	return append(f.load(offset),
		&expr.Bitwise{SourceRegister: unix.NFT_REG_1, DestRegister: unix.NFT_REG_1, Len: f.size, Mask: mask, Xor: make([]byte, f.size)},
		&expr.Cmp{Op: op, Register: unix.NFT_REG_1, Data: p.Masked().Addr().AsSlice()},
	)
}
