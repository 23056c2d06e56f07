package nft

import (
	"net/netip"

	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"weft/hostnet/object"
)

// family is IPv4 or IPv6, with what the rules need to know of it.
type family struct {
	familySets
	name                string
	size                uint32 // bytes of an address
	source, destination uint32 // offsets in the header
	transit             netip.Prefix
	// local are destinations that no router forwards to (RFC 3927 section 2.7). They include the transit addresses.
	local netip.Prefix
	// linkSources are sources that routers never forward: of hosts that have no address yet (RFC 1122 section 3.2.1.3), and of
	// neighbour discovery (RFC 4291 sections 2.5.2 and 2.5.6).
	linkSources []netip.Prefix
	// martians are sources that nobody outside can have.
	martians []netip.Prefix
	icmp     byte   // IPPROTO_…
	next     uint32 // offset of the protocol, or next header
	// errorChecksum is the offset of the checksum that covers the addresses of an ICMP error: the one of the IPv4 header, or that
	// of ICMPv6.
	errorChecksum uint32
	// errorTypes match the types of ICMP errors. Each needs a rule of its own.
	errorTypes []icmpMatch
}

func families() []family {
	return []family{
		{familySets: setsOf(netip.IPv4Unspecified()), name: "ip", size: 4, source: 12, destination: 16, transit: object.TransitV4,
			local:       netip.MustParsePrefix("169.254.0.0/16"),
			linkSources: prefixes("0.0.0.0/32"),
			martians:    prefixes("0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3"),
			icmp:        unix.IPPROTO_ICMP, next: 9, errorChecksum: 10,
			errorTypes: []icmpMatch{{expr.CmpOpEq, 3}, {expr.CmpOpEq, 11}, {expr.CmpOpEq, 12}}},
		{familySets: setsOf(netip.IPv6Unspecified()), name: "ip6", size: 16, source: 8, destination: 24, transit: object.TransitV6,
			local:       object.TransitV6,
			linkSources: prefixes("::/128", "fe80::/10"),
			martians:    prefixes("::/96", "::ffff:0:0/96", "ff00::/8"),
			icmp:        unix.IPPROTO_ICMPV6, next: 6, errorChecksum: 40 + 2,
			errorTypes: []icmpMatch{{expr.CmpOpLt, 128}}},
	}
}

func prefixes(list ...string) (all []netip.Prefix) {
	for _, p := range list {
		all = append(all, netip.MustParsePrefix(p))
	}
	return all
}

// familySets are the number of a family and the names of its sets. They are apart from family, because each mapping needs them.
type familySets struct {
	proto       byte   // NFPROTO_…
	floatingSet string // map floating → fixed
	fixedSet    string // map fixed → floating
	forwardSet  string // map floating . protocol . port → address . port
	sourceSet   string // map family → the namespace's own address
	leaveSet    string // floating addresses that may leave
	// managementSet has the prefixes of management networks.
	managementSet string
}

// setsOf are the sets of the family that an address belongs to.
func setsOf(a netip.Addr) familySets {
	if a.Is4() {
		return familySets{unix.NFPROTO_IPV4, "floating4", "fixed4", "forward4", "source4", "leave4", "management4"}
	}
	return familySets{unix.NFPROTO_IPV6, "floating6", "fixed6", "forward6", "source6", "leave6", "management6"}
}

// is matches packets of the family.
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

// loadService loads destination . protocol . destination port into register 1 and those after it. TCP and UDP have their
// destination port at the same offset.
func (f family) loadService() []expr.Any {
	return append(f.load(f.destination),
		&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: f.after()},
		&expr.Payload{DestRegister: f.after() + 1, Base: expr.PayloadBaseTransportHeader, Offset: 2, Len: 2},
	)
}

// nat translates to the address in register 1. With port it also translates to the port in the register after the address.
func (f family) nat(kind expr.NATType, port bool) []expr.Any {
	n := &expr.NAT{Type: kind, Family: uint32(f.proto), RegAddrMin: unix.NFT_REG_1}
	if port {
		n.RegProtoMin = f.after()
	}
	return []expr.Any{n}
}

// toOwn translates the source to the namespace's own address of the family, if there is one.
func (f family) toOwn() []expr.Any {
	return join([]expr.Any{&expr.Meta{Key: expr.MetaKeyNFPROTO, Register: unix.NFT_REG_1}},
		lookup(f.sourceSet), f.nat(expr.NATTypeSourceNAT, false))
}

// toShared translates as toOwn does, but only to ports from 1024 on. These are 64,512 toward one destination. Without that, the
// kernel would choose among only 511 ports for source ports below 512.
func (f family) toShared() []expr.Any {
	const first, last = unix.NFT_REG32_00 + 8, unix.NFT_REG32_00 + 9
	return join([]expr.Any{&expr.Meta{Key: expr.MetaKeyNFPROTO, Register: unix.NFT_REG_1}}, lookup(f.sourceSet), []expr.Any{
		&expr.Immediate{Register: first, Data: []byte{1024 >> 8, 0, 0, 0}},
		&expr.Immediate{Register: last, Data: []byte{0xff, 0xff, 0, 0}},
		&expr.NAT{Type: expr.NATTypeSourceNAT, Family: uint32(f.proto), RegAddrMin: unix.NFT_REG_1, RegProtoMin: first, RegProtoMax: last},
	})
}

func (f family) sourceIn(p netip.Prefix) []expr.Any { return f.inPrefix(f.source, expr.CmpOpEq, p) }
func (f family) destinationIn(p netip.Prefix) []expr.Any {
	return f.inPrefix(f.destination, expr.CmpOpEq, p)
}
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
