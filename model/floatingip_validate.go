package model

// Validate implements Spec.
func (s *FloatingIPSpec) Validate(c *Checker) {
	c.networkRef("spec.network", s.Network)
	if s.Pool != "" {
		c.name("spec.pool", s.Pool)
	}
	if s.Address.IsValid() {
		c.unicast("spec.address", s.Address)
	}
	if s.Port != "" {
		c.name("spec.port", s.Port)
	}
	if s.Port != "" && len(s.PortForwards) > 0 {
		c.Fail("spec.portForwards", "cannot stand beside spec.port, which takes all traffic of the address: keep one of them")
	}
	if s.FixedAddress.IsValid() {
		if s.Port == "" {
			c.Fail("spec.fixedAddress", "needs spec.port: name the port that has it, or remove the field")
		}
		s.fixed(c, "spec.fixedAddress", s.FixedAddress)
	}
	s.Limits.validate(c, "spec.limits")
	list := s.PortForwards[:c.atMost("spec.portForwards", len(s.PortForwards), MaxPortForwards)]
	total := 0
	for _, f := range list {
		total += max(0, int(f.Port.Last)-int(f.Port.First)+1)
	}
	if total > MaxForwardedTotal {
		c.Fail("spec.portForwards", "forward %d ports in all, at most %d are allowed: forward fewer, or give a port the whole address (spec.port)",
			total, MaxForwardedTotal)
	}
	for i, f := range list {
		s.forward(c, item("spec.portForwards", i), f)
		for j, o := range list[:i] {
			if f.Protocol == o.Protocol && f.Port.First <= o.Port.Last && o.Port.First <= f.Port.Last && f.Port.First > 0 {
				c.Fail(item("spec.portForwards", i)+".port", "%s %s is forwarded already by spec.portForwards[%d] (%s): keep one, or use other ports",
					f.Protocol, f.Port, j, o.Port)
			}
		}
	}
}

func (s *FloatingIPSpec) forward(c *Checker, at string, f PortForward) {
	switch f.Protocol {
	case ProtocolTCP, ProtocolUDP:
	case "":
		c.Fail(at+".protocol", "is missing: write %s or %s", ProtocolTCP, ProtocolUDP)
	default:
		c.Fail(at+".protocol", "%s is not known: write %s or %s", quote(string(f.Protocol)), ProtocolTCP, ProtocolUDP)
	}
	switch {
	case f.Port == PortRange{}:
		c.Fail(at+".port", `is missing: write a number, or a range such as "8000-8010"`)
	case f.Port.First == 0 || f.Port.Last < f.Port.First:
		c.Fail(at+".port", "%d to %d is no range: use 1 to 65535, the lower first", f.Port.First, f.Port.Last)
	case int(f.To())+int(f.Port.Last-f.Port.First) > 65535:
		c.Fail(at+".toPort", "%d leaves no room for the %d ports of the range below 65536: lower it", f.To(), int(f.Port.Last-f.Port.First)+1)
	case f.Port.Last-f.Port.First >= MaxForwardedPorts:
		c.Fail(at+".port", "%s has more than %d ports: forward fewer, or give the port a floating address of its own", f.Port, MaxForwardedPorts)
	}
	c.name(at+".target", f.Target)
	if f.FixedAddress.IsValid() {
		s.fixed(c, at+".fixedAddress", f.FixedAddress)
	}
}

func (s *FloatingIPSpec) fixed(c *Checker, at string, a Address) {
	if c.unicast(at, a) && s.Address.IsValid() && a.Is4() != s.Address.Is4() {
		c.Fail(at, "%s is of another family than the floating address %s: addresses are translated within their family", a, s.Address)
	}
}

// ValidateRefs implements Spec.
func (s *FloatingIPSpec) ValidateRefs(c *RefChecker) {
	id := s.NetworkID(c.id.Project)
	n, ok := lookupSpec[*NetworkSpec](c, id)
	switch {
	case !ok:
	case n.External == nil:
		c.Fail("spec.network", "%s is no external network: give it spec.external, or name one that has it", id)
	case s.Pool != "" && !n.hasPool(s.Pool):
		c.Fail("spec.pool", "%s has no allocation pool %s: name one that it has, or leave the field out", id, quote(s.Pool))
	default:
		s.validateAddress(c, id, n)
	}
	s.target(c, "spec", s.Port, s.FixedAddress)
	for i, f := range s.PortForwards {
		s.target(c, item("spec.portForwards", i), f.Target, f.FixedAddress)
	}
}

// validateAddress checks that the address can be a floating address of the external network.
func (s *FloatingIPSpec) validateAddress(c *RefChecker, id ID, n *NetworkSpec) {
	a := s.Address
	if !a.IsValid() {
		return
	}
	i := n.SubnetOf(a)
	switch {
	case i < 0:
		c.Fail("spec.address", "%s is in no subnet of %s: use an address of its subnets, or leave the field out", a, id)
	case a.Is6() && n.External.Mode() == ExternalIPv6Routed:
		c.Fail("spec.address", "%s is IPv6, which %s routes: guests are reached by their own addresses; use an IPv4 address", a, id)
	case !n.Subnets[i].host(&c.Checker, "spec.address", a):
	case a == n.Subnets[i].Gateway:
		c.Fail("spec.address", "%s is the gateway of %s: use another", a, n.Subnets[i].CIDR)
	case a == n.Subnets[i].DHCPServer:
		c.Fail("spec.address", "%s is the DHCP server of %s: use another", a, n.Subnets[i].CIDR)
	case !n.Subnets[i].Allots(s.Pool, a):
		s.outsidePool(c, id, n.Subnets[i])
	}
}

// outsidePool reports an address that is in none of the requested pools.
func (s *FloatingIPSpec) outsidePool(c *RefChecker, id ID, sub Subnet) {
	for _, p := range sub.AllocationPools {
		if p.Name != "" && p.contains(s.Address) {
			c.Fail("spec.address", "%s is in the pool %s of %s (%s): name it in spec.pool, or use another address", s.Address, p.Name, id, sub.CIDR)
			return
		}
	}
	if s.Pool != "" {
		c.Fail("spec.address", "%s is outside the pool %s of %s (%s): use an address of the pool, or leave the field out", s.Address, s.Pool, id, sub.CIDR)
		return
	}
	c.Fail("spec.address", "%s is outside the allocation pools of %s (%s): use an address of a pool, or leave the field out", s.Address, id, sub.CIDR)
}

// target checks a port to which traffic is forwarded.
func (s *FloatingIPSpec) target(c *RefChecker, at, name string, fixed Address) {
	p, ok := lookupSpec[*PortSpec](c, ID{c.id.Project, KindPort, name})
	if !ok || name == "" {
		return
	}
	n, ok := lookupSpec[*NetworkSpec](c, p.NetworkID(c.id.Project))
	if ok && fixed.IsValid() && n.SubnetOf(fixed) < 0 {
		c.Fail(at+".fixedAddress", "%s is in no subnet of %s, the network of Port %s: use an address of the port", fixed, p.NetworkID(c.id.Project), name)
	}
}
