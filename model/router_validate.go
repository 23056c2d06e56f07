package model

import (
	"fmt"
	"strings"
)

// Validate implements Spec.
func (s *RouterSpec) Validate(c *Checker) {
	switch s.Gateway {
	case "", GatewayDistributed, GatewayCentralized, GatewayNone:
	default:
		c.Fail("spec.gateway", "%s is not known: write %s, %s or %s", quote(string(s.Gateway)), GatewayDistributed, GatewayCentralized, GatewayNone)
	}
	if s.ExternalNetwork != "" {
		c.networkRef("spec.externalNetwork", s.ExternalNetwork)
	}
	if s.Limits != (RateLimits{}) && s.ExternalNetwork == "" {
		c.Fail("spec.limits", "needs spec.externalNetwork: limits count what passes between the router and that network")
	}
	s.Limits.validate(c, "spec.limits")
	if len(s.Networks) == 0 {
		c.Fail("spec.networks", "is missing: name the networks the router leads to")
	}
	seen := make(map[string]int)
	for i, n := range s.Networks[:c.atMost("spec.networks", len(s.Networks), MaxRouterNetworks)] {
		at := item("spec.networks", i)
		if !c.name(at, n) {
			continue
		}
		if first, ok := seen[n]; ok {
			c.Fail(at, "%q is given already by spec.networks[%d]: keep one", n, first)
			continue
		}
		seen[n] = i
	}
}

// networkRef checks a required name of a network, or "project/name".
func (c *Checker) networkRef(field, s string) {
	project, network, qualified := strings.Cut(s, "/")
	switch {
	case s == "":
		c.Fail(field, "is missing: name the network")
	case qualified && (!isLabel(project) || !isLabel(network)):
		c.Fail(field, "%s is no network: write its name, or project/name", quote(s))
	case !qualified:
		c.name(field, s)
	}
}

// routerSubnet is one subnet of a router's network, to be compared with the router's other subnets.
type routerSubnet struct {
	field   string // of the router, that names the network
	network ID
	cidr    Prefix
}

// ValidateRefs implements Spec.
func (s *RouterSpec) ValidateRefs(c *RefChecker) {
	var subnets []routerSubnet
	add := func(field string, id ID, n *NetworkSpec) {
		for _, sub := range n.Subnets {
			for _, l := range subnets {
				if l.network != id && sub.CIDR.IsValid() && l.cidr.IsValid() && sub.CIDR.Overlaps(l.cidr.Prefix) {
					c.Fail(field, "%s has %s, which overlaps %s of %s (%s): a router cannot tell them apart; put one of them on another router",
						id, sub.CIDR, l.cidr, l.network, l.field)
				}
			}
		}
		for _, sub := range n.Subnets {
			subnets = append(subnets, routerSubnet{field, id, sub.CIDR})
		}
	}
	for i, id := range s.NetworkIDs(c.id.Project) {
		n, ok := lookupSpec[*NetworkSpec](c, id)
		if !ok {
			continue
		}
		if n.External != nil {
			c.Fail(item("spec.networks", i), "%s is an external network: name it in spec.externalNetwork instead", id)
			continue
		}
		if len(n.Subnets) == 0 {
			c.Fail(item("spec.networks", i), "%s has no subnet: a router needs an address there; give the network one, or leave it out", id)
		}
		for _, sub := range n.Subnets {
			s.validateInterface(c, item("spec.networks", i), id, sub)
		}
		add(item("spec.networks", i), id, n)
	}
	if s.ExternalNetwork == "" {
		return
	}
	id := s.ExternalID(c.id.Project)
	n, ok := lookupSpec[*NetworkSpec](c, id)
	switch {
	case !ok:
	case n.External == nil:
		c.Fail("spec.externalNetwork", "%s is no external network: give it spec.external, or name one that has it", id)
	default:
		add("spec.externalNetwork", id, n)
		s.validateRouted(c, id, n)
	}
}

// validateInterface checks that the router can have the address of the subnet's gateway.
func (s *RouterSpec) validateInterface(c *RefChecker, field string, id ID, sub Subnet) {
	switch {
	case !sub.CIDR.IsValid():
	case sub.OnLinkGateway():
		c.Fail(field, "%s has the gateway %s outside of %s: a router needs an address inside; name one there, or leave the network out",
			id, sub.Gateway, sub.CIDR)
	case !sub.ReservedGateway().IsValid():
		c.Fail(field, "%s has %s, where no address is reserved for a router: name it as the subnet's gateway, or leave the network out",
			id, sub.CIDR)
	}
}

// item is the path of a list's item.
func item(field string, i int) string { return fmt.Sprintf("%s[%d]", field, i) }
