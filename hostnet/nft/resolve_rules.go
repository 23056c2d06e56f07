package nft

import (
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"weft/hostnet/object"
)

// counterResolution: it asks for more neighbours that nobody knows yet than it may.
const counterResolution = "neighbor-resolution"

// chainResolve comes after the limits of connections: what they refuse asks for nobody.
var chainResolve = chain{"resolve", "filter", unix.NF_INET_FORWARD, 20}

// All namespaces of a machine share the kernel's two neighbour tables. An entry that waits for an answer cannot be thrown out
// for three seconds (neigh_forced_gc in net/core/neighbour.c), so what begins in that time must not fill a table: with these
// bounds a router's guests hold 500 entries at most in its own namespace and as many in the external one, of the 1,024 that a
// table has by default. Somebody outside has a bucket of its own.
const (
	newNeighbors         = 100 // a second
	neighborBurst        = 200
	newNeighborsOutside  = 30
	neighborBurstOutside = 30
	// neighborKnown is how long a neighbour once let through is no new one: about as long as the kernel keeps one that is not
	// used any more (gc_stale_time).
	neighborKnown = time.Minute
	// neighborRouters bounds the routers whose rates an external namespace keeps; as many as have transit addresses.
	neighborRouters = 1 << 14
)

const setResolving = "resolving" // by the router's device: its rate

func (f family) neighbors() string { return "neighbor" + f.sourceSet[len("source"):] }

func resolveSets(role object.NATRole) (all []dynamicSet) {
	if role == object.NATExternal {
		all = []dynamicSet{{name: setResolving, key: nftables.TypeIFIndex, size: neighborRouters}}
	}
	for _, f := range families() {
		all = append(all, dynamicSet{f.neighbors(), nftables.MustConcatSetType(nftables.TypeIFIndex, f.addressType()), neighborKnown, meterSize})
	}
	return all
}

// resolveRules let packets on to neighbours that were asked for lately, and bound how many new ones somebody asks for. A
// neighbour is what the kernel would resolve: the next hop, be it a gateway or the destination itself.
func resolveRules(role object.NATRole) []rule {
	const answered = expr.CtStateBitESTABLISHED | expr.CtStateBitRELATED
	all := []rule{{chainResolve.name, "of a connection both ways: pass", join(ctState(answered, true), accept())}}
	for _, f := range families() {
		all = append(all, rule{chainResolve.name, f.name + ": to a neighbour known: pass", join(f.is(), f.neighbor(), inSet(f.neighbors(), true),
			f.noteNeighbor(unix.NFT_DYNSET_OP_UPDATE), accept())})
	}
	all = append(all,
		rule{chainResolve.name, "new ones from inside, within the rate", join(fromOutside(false), guestRate(role), goTo(chainNeighbor))},
		rule{chainResolve.name, "new ones from outside, within the rate", join(fromOutside(true), rate(newNeighborsOutside, neighborBurstOutside), goTo(chainNeighbor))},
		rule{chainResolve.name, "more new ones: drop", drop(counterResolution)})
	for _, f := range families() {
		all = append(all, rule{chainNeighbor.name, f.name + ": to a new neighbour", join(f.is(), f.neighbor(), f.noteNeighbor(unix.NFT_DYNSET_OP_ADD), accept())})
	}
	return append(all, rule{chainNeighbor.name, "no room for more: drop", drop(counterResolution)})
}

// guestRate is that of a router's guests: of all of them in its own namespace, by the router's device in an external one.
func guestRate(role object.NATRole) []expr.Any {
	limit := rate(newNeighbors, neighborBurst)
	if role == object.NATRouter {
		return limit
	}
	return []expr.Any{&expr.Meta{Key: expr.MetaKeyIIF, Register: unix.NFT_REG_1},
		&expr.Dynset{SrcRegKey: unix.NFT_REG_1, SetName: setResolving, Operation: unix.NFT_DYNSET_OP_UPDATE, Exprs: limit}}
}

// rate lets so many packets a second on, and so many at once.
func rate(perSecond uint64, burst uint32) []expr.Any {
	return []expr.Any{&expr.Limit{Type: expr.LimitTypePkts, Rate: perSecond, Unit: expr.LimitTimeSecond, Burst: burst}}
}

// noteNeighbor keeps the neighbour in register 1 among those known.
func (f family) noteNeighbor(operation uint32) []expr.Any {
	return []expr.Any{&expr.Dynset{SrcRegKey: unix.NFT_REG_1, SetName: f.neighbors(), Operation: operation, Timeout: neighborKnown}}
}

// chainNeighbor notes a new neighbour.
var chainNeighbor = chain{name: "neighbor"}

// neighbor loads device and next hop into register 1 and those that follow.
func (f family) neighbor() []expr.Any {
	key := expr.RtNexthop4
	if f.proto == unix.NFPROTO_IPV6 {
		key = expr.RtNexthop6
	}
	return []expr.Any{&expr.Meta{Key: expr.MetaKeyOIF, Register: unix.NFT_REG32_00}, &expr.Rt{Key: key, Register: unix.NFT_REG32_01}}
}
