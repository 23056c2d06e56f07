package nft

import (
	"math/bits"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"weft/hostnet/object"
)

// The counters of what the limits refuse. Each is named by the reason.
const (
	// counterConnections: the router already has as many connections as it may have.
	counterConnections = "connections"
	// counterRate: the router begins more connections in a second than it may.
	counterRate = "connection-rate"
	// counterDestination: by the shared address, the router has as many connections to one protocol, address and port as it may
	// have.
	counterDestination = "connections-to-destination"
	// counterNoPorts: the protocol has no ports, so connections of the shared address cannot be told apart.
	counterNoPorts = "protocol-without-ports"
)

// Chains of the limits. They come after the chain that drops, and they count before translation.
var (
	chainLimit    = chain{"connlimit", "filter", unix.NF_INET_FORWARD, 10}
	chainOutbound = chain{name: "outbound"}
	chainShared   = chain{name: "shared"}
)

// The sets that the kernel fills. Each element counts the connections of one thing. A full set lets nothing in. At most one
// element is needed for each connection.
const (
	setConnections = "connections"
	meterSize      = 1 << 20
)

func routerMeters() []dynamicSet {
	all := []dynamicSet{{name: setConnections, key: nftables.TypeMark, size: meterSize}}
	for _, f := range families() {
		all = append(all, dynamicSet{name: f.meter(), size: meterSize, key: nftables.MustConcatSetType(nftables.TypeInetProto,
			f.addressType(), nftables.TypeInetService, nftables.TypeMark)})
	}
	return all
}

func externalMeters() []dynamicSet {
	return []dynamicSet{{name: setConnections, size: meterSize, key: nftables.MustConcatSetType(nftables.TypeIFIndex, nftables.TypeMark)}}
}

func (f family) meter() string { return "destination" + f.sourceSet[len("source"):] }

func (f family) addressType() nftables.SetDatatype {
	if f.proto == unix.NFPROTO_IPV4 {
		return nftables.TypeIPAddr
	}
	return nftables.TypeIP6Addr
}

// For each new connection the kernel walks through all connections of the element, and in one walk it removes only few entries of
// connections that were never established. So a limit is spread over up to maxBuckets elements, by a number that the kernel draws
// for each connection. A flood then costs a sixty-fourth.
const (
	maxBuckets = 64
	bucketSize = 32 // connections that an element should hold at least
)

// spread says over how many elements a limit is spread (a power of two), and how many connections each element may hold.
func spread(limit int) (buckets, each uint32) {
	buckets = 1
	if n := limit / bucketSize; n > 1 {
		buckets = min(maxBuckets, uint32(1)<<(bits.Len(uint(n))-1))
	}
	return buckets, (uint32(limit) + buckets - 1) / buckets
}

// ctID is NFT_CT_ID (linux/netfilter/nf_tables.h): a number for each connection, made from a secret and the connection's tuple.
const ctID expr.CtKey = 23

// bucket loads the number of the connection's element into the register.
func bucket(buckets, register uint32) []expr.Any {
	return []expr.Any{
		&expr.Ct{Key: ctID, Register: register},
		&expr.Bitwise{SourceRegister: register, DestRegister: register, Len: 4, Mask: hostNumber(buckets - 1), Xor: make([]byte, 4)},
	}
}

// within lets a packet continue if its connection fits the count of the element. Register 1 and those after it name the element.
func within(set string, each uint32) []expr.Any {
	return []expr.Any{&expr.Dynset{SrcRegKey: unix.NFT_REG_1, SetName: set, Operation: unix.NFT_DYNSET_OP_ADD,
		Exprs: []expr.Any{&expr.Connlimit{Count: each}}}}
}

// tooFast matches new connections above the rate. Packets from outside have a separate bucket, so they cannot use up the guests'
// share.
func tooFast(l object.NATLimits) []expr.Any {
	return []expr.Any{&expr.Limit{Type: expr.LimitTypePkts, Rate: uint64(l.PerSecond), Unit: expr.LimitTimeSecond,
		Burst: uint32(2 * l.PerSecond), Over: true}}
}

// refuse counts the packet and tells the sender (RFC 1812 section 5.2.7.1 and RFC 4443 section 3.1: administratively prohibited).
func refuse(counter string) []expr.Any {
	const adminProhibited = 3 // NFT_REJECT_ICMPX_ADMIN_PROHIBITED
	return []expr.Any{&expr.Objref{Type: unix.NFT_OBJECT_COUNTER, Name: counter},
		&expr.Reject{Type: unix.NFT_REJECT_ICMPX_UNREACH, Code: adminProhibited}}
}

func goTo(c chain) []expr.Any {
	return []expr.Any{&expr.Verdict{Kind: expr.VerdictGoto, Chain: c.name}}
}

