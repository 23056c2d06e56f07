package nft

import (
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// The counters of what the border drops, named by the reason.
const (
	// counterReversePath: the source does not belong to where the packet came from.
	counterReversePath = "reverse-path"
	// counterMartian: the source can be nobody's outside (RFC 1122 section 3.2.1.3, RFC 3927 section 2.7, RFC 4291 section 2.7).
	counterMartian = "martian"
	// counterTransit: from or to the transit addresses, which are the namespaces' own.
	counterTransit = "transit"
	// counterUntranslated: on its way outside with an address that nobody outside may see.
	counterUntranslated = "untranslated"
	// counterBounce: back to where it came from.
	counterBounce = "bounce"
)

// Reasons are the names of all counters.
func Reasons() []string {
	return []string{counterReversePath, counterMartian, counterTransit, counterUntranslated, counterBounce,
		counterConnections, counterRate, counterDestination, counterNoPorts, counterResolution}
}

// Chains of the border. Before connection tracking: a forged packet must not move the state of somebody's connection. After all
// translation: what counts is what leaves.
var (
	chainSource = chain{"source", "filter", unix.NF_INET_PRE_ROUTING, -300}
	chainWithin = chain{"within", "filter", unix.NF_INET_PRE_ROUTING, -150}
	chainLeave  = chain{"leave", "filter", unix.NF_INET_POST_ROUTING, 300}
)

// loopbackIndex is lo's in every namespace.
const loopbackIndex = 1

// linkDestinations are addresses that routers never forward to (RFC 4291 sections 2.5.6 and 2.7): of neighbour discovery and the like.
var linkDestinations = prefixes("fe80::/10", "ff02::/16")

// fromLoopback accepts what the namespace tells itself.
func fromLoopback() rule {
	return rule{chainSource.name, "from itself: pass", join([]expr.Any{
		&expr.Meta{Key: expr.MetaKeyIIF, Register: unix.NFT_REG_1}, compare(expr.CmpOpEq, hostNumber(loopbackIndex)),
	}, accept())}
}

// fromLink accepts what stays on the link.
func fromLink(c chain) (all []rule) {
	for _, f := range families() {
		for _, p := range f.linkSources {
			all = append(all, rule{c.name, "from " + p.String() + ", which nobody forwards: pass", join(f.is(), f.sourceIn(p), accept())})
		}
	}
	return all
}

// reversePath drops a packet whose source the namespace would not lead to where the packet came from (RFC 3704 section 2.2).
// The namespace's own addresses come from nowhere.
func reversePath() rule {
	return rule{chainSource.name, "source does not belong where it comes from: drop", join([]expr.Any{
		&expr.Fib{Register: unix.NFT_REG_1, ResultOIF: true, FlagSADDR: true, FlagIIF: true, FlagPRESENT: true},
		compare(expr.CmpOpEq, []byte{0}),
	}, drop(counterReversePath))}
}

// routerSources are the rules about who may send to a router.
func routerSources() []rule {
	return append(append([]rule{fromLoopback()}, fromLink(chainSource)...), reversePath())
}

// routerWithin keeps guests from the transit addresses. Answers to what hairpins carry one until they are translated back.
func routerWithin(f family) rule {
	const begun = expr.CtStateBitESTABLISHED | expr.CtStateBitRELATED
	return rule{chainWithin.name, f.name + ": from inside to a link's addresses: drop",
		join(f.is(), fromOutside(false), f.destinationIn(f.local), ctState(begun, false), drop(counterTransit))}
}

// routerLeave lets outside what has the router's own transit address, one of its floating addresses, or a family that is not
// translated: then the sources were judged where they came in.
func routerLeave() (all []rule) {
	for _, f := range families() {
		out := join(f.is(), toOutside(true))
		all = append(all,
			rule{chainLeave.name, f.name + ": as the router: pass", join(out, f.sourceIn(f.transit), accept())},
			rule{chainLeave.name, f.name + ": as a floating address: pass", join(out, f.load(f.source), inSet(f.leaveSet, true), accept())})
	}
	all = append(all, fromLink(chainLeave)...)
	return append(all,
		rule{chainLeave.name, "routed: pass", join(toOutside(true), routed(), accept())},
		rule{chainLeave.name, "anything else to outside: drop", join(toOutside(true), drop(counterUntranslated))})
}

// externalSources are the rules about who may send to an external namespace, from outside and from each router. Guests of a
// network that is routed are on other hosts too: their prefixes come from outside as well, and the router that has them
// judges.
func externalSources() []rule {
	all := []rule{fromLoopback(), betweenNeighbors()}
	for _, f := range families() {
		all = append(all,
			rule{chainSource.name, f.name + ": to a transit address: drop", join(f.is(), f.destinationIn(f.transit), drop(counterTransit))},
			rule{chainSource.name, f.name + ": from outside, of a transit address: drop", join(f.is(), fromOutside(true), f.sourceIn(f.transit), drop(counterTransit))})
	}
	all = append(all, fromLink(chainSource)...)
	for _, f := range families() {
		for _, p := range f.martians {
			all = append(all, rule{chainSource.name, f.name + ": from outside, of " + p.String() + ": drop",
				join(f.is(), fromOutside(true), f.sourceIn(p), drop(counterMartian))})
		}
	}
	return append(all,
		rule{chainSource.name, "routed, from outside, of an own address: drop", join(fromOutside(true), routed(), local(true, true), drop(counterReversePath))},
		rule{chainSource.name, "routed, from outside to others: pass", join(fromOutside(true), routed(), local(false, false), accept())},
		reversePath())
}

// betweenNeighbors accepts neighbour discovery between the two ends of a transit link: nobody else can send a hop limit of 255
// there (RFC 4861 section 11.2).
func betweenNeighbors() rule {
	v6 := families()[1]
	return rule{chainSource.name, "neighbour discovery with a router: pass", join(v6.is(), fromOutside(false),
		protocol(unix.IPPROTO_ICMPV6), icmpType(expr.CmpOpGte, ndFirst), icmpType(expr.CmpOpLte, ndLast),
		[]expr.Any{&expr.Payload{DestRegister: unix.NFT_REG_1, Base: expr.PayloadBaseNetworkHeader, Offset: hopLimitOffset, Len: 1},
			compare(expr.CmpOpEq, []byte{255})}, accept())}
}

// externalLeave shows errors that the namespaces themselves send with the host's own address: transit addresses mean nothing to
// anybody else. Nothing else leaves with one.
func externalLeave(f family) (all []rule) {
	for _, t := range f.errorTypes {
		all = append(all, rule{chainLeave.name, f.name + ": own error as the host's own address",
			join(f.is(), f.icmpNext(), icmpType(t.op, t.value), f.sourceIn(f.transit), f.rewriteSource())})
	}
	if f.proto == unix.NFPROTO_IPV6 {
		for _, p := range linkDestinations {
			all = append(all, rule{chainLeave.name, "to " + p.String() + ", which nobody forwards: pass", join(f.is(), f.destinationIn(p), accept())})
		}
	}
	return append(all, rule{chainLeave.name, f.name + ": of a transit address: drop",
		join(f.is(), f.sourceIn(f.transit), f.destinationNotIn(f.transit), drop(counterUntranslated))})
}

// Facts of ICMPv6 (RFC 4861 section 4) and of the IPv6 header.
const (
	ndFirst, ndLast = 133, 137
	hopLimitOffset  = 7
)

// icmpMatch is a comparison of ICMP's type.
type icmpMatch struct {
	op    expr.CmpOp
	value byte
}

// rewriteSource puts the namespace's own address of the family, if it has one, into the header, and mends the checksum that covers
// it. What conntrack takes for an error of somebody's connection comes to no nat chain.
func (f family) rewriteSource() []expr.Any {
	return join([]expr.Any{&expr.Meta{Key: expr.MetaKeyNFPROTO, Register: unix.NFT_REG_1}}, lookup(f.sourceSet), []expr.Any{
		&expr.Payload{OperationType: expr.PayloadWrite, SourceRegister: unix.NFT_REG_1, Base: expr.PayloadBaseNetworkHeader,
			Offset: f.source, Len: f.size, CsumType: expr.CsumTypeInet, CsumOffset: f.errorChecksum}})
}

// icmpNext matches packets whose header is followed by ICMP at once, as errors of the kernel's own are.
func (f family) icmpNext() []expr.Any {
	return []expr.Any{&expr.Payload{DestRegister: unix.NFT_REG_1, Base: expr.PayloadBaseNetworkHeader, Offset: f.next, Len: 1},
		compare(expr.CmpOpEq, []byte{f.icmp})}
}

// routed matches packets of a family that is not translated.
func routed() []expr.Any {
	return join([]expr.Any{&expr.Meta{Key: expr.MetaKeyNFPROTO, Register: unix.NFT_REG_1}}, inSet(setRouted, true))
}

// local says whether the source, or the destination, is the namespace's own.
func local(source, yes bool) []expr.Any {
	op := expr.CmpOpEq
	if !yes {
		op = expr.CmpOpNeq
	}
	return []expr.Any{
		&expr.Fib{Register: unix.NFT_REG_1, ResultADDRTYPE: true, FlagSADDR: source, FlagDADDR: !source},
		compare(op, hostNumber(unix.RTN_LOCAL)),
	}
}
