package model

import (
	"fmt"
	"slices"
	"time"
)

// The DHCP lease times that can be declared.
const (
	MinLeaseTime = time.Minute
	MaxLeaseTime = 8760 * time.Hour
)

// Validate implements Spec.
func (s *NetworkSpec) Validate(c *Checker) {
	switch s.Type {
	case NetworkTypeVLAN, NetworkTypeFlat:
	case "":
		c.Fail("spec.type", "is missing: write %s or %s", NetworkTypeVLAN, NetworkTypeFlat)
	default:
		c.Fail("spec.type", "%s is not known: write %s or %s", quote(string(s.Type)), NetworkTypeVLAN, NetworkTypeFlat)
	}
	if s.PhysicalNetwork == "" {
		c.Fail("spec.physicalNetwork", "is missing: name the PhysicalNetwork that carries the network")
	} else {
		c.name("spec.physicalNetwork", s.PhysicalNetwork)
	}
	switch {
	case s.SegmentationID != 0 && s.Type == NetworkTypeFlat:
		c.Fail("spec.segmentationID", "%d cannot stand beside type %s, whose frames have no tag: leave it out, or write type %s",
			s.SegmentationID, NetworkTypeFlat, NetworkTypeVLAN)
	case s.SegmentationID != 0:
		c.vlan("spec.segmentationID", s.SegmentationID)
	}
	c.mtu("spec.mtu", s.MTU, s.hasIPv6())
	if s.MTU >= MinMTU && s.MTU < MinMTUv4 && s.hasIPv4() {
		c.Fail("spec.mtu", "%d is too small for the IPv4 subnet: DHCP needs %d bytes (RFC 2131)", s.MTU, MinMTUv4)
	}
	subnets := s.Subnets[:c.atMost("spec.subnets", len(s.Subnets), MaxSubnets)]
	for i, sub := range subnets {
		sub.validate(c, fmt.Sprintf("spec.subnets[%d]", i))
		for j, other := range subnets[:i] {
			if sub.CIDR.IsValid() && other.CIDR.IsValid() && sub.CIDR.Overlaps(other.CIDR.Prefix) {
				c.Fail(fmt.Sprintf("spec.subnets[%d].cidr", i), "%s overlaps spec.subnets[%d] (%s): use separate blocks",
					sub.CIDR, j, other.CIDR)
			}
		}
	}
	s.DHCP.validate(c, s)
	s.PortLimits.validate(c, "spec.portLimits")
	switch s.AddressMobility {
	case "", MobilityRegion, MobilityHostGroup:
	default:
		c.Fail("spec.addressMobility", "%s is not known: write %s or %s, or leave it out", quote(string(s.AddressMobility)), MobilityRegion,
			MobilityHostGroup)
	}
	s.validateExternal(c)
}

func (s *NetworkSpec) validateExternal(c *Checker) {
	if s.External == nil {
		s.refuseNamedPools(c)
		return
	}
	switch s.External.IPv6 {
	case "", ExternalIPv6Translate, ExternalIPv6Routed:
	default:
		c.Fail("spec.external.ipv6", "%s is not known: write %s or %s", quote(string(s.External.IPv6)), ExternalIPv6Translate, ExternalIPv6Routed)
	}
	s.validateRoutedPrefixes(c)
	s.External.ConnectionLimits.validate(c, "spec.external.connectionLimits")
	if len(s.Subnets) == 0 {
		c.Fail("spec.subnets", "is missing: an external network needs the upstream's subnet, with its router as gateway")
	}
	for i, sub := range s.Subnets[:min(len(s.Subnets), MaxSubnets)] {
		if !sub.Gateway.IsValid() {
			c.Fail(item("spec.subnets", i)+".gateway", "is missing: name the upstream router that the external network leads to")
		}
	}
}

func (s *NetworkSpec) refuseNamedPools(c *Checker) {
	for i, sub := range s.Subnets[:min(len(s.Subnets), MaxSubnets)] {
		for j, p := range sub.AllocationPools[:min(len(sub.AllocationPools), MaxPools)] {
			if p.Name != "" {
				c.Fail(fmt.Sprintf("%s.allocationPools[%d].name", item("spec.subnets", i), j),
					"sets addresses aside for floating addresses, which only an external network has: leave it out, or declare spec.external")
			}
		}
	}
}