// onlyNew lets every packet pass that is not the first of its connection. Where a router sees only one direction, every packet is
// of a new connection. The first packet is then the one that has no entry in the table yet (IPS_CONFIRMED,
// nf_conntrack_common.h).
func onlyNew() []rule {
	const confirmed = 1 << 3
	return []rule{
		{chainLimit.name, "no new connection: pass", join(ctState(expr.CtStateBitNEW, false), accept())},
		{chainLimit.name, "not its first packet: pass", join(ctStatus(confirmed), accept())},
	}
}

// routerLimits bound all connections of a router, and those that leave with the address that all routers of the host share.
// Senders outside are not told, because a flood has forged sources. A family that is not translated is routed and does not use
// the shared address.
func routerLimits(l object.NATLimits) []rule {
	buckets, each := spread(l.Connections)
	all := append(onlyNew(), []rule{
		{chainLimit.name, "too many in a second, from outside: drop", join(fromOutside(true), tooFast(l), drop(counterRate))},
		{chainLimit.name, "too many in a second: refuse", join(fromOutside(false), tooFast(l), refuse(counterRate))},
		{chainLimit.name, "connections of the router: count", join(bucket(buckets, unix.NFT_REG_1), within(setConnections, each), goTo(chainOutbound))},
		{chainLimit.name, "too many, from outside: drop", join(fromOutside(true), drop(counterConnections))},
		{chainLimit.name, "too many: refuse", refuse(counterConnections)},
		{chainOutbound.name, "from outside: pass", join(fromOutside(true), accept())},
		{chainOutbound.name, "within the router: pass", join(toOutside(false), accept())},
	}...)
	for _, f := range families() {
		all = append(all,
			rule{chainOutbound.name, f.name + ": has a floating address: pass", join(f.is(), f.load(f.source), lookup(f.fixedSet), accept())},
			rule{chainOutbound.name, f.name + ": as the shared address", join(f.is(),
				[]expr.Any{&expr.Meta{Key: expr.MetaKeyNFPROTO, Register: unix.NFT_REG_1}}, lookup(f.sourceSet), goTo(chainShared))})
		all = append(all, f.sharedLimits(l.PerDestination)...)
	}
	return append(all, rule{chainShared.name, "too many to one destination: refuse", refuse(counterDestination)})
}

// sharedLimits bound the connections that need a port (for ICMP: an identifier) of the shared address toward their destination.
func (f family) sharedLimits(perDestination int) []rule {
	buckets, each := spread(perDestination)
	// The key of a meter is protocol, address, port and bucket. Each part starts at a register of four bytes.
	address := uint32(unix.NFT_REG32_00 + 1)
	port := address + f.size/4
	count := func(p byte, loadPort expr.Any) rule {
		return rule{chainShared.name, f.name + ": connections to one destination: count", join(f.is(), protocol(p), []expr.Any{
			&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: unix.NFT_REG32_00},
			&expr.Payload{DestRegister: address, Base: expr.PayloadBaseNetworkHeader, Offset: f.destination, Len: f.size},
			loadPort}, bucket(buckets, port+1), within(f.meter(), each), accept())}
	}
	toPort := &expr.Payload{DestRegister: port, Base: expr.PayloadBaseTransportHeader, Offset: 2, Len: 2}
	noPort := &expr.Immediate{Register: port, Data: make([]byte, 4)}
	noPorts := []expr.Any{&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: unix.NFT_REG_1}}
	for _, p := range []byte{unix.IPPROTO_TCP, unix.IPPROTO_UDP, f.icmp} {
		noPorts = append(noPorts, compare(expr.CmpOpNeq, []byte{p}))
	}
	return []rule{
		{chainShared.name, f.name + ": no ports: refuse", join(f.is(), noPorts, refuse(counterNoPorts))},
		count(unix.IPPROTO_TCP, toPort), count(unix.IPPROTO_UDP, toPort), count(f.icmp, noPort),
	}
}

// externalLimits bound the connections from outside to each router, before they have an entry in the connection tracking table
// here. Packets from a router were bounded in the router's own namespace.
func externalLimits(l object.NATLimits) []rule {
	buckets, each := spread(l.Connections)
	device := []expr.Any{&expr.Meta{Key: expr.MetaKeyOIF, Register: unix.NFT_REG_1}}
	return append(onlyNew(), []rule{
		{chainLimit.name, "from a router: pass", join(fromOutside(false), accept())},
		{chainLimit.name, "connections from outside to a router: count",
			join(device, bucket(buckets, unix.NFT_REG32_01), within(setConnections, each), accept())},
		{chainLimit.name, "too many: drop", drop(counterConnections)},
	}...)
}
