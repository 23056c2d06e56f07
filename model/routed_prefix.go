package model

import (
	"fmt"
	"slices"
)

// RoutedPrefix is a block of IPv6 prefixes that networks behind routers may have on an external network that routes IPv6. The
// upstream router sends the block there.
type RoutedPrefix struct {
	CIDR Prefix `json:"cidr"`
	// Projects are those whose routers may have prefixes of the block; all projects when empty.
	Projects []string `json:"projects,omitempty"`
}

// serves says that routers of the project may have prefixes of the block.
func (p RoutedPrefix) serves(project string) bool {
	return len(p.Projects) == 0 || slices.Contains(p.Projects, project)
}

// within says that the whole prefix is in the block.
func (p RoutedPrefix) within(prefix Prefix) bool {
	return p.CIDR.IsValid() && prefix.Bits() >= p.CIDR.Bits() && p.CIDR.Contains(prefix.Addr())
}

// MayRoute says why a router of the project may not have the prefix; empty when it may. The longest block that contains the prefix
// decides. A prefix must not contain a block of other projects. Without blocks every prefix is allowed.
func (e External) MayRoute(project string, prefix Prefix) string {
	if len(e.RoutedPrefixes) == 0 {
		return ""
	}
	best := -1
	for i, p := range e.RoutedPrefixes {
		switch {
		case !p.CIDR.IsValid():
		case p.within(prefix):
			if best < 0 || p.CIDR.Bits() > e.RoutedPrefixes[best].CIDR.Bits() {
				best = i
			}
		case p.CIDR.Overlaps(prefix.Prefix) && !p.serves(project):
			return fmt.Sprintf("takes in %s, which is for routers of other projects", p.CIDR)
		}
	}
	switch {
	case best < 0:
		return "is in none of its routedPrefixes"
	case !e.RoutedPrefixes[best].serves(project):
		return fmt.Sprintf("is in %s, which is for routers of other projects", e.RoutedPrefixes[best].CIDR)
	}
	return ""
}

// validateRoutedPrefixes checks the blocks of an external network.
func (s *NetworkSpec) validateRoutedPrefixes(c *Checker) {
	const field = "spec.external.routedPrefixes"
	list := s.External.RoutedPrefixes[:c.atMost(field, len(s.External.RoutedPrefixes), MaxRoutedPrefixes)]
	if len(list) > 0 && s.External.Mode() != ExternalIPv6Routed {
		c.Fail(field, "is for external networks that route IPv6: write ipv6: %s, or leave it out", ExternalIPv6Routed)
	}
	seen := make(map[Prefix]int)
	for i, p := range list {
		at := item(field, i)
		switch {
		case !p.CIDR.IsValid():
			c.Fail(at+".cidr", "is missing: give an IPv6 network in CIDR notation")
			continue
		case !p.CIDR.Addr().Is6():
			c.Fail(at+".cidr", "%s is not IPv6: IPv4 is translated, not routed", p.CIDR)
		}
		if first, ok := seen[p.CIDR]; ok {
			c.Fail(at+".cidr", "%s is given already by %s[%d]: keep one, with the projects of both", p.CIDR, field, first)
		}
		seen[p.CIDR] = i
		names := p.Projects[:c.atMost(at+".projects", len(p.Projects), MaxRoutedProjects)]
		for j, name := range names {
			if c.name(item(at+".projects", j), name) && slices.Contains(names[:j], name) {
				c.Fail(item(at+".projects", j), "%q is given twice: keep one", name)
			}
		}
	}
}

// validateRouted checks the IPv6 prefixes of a router's networks against its external network that routes IPv6.
func (s *RouterSpec) validateRouted(c *RefChecker, external ID, x *NetworkSpec) {
	if x.External.Mode() != ExternalIPv6Routed {
		return
	}
	n := 0
	for i, id := range s.NetworkIDs(c.id.Project) {
		network, ok := lookupSpec[*NetworkSpec](c, id)
		if !ok {
			continue
		}
		for _, sub := range network.Subnets {
			if !sub.CIDR.IsValid() || !sub.CIDR.Addr().Is6() {
				continue
			}
			n++
			if why := x.External.MayRoute(c.id.Project, sub.CIDR); why != "" {
				c.Fail(item("spec.networks", i), "%s has %s, which %s may not have on %s: it %s; use another prefix, or ask whoever runs the external network",
					id, sub.CIDR, c.id.Project, external, why)
			}
		}
	}
	if n > MaxRouterPrefixes {
		c.Fail("spec.networks", "have %d IPv6 subnets, at most %d of a router can be on %s, which routes IPv6: use several routers", n, MaxRouterPrefixes, external)
	}
}
