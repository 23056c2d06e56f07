package model

import (
	"fmt"
	"net/netip"
)

// validateRole checks the role of a physical network, and what only a management network has or has not.
func (s *PhysicalNetworkSpec) validateRole(c *Checker) {
	switch s.Role {
	case "", NetworkRolePublic, NetworkRoleService:
		if len(s.CIDRs) > 0 {
			c.Fail("spec.cidrs", "are for a physical network with role %s: remove them, or write this role", NetworkRoleManagement)
		}
		return
	case NetworkRoleManagement:
	default:
		c.Fail("spec.role", "%s is not known: write %s, %s or %s, or leave it out", quote(string(s.Role)), NetworkRolePublic, NetworkRoleService,
			NetworkRoleManagement)
		return
	}
	if len(s.VLANRanges) > 0 {
		c.Fail("spec.vlanRanges", "cannot stand beside role %s, which carries no networks: remove them", NetworkRoleManagement)
	}
	if len(s.CIDRs) == 0 {
		c.Fail("spec.cidrs", "are missing: give the prefixes of the addresses on the management network, so that guests are kept from them")
	}
	list := s.CIDRs[:c.atMost("spec.cidrs", len(s.CIDRs), MaxManagementCIDRs)]
	for i, p := range list {
		at := item("spec.cidrs", i)
		if !p.IsValid() {
			c.Fail(at, "is missing: give a network in CIDR notation")
			continue
		}
		if p.Bits() < minBits {
			c.Fail(at, "%s has a length of %d: use /%d to /%d", p, p.Bits(), minBits, p.Addr().BitLen())
			continue
		}
		if what := specialBlock(p.Prefix); what != "" {
			c.Fail(at, "%s touches %s: use a unicast block", p, what)
			continue
		}
		for j, other := range list[:i] {
			if other.IsValid() && other.Bits() >= minBits && p.Overlaps(other.Prefix) {
				c.Fail(at, "%s overlaps spec.cidrs[%d] (%s): keep the larger one", p, j, other)
			}
		}
	}
}

// IsManagement says that no network may be on the physical network.
func (s *PhysicalNetworkSpec) IsManagement() bool { return s.Role == NetworkRoleManagement }

// refuseManagement checks that a network is not on a management network.
func (s *NetworkSpec) refuseManagement(c *RefChecker, physical *PhysicalNetworkSpec) bool {
	if physical.IsManagement() {
		c.Fail("spec.physicalNetwork", "PhysicalNetwork %s has role %s: no network can be on it; name another physical network", s.PhysicalNetwork,
			NetworkRoleManagement)
	}
	return physical.IsManagement()
}

// FieldPrefix is a prefix, or a single address, that a field of a spec names.
type FieldPrefix struct {
	Field  string
	Prefix netip.Prefix
}

// GuestPrefixes lists the addresses that guests have or are told to use because of the spec: subnets, gateways and servers of a network,
// and the allowed address pairs of a port. None of them may be on a management network, to which guests send nothing.
func GuestPrefixes(s Spec) (all []FieldPrefix) {
	add := func(field string, p netip.Prefix) {
		if p.IsValid() {
			all = append(all, FieldPrefix{field, p})
		}
	}
	single := func(field string, a Address) {
		if a.IsValid() {
			add(field, netip.PrefixFrom(a.Addr, a.BitLen()))
		}
	}
	switch s := s.(type) {
	case *NetworkSpec:
		for i, sub := range s.Subnets {
			add(item("spec.subnets", i)+".cidr", sub.CIDR.Prefix)
			if sub.OnLinkGateway() {
				single(item("spec.subnets", i)+".gateway", sub.Gateway)
			}
		}
		for i, a := range s.DHCP.DNSServers {
			single(item("spec.dhcp.dnsServers", i), a)
		}
		for i, a := range s.DHCP.NTPServers {
			single(item("spec.dhcp.ntpServers", i), a)
		}
	case *PortSpec:
		for i, p := range s.AllowedAddressPairs {
			add(item("spec.allowedAddressPairs", i)+".address", p.Address.Prefix)
		}
	}
	return all
}

// managementConflicts finds objects of the set that use addresses of a management network in it.
func managementConflicts(objs []Located) (errs Errors) {
	for _, m := range objs {
		physical, ok := m.Object.Spec.(*PhysicalNetworkSpec)
		if !ok {
			continue
		}
		for _, l := range objs {
			for _, used := range GuestPrefixes(l.Object.Spec) {
				for _, p := range physical.CIDRs {
					if p.IsValid() && p.Overlaps(used.Prefix) {
						errs = append(errs, l.place(Errors{{Field: used.Field, Message: fmt.Sprintf(
							"%s overlaps %s of %s (%s), from which guests are kept: use other addresses", used.Prefix, p, m.Object.ID(), m.where())}})...)
					}
				}
			}
		}
	}
	return errs
}
