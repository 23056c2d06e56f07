package nft

import (
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"weft/hostnet/object"
)

// counterResolution: the sender needs more new neighbours resolved than it may.
const counterResolution = "neighbor-resolution"

// chainResolve comes after the connection limits, because a refused packet needs no neighbour.
var chainResolve = chain{"resolve", "filter", unix.NF_INET_FORWARD, 20}

// All namespaces of a machine share the kernel's two neighbour tables. An entry that waits for an answer cannot be evicted for
// three seconds (neigh_forced_gc in net/core/neighbour.c). So the entries that begin within three seconds must not fill a table.
// With these bounds the guests of a router hold at most 500 entries in the router's namespace and 500 in the external one. A
// table has 1,024 by default. Senders outside have a separate bucket.
const (
	newNeighbors         = 100 // a second
	neighborBurst        = 200
	newNeighborsOutside  = 30
	neighborBurstOutside = 30
	// neighborKnown is how long a neighbour that was let through counts as known. The kernel keeps an unused entry for about the
	// same time (gc_stale_time).
	neighborKnown = time.Minute
	// neighborRouters bounds for how many routers a gateway namespace keeps rates. It is the number of transit addresses.
	neighborRouters = 1 << 14
)

const setResolving = "resolving" // key: the router's device; value: its rate

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

// resolveRules let packets pass to neighbours that were let through lately, and bound the rate of new ones. A neighbour is what
// the kernel would resolve: the next hop, which is a gateway or the destination itself.
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

// guestRate is the rate of a router's guests. In the router's namespace it is one rate for all of them. In a gateway namespace
// it is one rate for each router, by the router's device.
func guestRate(role object.NATRole) []expr.Any {
	limit := rate(newNeighbors, neighborBurst)
	if role == object.NATRouter {
		return limit
	}
	return []expr.Any{&expr.Meta{Key: expr.MetaKeyIIF, Register: unix.NFT_REG_1},
		&expr.Dynset{SrcRegKey: unix.NFT_REG_1, SetName: setResolving, Operation: unix.NFT_DYNSET_OP_UPDATE, Exprs: limit}}
}

// rate lets perSecond packets pass in a second, and burst packets at once.
func rate(perSecond uint64, burst uint32) []expr.Any {
	return []expr.Any{&expr.Limit{Type: expr.LimitTypePkts, Rate: perSecond, Unit: expr.LimitTimeSecond, Burst: burst}}
}

// noteNeighbor adds the neighbour in register 1 to the known ones.
func (f family) noteNeighbor(operation uint32) []expr.Any {
	return []expr.Any{&expr.Dynset{SrcRegKey: unix.NFT_REG_1, SetName: f.neighbors(), Operation: operation, Timeout: neighborKnown}}
}

// chainNeighbor notes a new neighbour.
var chainNeighbor = chain{name: "neighbor"}

// neighbor loads the device and the next hop into register 1 and those after it.
func (f family) neighbor() []expr.Any {
	key := expr.RtNexthop4
	if f.proto == unix.NFPROTO_IPV6 {
		key = expr.RtNexthop6
	}
	return []expr.Any{&expr.Meta{Key: expr.MetaKeyOIF, Register: unix.NFT_REG32_00}, &expr.Rt{Key: key, Register: unix.NFT_REG32_01}}
}
