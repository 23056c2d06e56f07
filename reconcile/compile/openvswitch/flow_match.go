package openvswitch

import (
	"net/netip"

	"weft/hostnet/object"
)

var (
	linkLocalPrefix   = netip.MustParsePrefix("fe80::/10")
	unspecifiedPrefix = netip.PrefixFrom(netip.IPv6Unspecified(), 128)
	// The groups of IGMP queries from routers, and of messages from hosts and routers to routers and to snooping switches (RFC
	// 2236, RFC 4286).
	allSystems     = netip.MustParsePrefix("224.0.0.1/32")
	allRouters     = netip.MustParsePrefix("224.0.0.2/32")
	allSnoopers    = netip.MustParsePrefix("224.0.0.106/32")
	multicastIPv4  = netip.MustParsePrefix("224.0.0.0/4")
	zeroIPv4Prefix = netip.PrefixFrom(netip.IPv4Unspecified(), 32)
)

// The matches below carry the prerequisites of the fields they set.

func matchIPv4(proto uint8) object.Match { return object.Match{EthType: ethIPv4, IPProto: proto} }

func matchIPv6(proto uint8) object.Match { return object.Match{EthType: ethIPv6, IPProto: proto} }

func matchICMPv6(kind uint8) object.Match {
	m := matchIPv6(protoICMPv6)
	m.ICMPType = object.Some8(kind)
	return m
}

// matchND matches an ND message that OVS could parse. Its code is always 0 (RFC 4861).
func matchND(kind uint8) object.Match {
	m := matchICMPv6(kind)
	m.ICMPCode = object.Some8(0)
	return m
}

// validND matches an ND message that is valid as far as OVS shows it: parsed, and not forwarded by a router.
func validND(kind uint8) object.Match {
	m := matchND(kind)
	m.TTL = hopLimitND
	return m
}

// bounded marks an ND message in a frame of more than length bytes. It has options that OVS did not read, and table 20 drops it.
func bounded(length uint16) object.CheckLarger {
	return object.CheckLarger{Length: length, Reg: 4, Bit: tooLongBit}
}

// tooLongBit is bit 1 of reg4; bit 0 is LearnLinkLocal's, and bit 2 is isolatedBit.
const tooLongBit = 1

// isolatedBit is bit 2 of reg4: a guest of a network that isolates its guests sent the frame, on this host or another.
const isolatedBit = 2

// Bits of reg4 that belong to security groups.
const (
	visitedBit = 3 // the frame has been to the connection tracker, or does not go there
	trackedBit = 4 // the connection tracker has seen it
	allowedBit = 5 // a rule allows it
	sharedBit  = 6 // it goes to several guests that share a MAC, so that the connection is remembered afterwards
)

// countedBit is bit 7 of reg4: a flow of table 71 has counted the rejected frame.
const countedBit = 7

// Bits of reg4 that belong to the limit of what is copied to many.
const (
	knownBit   = 8 // somebody on the physical network has the destination
	limitedBit = 9 // the frame has passed its sender's limit
)

// bitOf matches one bit of reg4.
func bitOf(bit uint8, set bool) object.Masked32 {
	m := object.Masked32{Mask: 1 << bit}
	if set {
		m.Value = m.Mask
	}
	return m
}

func setBit(bit uint8, value bool) object.Action {
	return object.LoadBit{Reg: 4, Bit: bit, Value: value}
}

// markIsolated sets isolatedBit. It comes before everything that uses the other bits of reg4.
func markIsolated() object.Action { return object.SetReg{Reg: 4, Value: 1 << isolatedBit} }

// fromIsolated matches frames of the network with isolatedBit.
func fromIsolated(meta object.Masked64) object.Match {
	return object.Match{Metadata: meta, Reg4: object.Masked32{Value: 1 << isolatedBit, Mask: 1 << isolatedBit}}
}

func single(a netip.Addr) netip.Prefix { return netip.PrefixFrom(a, a.BitLen()) }

// flowList collects the flows of one set.
type flowList []object.Flow

func (l *flowList) add(table uint8, priority uint16, m object.Match, actions ...object.Action) {
	*l = append(*l, object.Flow{Table: table, Priority: priority, Match: m, Actions: actions})
}

// drop drops without counting: what Weft serves itself, and what nobody sent with intent.
func (l *flowList) drop(table uint8, priority uint16, m object.Match) { l.add(table, priority, m) }

// validDAD is duplicate address detection (RFC 4862 5.4.2). Its source is the unspecified address, so it has no link-layer address.
// It may have one option, a nonce (RFC 7527).
func validDAD() object.Match {
	m := validND(icmpv6NeighborSolicitation)
	m.IPSrc, m.Zero = unspecifiedPrefix, object.ZeroNDSLL
	return m
}
