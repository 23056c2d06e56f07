package model

import "fmt"

// Validate implements Spec.
func (s *HostSpec) Validate(c *Checker) {
	switch s.Driver {
	case "", DriverOVS, DriverBridge:
	default:
		c.Fail("spec.driver", "%s is not known: write %s or %s, or leave it out", quote(string(s.Driver)), DriverOVS, DriverBridge)
	}
	for i, r := range s.Roles[:c.atMost("spec.roles", len(s.Roles), MaxRoles)] {
		switch {
		case r != RoleGateway:
			c.Fail(item("spec.roles", i), "%s is not known: write %s", quote(string(r)), RoleGateway)
		case i > 0:
			c.Fail(item("spec.roles", i), "%q is given already: keep one", r)
		}
	}
	if s.Driver == DriverBridge && s.Bridge != "" {
		c.Fail("spec.bridge", "is for hosts with driver %s: driver %s makes a bridge for each network; remove the field", DriverOVS, DriverBridge)
	}
	if s.Bridge != "" {
		c.interfaceName("spec.bridge", s.Bridge)
	}
	if s.Group != "" {
		c.name("spec.group", s.Group)
	}
	s.validateServices(c)
	networks, interfaces := make(map[string]int), map[string]int{s.BridgeName(): -1}
	for i, p := range s.PhysicalNetworks[:c.atMost("spec.physicalNetworks", len(s.PhysicalNetworks), MaxUplinks)] {
		at := fmt.Sprintf("spec.physicalNetworks[%d]", i)
		if c.name(at+".name", p.Name) {
			if first, ok := networks[p.Name]; ok {
				c.Fail(at+".name", "%q is mapped already by spec.physicalNetworks[%d]: keep one", p.Name, first)
			}
			networks[p.Name] = i
		}
		c.interfaceName(at+".interface", p.Interface)
		if first, ok := interfaces[p.Interface]; ok && first < 0 {
			c.Fail(at+".interface", "%q is the host's bridge: name the network card", p.Interface)
		} else if ok {
			c.Fail(at+".interface", "%q is used already by spec.physicalNetworks[%d]: each physical network needs its own", p.Interface, first)
		}
		if _, ok := interfaces[p.Interface]; !ok {
			interfaces[p.Interface] = i
		}
	}
}

// BridgeName is the bridge that Weft owns on the host, with the default filled in.
func (s *HostSpec) BridgeName() string {
	if s.Bridge == "" {
		return DefaultBridge
	}
	return s.Bridge
}

// ValidateRefs implements Spec.
func (s *HostSpec) ValidateRefs(*RefChecker) {}
