package kind

import (
	"fmt"

	"weft/etcdschema"
	"weft/model"
	"weft/reconcile/control/cache"
	"weft/reconcile/control/claim"
)

// claimPrefixes claims the prefixes behind the router on an external network that routes IPv6. A prefix belongs to one router.
func claimPrefixes(a *claim.Allocation, s *model.RouterSpec) {
	if x := routedOn(a.Reader, a.ID, s); x != nil {
		for _, p := range prefixesBehind(a.Reader, a.ID, s) {
			a.RequestPrefix(p, x, claim.Claimant{UID: a.UID, ID: a.ID})
		}
	}
}

// claimForRouter claims the prefixes that a network adds to those behind its router. It does so in the transaction of the network:
// as soon as the network is accepted, the prefixes are behind the router.
func claimForRouter(a *claim.Allocation, s *model.NetworkSpec) {
	router := routerOf(a.Reader, a.UID)
	if router == nil {
		return
	}
	id := router.Object.ID()
	x := routedOn(a.Reader, id, router.Object.Spec.(*model.RouterSpec))
	if x == nil {
		return
	}
	for i, sub := range s.Subnets {
		if sub.CIDR.Addr().Is6() {
			a.RequestPrefix(claim.RoutedPrefix{Field: fmt.Sprintf("spec.subnets[%d].cidr", i), Prefix: sub.CIDR.Masked()}, x, claim.Claimant{UID: router.UID, ID: id})
		}
	}
	a.Require(etcdschema.AcceptedKey(id), etcdschema.AcceptedKey(x.Object.ID()))
}

// unclaimedPrefix is a prefix behind the router of which the router has no claim on its external network. Such a router must not be
// on any node.
func unclaimedPrefix(s *cache.Reader, router *etcdschema.Accepted) (what string, ok bool) {
	id, spec := router.Object.ID(), router.Object.Spec.(*model.RouterSpec)
	x := routedOn(s, id, spec)
	if x == nil {
		return "", false
	}
	for _, p := range prefixesBehind(s, id, spec) {
		if cl, has := s.Claim(etcdschema.RoutedPrefixClaim(x.UID, p.Prefix)); !has || cl.Owner != router.UID {
			return fmt.Sprintf("%s of %s", p.Prefix, x.Object.ID()), true
		}
	}
	return "", false
}

// surplusPrefixes are the claims of prefixes that are not behind the router any more.
func surplusPrefixes(s *cache.Reader, router *etcdschema.Accepted) []etcdschema.Key {
	keep := map[etcdschema.Key]bool{}
	id, spec := router.Object.ID(), router.Object.Spec.(*model.RouterSpec)
	if x := routedOn(s, id, spec); x != nil {
		for _, pre := range prefixesBehind(s, id, spec) {
			keep[etcdschema.RoutedPrefixClaim(x.UID, pre.Prefix)] = true
		}
	}
	var gone []etcdschema.Key
	for k := range s.Cache.Owned(router.UID) {
		if _, _, prefix := etcdschema.ParseRoutedPrefixClaim(k); prefix && !keep[k] {
			gone = append(gone, k)
		}
	}
	return gone
}

// routedOn is the router's external network if it routes the IPv6 prefixes behind the router; nil otherwise.
func routedOn(s *cache.Reader, router model.ID, spec *model.RouterSpec) *etcdschema.Accepted {
	if spec.ExternalNetwork == "" {
		return nil
	}
	x := s.Accepted(spec.ExternalID(router.Project))
	if x == nil {
		return nil
	}
	if e := x.Object.Spec.(*model.NetworkSpec).External; e == nil || e.Mode() != model.ExternalIPv6Routed {
		return nil
	}
	return x
}

// prefixesBehind lists the IPv6 prefixes of the router's networks.
func prefixesBehind(s *cache.Reader, router model.ID, spec *model.RouterSpec) []claim.RoutedPrefix {
	var out []claim.RoutedPrefix
	for i, id := range spec.NetworkIDs(router.Project) {
		if n := s.Accepted(id); n != nil {
			out = append(out, prefixesOf(fmt.Sprintf("spec.networks[%d]", i), n.Object.Spec.(*model.NetworkSpec))...)
		}
	}
	return out
}

func prefixesOf(field string, s *model.NetworkSpec) []claim.RoutedPrefix {
	var out []claim.RoutedPrefix
	for _, sub := range claim.SubnetsOf(s, true) {
		out = append(out, claim.RoutedPrefix{Field: field, Prefix: sub.CIDR.Masked()})
	}
	return out
}
