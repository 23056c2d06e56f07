package guestconfig

import (
	"net/netip"
	"slices"
)

const (
	// policyTables and the NIC's number make the number of its routing table: the second NIC has table 101. The kernel's own tables are
	// 253 to 255 (rtnetlink(7)).
	policyTables = 100
	// policyPriorities and the NIC's number make the priority of its rules. They come after the table of local addresses (priority 0) and
	// before the table main (priority 32766, ip-rule(8)).
	policyPriorities = 1000
)

// policy is how answers leave through the NIC that the question came in by, for one family of one NIC (RFC 1122 3.3.4.2, the strong end
// system model): what is sent from one of the NIC's addresses is looked up in a table of the NIC. That table has a default route. The
// table main has none of this NIC, so what the guest begins itself leaves through the first NIC.
type policy struct {
	v4       bool
	table    int
	priority int
	from     []netip.Addr
	// routes are the subnets on the link, then the NIC's other routes, then the default route. A table that lacks a subnet would send what
	// is for neighbors there to the gateway.
	routes []route
}

// policies are the NIC's policies, IPv4's first. The first NIC has none, and a NIC has none for a family without a default route: what is
// beyond the link cannot be reached through it.
func (g Guest) policies(i int) (list []policy) {
	if i == 0 {
		return nil
	}
	for _, v4 := range []bool{true, false} {
		if p, ok := g.policy(i, v4); ok {
			list = append(list, p)
		}
	}
	return list
}

// policy is one family's policy. It is not ok if the NIC has no address or no default route of the family.
func (g Guest) policy(i int, v4 bool) (p policy, ok bool) {
	n := g.NICs[i]
	p = policy{v4: v4, table: policyTables + i, priority: policyPriorities + i}
	add := func(r route) {
		if !slices.ContainsFunc(p.routes, func(known route) bool { return known.to == r.to }) {
			p.routes = append(p.routes, r)
		}
	}
	for _, a := range n.Addresses {
		if a.Addr().Is4() != v4 {
			continue
		}
		if !slices.Contains(p.from, a.Addr()) {
			p.from = append(p.from, a.Addr())
		}
		if !a.IsSingleIP() {
			add(route{to: a.Masked()})
		}
	}
	if !v4 {
		add(route{to: linkLocal()})
	}
	var way []route
	for _, r := range n.routes() {
		switch {
		case r.to.Addr().Is4() != v4:
		case r.isDefault():
			way = append(way, r)
		default:
			add(r)
		}
	}
	p.routes = append(p.routes, way...)
	return p, len(way) > 0
}

// linkLocal is the prefix of IPv6's link-local addresses (RFC 4291 2.5.6). An answer from a global address can be for one of them.
func linkLocal() netip.Prefix { return netip.MustParsePrefix("fe80::/64") }
