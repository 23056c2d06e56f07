package nft

import (
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// The counters of what the border drops. Each is named by the reason.
const (
	// counterReversePath: the source does not belong to the device that the packet came from.
	counterReversePath = "reverse-path"
	// counterMartian: nobody outside can have this source (RFC 1122 section 3.2.1.3, RFC 3927 section 2.7, RFC 4291 section 2.7).
	counterMartian = "martian"
	// counterTransit: the packet is from or to a transit address. Only the namespaces use those.
	counterTransit = "transit"
	// counterUntranslated: the packet is on its way outside with a source that nobody outside may see.
	counterUntranslated = "untranslated"
	// counterBounce: the packet would go back to where it came from.
	counterBounce = "bounce"
)

// Reasons are the names of all counters.
func Reasons() []string {
	return []string{counterReversePath, counterMartian, counterTransit, counterUntranslated, counterBounce,
		counterConnections, counterRate, counterDestination, counterNoPorts, counterResolution, counterManagement,
		counterFloatingRate, counterRouterRate}
}

// Chains of the border. source is before connection tracking, because a forged packet must not change the state of somebody's
// connection. within is after it, because its rules match that state. leave is after all translation, because it judges what leaves.
var (
	chainSource = chain{"source", "filter", unix.NF_INET_PRE_ROUTING, -300}
	chainWithin = chain{"within", "filter", unix.NF_INET_PRE_ROUTING, -150}
	chainLeave  = chain{"leave", "filter", unix.NF_INET_POST_ROUTING, 300}
)

// loopbackIndex is the index of lo in every namespace.
const loopbackIndex = 1

// linkDestinations are link-local destinations, for example of neighbour discovery. Routers never forward to them (RFC 4291
// sections 2.5.6 and 2.7).
var linkDestinations = prefixes("fe80::/10", "ff02::/16")

// fromLoopback accepts what the namespace sends to itself.
func fromLoopback() rule {
	return rule{chainSource.name, "from itself: pass", join([]expr.Any{
		&expr.Meta{Key: expr.MetaKeyIIF, Register: unix.NFT_REG_1}, compare(expr.CmpOpEq, hostNumber(loopbackIndex)),
	}, accept())}
}

// fromLink accepts packets whose source is valid on one link only.
func fromLink(c chain) (all []rule) {
	for _, f := range families() {
		for _, p := range f.linkSources {
			all = append(all, rule{c.name, "from " + p.String() + ", which nobody forwards: pass", join(f.is(), f.sourceIn(p), accept())})
		}
	}
	return all
}

// reversePath drops a packet if the route back to its source does not use the device that the packet came from (RFC 3704
// section 2.2). It also drops a packet whose source is an address of the namespace itself, because that comes from no device.
func reversePath() rule {
	return rule{chainSource.name, "source does not belong where it comes from: drop", join([]expr.Any{
		&expr.Fib{Register: unix.NFT_REG_1, ResultOIF: true, FlagSADDR: true, FlagIIF: true, FlagPRESENT: true},
		compare(expr.CmpOpEq, []byte{0}),
	}, drop(counterReversePath))}
}

// routerSources are the rules about who may send to a router.
func routerSources() []rule {
	all := append([]rule{fromLoopback()}, managementSources()...)
	return append(append(all, fromLink(chainSource)...), reversePath())
}

// routerWithin keeps guests from the transit addresses. Answers to hairpin connections may carry one until they are translated
// back.
func routerWithin(f family) rule {
	const begun = expr.CtStateBitESTABLISHED | expr.CtStateBitRELATED
	return rule{chainWithin.name, f.name + ": from inside to a link's addresses: drop",
		join(f.is(), fromOutside(false), f.destinationIn(f.local), ctState(begun, false), drop(counterTransit))}
}

// routerLeave says what may leave to outside: packets with the router's own transit address, with one of its floating addresses,
// or of a family that is not translated. The sources of the last were judged where the packets came in.
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

// externalSources are the rules about who may send to a gateway namespace, from outside and from each router. Guests of a
// routed network may be on other hosts, so packets with their prefixes come from outside too. The router that has such a prefix
// judges them.
func externalSources() []rule {
	all := append(append([]rule{fromLoopback()}, managementSources()...), betweenNeighbors())
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

// betweenNeighbors accepts neighbour discovery between the two ends of a transit link. Nobody else can send a hop limit of 255
// there (RFC 4861 section 11.2).
func betweenNeighbors() rule {
	return rule{chainSource.name, "neighbour discovery with a router: pass", join(fromOutside(false), neighborDiscovery(), accept())}
}

// neighborDiscovery matches neighbour discovery of somebody on the link. What was forwarded has a lower hop limit.
func neighborDiscovery() []expr.Any {
	return join(families()[1].is(), protocol(unix.IPPROTO_ICMPV6), icmpType(expr.CmpOpGte, ndFirst), icmpType(expr.CmpOpLte, ndLast),
		[]expr.Any{&expr.Payload{DestRegister: unix.NFT_REG_1, Base: expr.PayloadBaseNetworkHeader, Offset: hopLimitOffset, Len: 1},
			compare(expr.CmpOpEq, []byte{255})})
}

// externalLeave gives ICMP errors of the namespaces the host's own address as source, because transit addresses mean nothing
// outside. Nothing else leaves with a transit address.
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

// icmpMatch is a comparison of the ICMP type.
type icmpMatch struct {
	op    expr.CmpOp
	value byte
}

// rewriteSource writes the namespace's own address of the family, if there is one, into the header. It also corrects the checksum
// that covers the address. This is not done in a nat chain, because an ICMP error about a known connection reaches none.
func (f family) rewriteSource() []expr.Any {
	return join([]expr.Any{&expr.Meta{Key: expr.MetaKeyNFPROTO, Register: unix.NFT_REG_1}}, lookup(f.sourceSet), []expr.Any{
		&expr.Payload{OperationType: expr.PayloadWrite, SourceRegister: unix.NFT_REG_1, Base: expr.PayloadBaseNetworkHeader,
			Offset: f.source, Len: f.size, CsumType: expr.CsumTypeInet, CsumOffset: f.errorChecksum}})
}

// icmpNext matches packets whose IP header is directly followed by ICMP. The kernel's own errors are like that.
func (f family) icmpNext() []expr.Any {
	return []expr.Any{&expr.Payload{DestRegister: unix.NFT_REG_1, Base: expr.PayloadBaseNetworkHeader, Offset: f.next, Len: 1},
		compare(expr.CmpOpEq, []byte{f.icmp})}
}

// routed matches packets of a family that is not translated.
func routed() []expr.Any {
	return join([]expr.Any{&expr.Meta{Key: expr.MetaKeyNFPROTO, Register: unix.NFT_REG_1}}, inSet(setRouted, true))
}

// local matches on whether the source, or the destination, is an address of the namespace.
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
