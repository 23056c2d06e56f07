package control

import (
	"fmt"
	"net/netip"
	"time"

	"weft/etcdschema"
	"weft/model"
	"weft/reconcile/control/claimed"
)

// claimant is the future owner of a claim.
type claimant struct {
	uid string
	id  model.ID
}

// routedPrefix is an IPv6 prefix behind a router, with the field that declares it.
type routedPrefix struct {
	field  string
	prefix netip.Prefix
}

// routedOn is the router's external network if it routes the IPv6 prefixes behind the router; nil otherwise.
func (s *reader) routedOn(router model.ID, spec *model.RouterSpec) *etcdschema.Accepted {
	if spec.ExternalNetwork == "" {
		return nil
	}
	x := s.accepted(spec.ExternalID(router.Project))
	if x == nil {
		return nil
	}
	if e := x.Object.Spec.(*model.NetworkSpec).External; e == nil || e.Mode() != model.ExternalIPv6Routed {
		return nil
	}
	return x
}

// prefixesBehind lists the IPv6 prefixes of the router's networks.
func (s *reader) prefixesBehind(router model.ID, spec *model.RouterSpec) []routedPrefix {
	var out []routedPrefix
	for i, id := range spec.NetworkIDs(router.Project) {
		if n := s.accepted(id); n != nil {
			out = append(out, prefixesOf(fmt.Sprintf("spec.networks[%d]", i), n.Object.Spec.(*model.NetworkSpec))...)
		}
	}
	return out
}

func prefixesOf(field string, s *model.NetworkSpec) []routedPrefix {
	var out []routedPrefix
	for _, sub := range subnetsOf(s, true) {
		out = append(out, routedPrefix{field, sub.CIDR.Masked()})
	}
	return out
}

// claimPrefixes claims the prefixes behind the router on an external network that routes IPv6. A prefix belongs to one router.
func (a *Allocation) claimPrefixes(s *model.RouterSpec) {
	if x := a.reader.routedOn(a.id, s); x != nil {
		for _, p := range a.reader.prefixesBehind(a.id, s) {
			a.requestPrefix(p, x, claimant{a.uid, a.id})
		}
	}
}

// claimForRouter claims the prefixes that a network adds to those behind its router. It does so in the transaction of the network:
// as soon as the network is accepted, the prefixes are behind the router.
func (a *Allocation) claimForRouter(s *model.NetworkSpec) {
	router := a.reader.routerOf(a.uid)
	if router == nil {
		return
	}
	id := router.Object.ID()
	x := a.reader.routedOn(id, router.Object.Spec.(*model.RouterSpec))
	if x == nil {
		return
	}
	for i, sub := range s.Subnets {
		if sub.CIDR.Addr().Is6() {
			a.requestPrefix(routedPrefix{fmt.Sprintf("spec.subnets[%d].cidr", i), sub.CIDR.Masked()}, x, claimant{router.UID, id})
		}
	}
	a.requires = append(a.requires, etcdschema.AcceptedKey(id), etcdschema.AcceptedKey(x.Object.ID()))
}

// requestPrefix claims a prefix on an external network, unless another owner has a claim of a prefix that overlaps it.
func (a *Allocation) requestPrefix(p routedPrefix, x *etcdschema.Accepted, who claimant) {
	free := true
	for _, other := range a.cache.prefixes[x.UID].Overlapping(p.prefix) {
		k := etcdschema.RoutedPrefixClaim(x.UID, other)
		cl, _ := a.cache.claim(k)
		if cl.Owner == who.uid || cl.For == who.id.String() && !a.reader.alive(cl.Owner) || a.previous != nil && a.previous.UID == cl.Owner {
			continue
		}
		free = false
		a.reader.inTheWay(k)
		what := fmt.Sprintf("%s on %s", p.prefix, x.Object.ID())
		if other != p.prefix {
			what = fmt.Sprintf("%s overlaps %s, which", what, other)
		}
		if cl.State == etcdschema.ClaimHeld {
			a.condition.pending(p.field, fmt.Sprintf("%s was released by %s a short while ago and is kept from reuse until its hold time has passed",
				what, a.ownerName(cl)))
			continue
		}
		a.condition.invalid(p.field,
			fmt.Sprintf("%s belongs to %s already: a prefix leads to one router; choose another, or change that one first",
				what, a.ownerName(cl)))
	}
	if free {
		a.wantFor(etcdschema.RoutedPrefixClaim(x.UID, p.prefix), who)
	}
}