func (s *NetworkSpec) hasIPv6() bool {
	return slices.ContainsFunc(s.Subnets, func(sub Subnet) bool { return sub.CIDR.IsValid() && sub.CIDR.Addr().Is6() })
}

func (s *NetworkSpec) hasIPv4() bool {
	return slices.ContainsFunc(s.Subnets, func(sub Subnet) bool { return sub.CIDR.IsValid() && sub.CIDR.Addr().Is4() })
}

func (d *DHCP) validate(c *Checker, n *NetworkSpec) {
	c.servers("spec.dhcp.dnsServers", d.DNSServers)
	c.servers("spec.dhcp.ntpServers", d.NTPServers)
	if d.Domain != "" {
		c.domain("spec.dhcp.domain", d.Domain)
	}
	c.mtu("spec.dhcp.mtu", d.MTU, n.hasIPv6())
	if n.MTU > 0 && d.MTU > n.MTU {
		c.Fail("spec.dhcp.mtu", "%d is above the network's MTU of %d: guests would send what it does not carry", d.MTU, n.MTU)
	}
	lease := d.LeaseTime.Duration
	if lease != 0 && (lease < MinLeaseTime || lease > MaxLeaseTime || lease%time.Second != 0) {
		c.Fail("spec.dhcp.leaseTime", "%s is out of range: use whole seconds from 1m to 8760h", lease)
	}
	seen := make(map[Prefix]int)
	for i, r := range d.Routes[:c.atMost("spec.dhcp.routes", len(d.Routes), MaxRoutes)] {
		at := fmt.Sprintf("spec.dhcp.routes[%d]", i)
		r.validate(c, at, n)
		if first, ok := seen[r.Destination]; ok && r.Destination.IsValid() {
			c.Fail(at+".destination", "%s is given already by spec.dhcp.routes[%d]: keep one", r.Destination, first)
			continue
		}
		seen[r.Destination] = i
	}
}

func (c *Checker) servers(field string, list []Address) {
	seen := make(map[Address]int)
	for i, a := range list[:c.atMost(field, len(list), MaxServers)] {
		at := fmt.Sprintf("%s[%d]", field, i)
		if !c.unicast(at, a) {
			continue
		}
		if first, ok := seen[a]; ok {
			c.Fail(at, "%s is given already by %s[%d]: keep one", a, field, first)
			continue
		}
		seen[a] = i
	}
}

func (r Route) validate(c *Checker, at string, n *NetworkSpec) {
	switch {
	case !r.Destination.IsValid():
		c.Fail(at+".destination", "is missing: give an IPv4 network in CIDR notation")
	case !r.Destination.Addr().Is4():
		c.Fail(at+".destination", "%s is not IPv4: DHCPv6 carries no routes", r.Destination)
	case r.Destination.Bits() > 0 && specialBlock(r.Destination.Prefix) != "":
		c.Fail(at+".destination", "%s touches %s: no route leads there", r.Destination, specialBlock(r.Destination.Prefix))
	}
	switch {
	case !r.NextHop.IsValid():
		c.Fail(at+".nextHop", "is missing: give the router's IPv4 address")
	case !r.NextHop.Is4():
		c.Fail(at+".nextHop", "%s is not IPv4: DHCPv6 carries no routes", r.NextHop)
	case n.SubnetOf(r.NextHop) < 0 && !n.isOnLink(r.NextHop):
		c.Fail(at+".nextHop", "%s is in no subnet of the network: guests reach only routers on their own network", r.NextHop)
	}
}

// isOnLink says that the address is a gateway outside of its subnet.
func (s *NetworkSpec) isOnLink(a Address) bool {
	return slices.ContainsFunc(s.Subnets, func(sub Subnet) bool { return sub.Gateway == a })
}

// SubnetOf is the index of the subnet the address belongs to, -1 if there is none.
func (s *NetworkSpec) SubnetOf(a Address) int {
	for i, sub := range s.Subnets {
		if a.IsValid() && sub.CIDR.IsValid() && sub.CIDR.Contains(a.Addr) {
			return i
		}
	}
	return -1
}
