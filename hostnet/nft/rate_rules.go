package nft

import (
	"strings"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// The counters of what rate limits drop. Each is named by the reason.
const (
	// counterFloatingRate: a floating address is above its limit.
	counterFloatingRate = "floating-rate"
	// counterRouterRate: the router is above its limit.
	counterRouterRate = "router-rate"
)

// direction is what a rate limit counts, as guests see it. Its name is that of its first chain, and begins those of its other chain and
// its sets.
type direction string

const (
	ingress direction = "ingress" // from outside
	egress  direction = "egress"  // to outside
)

func directions() [2]direction { return [2]direction{ingress, egress} }

// chain is where the limits of floating addresses count. Ingress is before connection tracking and translation, egress is after both. So
// a floating address is in the header, and what is dropped begins no connection.
func (d direction) chain() chain {
	if d == ingress {
		return chain{string(d), "filter", unix.NF_INET_PRE_ROUTING, chainSource.priority + 10}
	}
	return chain{string(d), "filter", unix.NF_INET_POST_ROUTING, chainLeave.priority + 10}
}

// router is where the limit of the router counts what the limits of floating addresses let pass.
func (d direction) router() chain { return chain{name: string(d) + "-router"} }

// rateSet has the limits. Its elements match while they are kept. overSet has the same keys, and counts what is dropped. of is "4" or
// "6" for floating addresses, and "" for the router, whose key is the outside device.
func (d direction) rateSet(of string) string { return string(d) + "-rate" + of }
func (d direction) overSet(of string) string { return string(d) + "-over" + of }

// isRate and isOver tell these sets by their names.
func isRate(set string) bool { return strings.Contains(set, "-rate") }
func isOver(set string) bool { return strings.Contains(set, "-over") }

// number is "4" or "6", as at the end of the names of the family's sets.
func (f familySets) number() string { return strings.TrimPrefix(f.sourceSet, "source") }

func rateSets() (all []set) {
	for _, d := range directions() {
		all = append(all, set{name: d.rateSet(""), key: nftables.TypeIFName}, set{name: d.overSet(""), key: nftables.TypeIFName})
		for _, f := range families() {
			all = append(all, set{name: d.rateSet(f.number()), key: f.addressType()}, set{name: d.overSet(f.number()), key: f.addressType()})
		}
	}
	return all
}

func rateChains() (all []chain) {
	for _, d := range directions() {
		all = append(all, d.chain(), d.router())
	}
	return all
}

// rateRules drop what is above the limits: first of a floating address, then of the router. How many floating addresses there are does
// not change what a packet costs. Neighbour discovery on the transit link passes, because the link must work when its limit is reached.
func rateRules() (all []rule) {
	for _, one := range []struct {
		direction
		address func(family) uint32
		device  expr.MetaKey
	}{
		{ingress, func(f family) uint32 { return f.destination }, expr.MetaKeyIIFNAME},
		{egress, func(f family) uint32 { return f.source }, expr.MetaKeyOIFNAME},
	} {
		first, router := one.chain().name, one.router()
		for _, f := range families() {
			address := join(f.is(), f.load(one.address(f)))
			all = append(all,
				rule{first, f.name + ": within the floating address's limit", join(address, inSet(one.rateSet(f.number()), true), goTo(router))},
				rule{first, f.name + ": above it: drop", join(address, inSet(one.overSet(f.number()), true), drop(counterFloatingRate))})
		}
		device := []expr.Any{&expr.Meta{Key: one.device, Register: unix.NFT_REG_1}}
		all = append(all,
			rule{first, "no floating address with a limit", goTo(router)},
			rule{router.name, "neighbour discovery on the link: pass", join(neighborDiscovery(), accept())},
			rule{router.name, "within the router's limit: pass", join(device, inSet(one.rateSet(""), true), accept())},
			rule{router.name, "above it: drop", join(device, inSet(one.overSet(""), true), drop(counterRouterRate))})
	}
	return all
}