// guardPrefixes makes the transactions of two replicas collide that claim prefixes of one external network at the same time,
// whatever the prefixes are.
func (a *Allocation) guardPrefixes(tx *transaction, network string) error {
	k := etcdschema.RoutedPrefixGuard(network)
	cl, _ := a.cache.claim(k)
	at := a.now()
	if !at.After(cl.Since) {
		at = cl.Since.Add(time.Millisecond) // the value must change
	}
	_, err := tx.put(k, etcdschema.Claim{Owner: network, State: etcdschema.ClaimBound, Since: at, For: a.cache.ids[network].String()}, true)
	return err
}

// unclaimedPrefix is a prefix behind the router of which the router has no claim on its external network. Such a router must not be
// on any node.
func (s *reader) unclaimedPrefix(router *etcdschema.Accepted) (what string, ok bool) {
	id, spec := router.Object.ID(), router.Object.Spec.(*model.RouterSpec)
	x := s.routedOn(id, spec)
	if x == nil {
		return "", false
	}
	for _, p := range s.prefixesBehind(id, spec) {
		if cl, has := s.claim(etcdschema.RoutedPrefixClaim(x.UID, p.prefix)); !has || cl.Owner != router.UID {
			return fmt.Sprintf("%s of %s", p.prefix, x.Object.ID()), true
		}
	}
	return "", false
}

// releasePrefixes releases the prefix claims that a router does not need any more. It has a transaction of its own, because both
// sets of claims would not fit into one.
func (p *planner) releasePrefixes(tx *transaction, router *etcdschema.Accepted) error {
	keep := map[etcdschema.Key]bool{}
	id := router.Object.ID()
	if s, is := router.Object.Spec.(*model.RouterSpec); is {
		if x := p.reader.routedOn(id, s); x != nil {
			for _, pre := range p.reader.prefixesBehind(id, s) {
				keep[etcdschema.RoutedPrefixClaim(x.UID, pre.prefix)] = true
			}
		}
	}
	var gone []etcdschema.Key
	for k := range p.cache.owned[router.UID] {
		if spaceOf(k) == prefixSpace && !keep[k] {
			gone = append(gone, k)
		}
	}
	if len(gone) == 0 {
		return nil
	}
	tx.require(etcdschema.AcceptedKey(id))
	return p.releaseKeys(tx, gone)
}

// prefixSpace is the claim space of routed prefixes.
const prefixSpace = "prefix"

// keepApart refuses to switch an external network to routed IPv6 while two of its routers have overlapping prefixes.
func (a *Allocation) keepApart(s *model.NetworkSpec) {
	was := a.previous.Object.Spec.(*model.NetworkSpec)
	if s.External == nil || s.External.Mode() != model.ExternalIPv6Routed || was.External != nil && was.External.Mode() == model.ExternalIPv6Routed {
		return
	}
	var all claimed.Prefixes
	owners := map[netip.Prefix]model.ID{}
	for _, id := range sortedIDs(a.reader.users(a.id)) {
		router, ok := a.reader.accepted(id).Object.Spec.(*model.RouterSpec)
		if !ok {
			continue
		}
		for _, p := range a.reader.prefixesBehind(id, router) {
			if other := all.Overlapping(p.prefix); len(other) > 0 {
				a.condition.invalid("spec.external.ipv6",
					fmt.Sprintf("%s of %s overlaps %s of %s, and a routed prefix leads to one router: change one of them first",
						p.prefix, id, other[0], owners[other[0]]))
				return
			}
		}
		for _, p := range a.reader.prefixesBehind(id, router) {
			all.Change(p.prefix, true)
			owners[p.prefix] = id
		}
	}
}
