package model

import "fmt"

// Lookup finds an object by its ID. The object must not be changed.
type Lookup func(ID) (Object, bool)

// RefChecker collects what is wrong with one object together with those that it refers to.
type RefChecker struct {
	Checker
	id     ID
	lookup Lookup
}

// ValidateRefs reports everything that is wrong with a valid object together with the objects that it refers to: references that
// lookup does not find, and contradictions to the objects that it finds.
//
//   - It does not report what may come later. If a host does not map the physical network of a port's network, the port is Pending
//     and not invalid.
//   - It does not look for two objects that want the same address, MAC or segment. Claims decide that, and ValidateSet does so for
//     files.
func ValidateRefs(o Object, lookup Lookup) Errors { return validateRefs(o, lookup, false) }

// validateRefs is ValidateRefs; partial says that what lookup does not find may exist elsewhere.
func validateRefs(o Object, lookup Lookup, partial bool) Errors {
	if o.Spec == nil {
		return nil
	}
	c := &RefChecker{id: o.ID(), lookup: lookup}
	for _, r := range o.Spec.References(o.Metadata.Project) {
		if _, ok := lookup(r.To); !ok && !partial && r.To.Name != "" && r.To.Project != "" {
			c.Fail(r.Field, "%s does not exist: create it first, or correct the name", r.To)
		}
	}
	o.Spec.ValidateRefs(c)
	for i := range c.errs {
		c.errs[i].Object = c.id
	}
	return c.errs
}

func lookupSpec[S Spec](c *RefChecker, id ID) (spec S, ok bool) {
	o, found := c.lookup(id)
	if !found {
		return spec, false
	}
	spec, ok = o.Spec.(S)
	return spec, ok
}

// ValidateRefs implements Spec.
func (s *NetworkSpec) ValidateRefs(c *RefChecker) {
	physical, ok := lookupSpec[*PhysicalNetworkSpec](c, ID{ClusterProject, KindPhysicalNetwork, s.PhysicalNetwork})
	if !ok || s.refuseManagement(c, physical) {
		return
	}
	s.validateSegment(c, physical)
	mtu := physical.EffectiveMTU()
	if s.MTU > mtu {
		c.Fail("spec.mtu", "%d is above the %d bytes that PhysicalNetwork %s carries: lower it, or raise that one's",
			s.MTU, mtu, s.PhysicalNetwork)
	}
	if s.MTU == 0 && s.DHCP.MTU > mtu {
		c.Fail("spec.dhcp.mtu", "%d is above the %d bytes that PhysicalNetwork %s carries: lower it", s.DHCP.MTU, mtu, s.PhysicalNetwork)
	}
	if s.MTU == 0 && s.hasIPv6() && mtu < MinMTUv6 {
		c.Fail("spec.physicalNetwork", "PhysicalNetwork %s carries %d bytes, too few for the IPv6 subnet: IPv6 needs %d (RFC 8200)",
			s.PhysicalNetwork, mtu, MinMTUv6)
	}
	if s.MTU == 0 && s.hasIPv4() && mtu < MinMTUv4 {
		c.Fail("spec.physicalNetwork", "PhysicalNetwork %s carries %d bytes, too few for the IPv4 subnet: DHCP needs %d (RFC 2131)",
			s.PhysicalNetwork, mtu, MinMTUv4)
	}
}

// validateSegment checks that the physical network has a VLAN for the network. A flat network needs none.
func (s *NetworkSpec) validateSegment(c *RefChecker, physical *PhysicalNetworkSpec) {
	if s.Type == NetworkTypeFlat {
		return
	}
	if s.SegmentationID != 0 && !physical.Allows(s.SegmentationID) {
		c.Fail("spec.segmentationID", "%d is outside the VLAN ranges of PhysicalNetwork %s: choose one inside, or leave it out",
			s.SegmentationID, s.PhysicalNetwork)
	}
	if s.SegmentationID == 0 && len(physical.VLANRanges) == 0 {
		c.Fail("spec.physicalNetwork", "PhysicalNetwork %s has no VLAN ranges: give it spec.vlanRanges, or write type %s", s.PhysicalNetwork, NetworkTypeFlat)
	}
}

// ValidateRefs implements Spec.
func (s *PortSpec) ValidateRefs(c *RefChecker) {
	if n, ok := lookupSpec[*NetworkSpec](c, s.NetworkID(c.id.Project)); ok {
		for i, a := range s.Addresses {
			s.validateAddress(c, fmt.Sprintf("spec.addresses[%d]", i), a, n)
		}
		s.validatePairRefs(c, n)
	}
	if s.Device == "" {
		return
	}
	for _, host := range []string{s.Host, s.MigrateTo} {
		h, ok := lookupSpec[*HostSpec](c, ID{ClusterProject, KindHost, host})
		if host == "" || !ok {
			continue
		}
		if s.Device == h.BridgeName() {
			c.Fail("spec.device", "%q is the bridge of Host %s: choose another name", s.Device, host)
		}
		for _, p := range h.PhysicalNetworks {
			if s.Device == p.Interface {
				c.Fail("spec.device", "%q is an uplink of Host %s: choose another name", s.Device, host)
			}
		}
	}
}

func (s *PortSpec) validateAddress(c *RefChecker, at string, a Address, n *NetworkSpec) {
	if !a.IsValid() {
		return
	}
	i := n.SubnetOf(a)
	if i < 0 {
		c.Fail(at, "%s is in no subnet of Network %s: use an address of its subnets", a, s.NetworkID(c.id.Project).Name)
		return
	}
	sub := n.Subnets[i]
	if !sub.host(&c.Checker, at, a) {
		return
	}
	switch a {
	case sub.Gateway: // others' are claimed
		c.Fail(at, "%s is the gateway of %s: use another", a, sub.CIDR)
	case sub.ReservedGateway():
		c.Fail(at, "%s is kept free for a gateway of %s: use another", a, sub.CIDR)
	case sub.DHCPServer:
		c.Fail(at, "%s is the DHCP server of %s: use another", a, sub.CIDR)
	}
}
