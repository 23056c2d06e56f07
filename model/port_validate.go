package model

import (
	"fmt"
	"regexp"
	"slices"
)

// serverMAC is the MAC with which Weft's own servers answer guests, the same on every host. No port may have it.
var serverMAC = MAC{0x02, 0x57, 0x45, 0x46, 0x54, 0x01}

// gatewayMAC is the MAC of Weft's distributed routers as guests see it, the same on every network and host. No port may have it.
var gatewayMAC = MAC{0x02, 0x57, 0x45, 0x46, 0x54, 0x02}

var interfaceID = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,64}$`)

// Validate implements Spec.
func (s *PortSpec) Validate(c *Checker) {
	c.networkRef("spec.network", s.Network)
	if s.Host != "" {
		c.name("spec.host", s.Host)
	}
	if s.MigrateTo != "" && c.name("spec.migrateTo", s.MigrateTo) {
		switch s.Host {
		case "":
			c.Fail("spec.migrateTo", "needs spec.host: name the host the guest runs on now")
		case s.MigrateTo:
			c.Fail("spec.migrateTo", "%q is the host the guest runs on: name another, or remove the field", s.MigrateTo)
		}
	}
	c.weftMAC("spec.mac", s.MAC)
	seen := make(map[Address]int)
	for i, a := range s.Addresses[:c.atMost("spec.addresses", len(s.Addresses), MaxPortAddresses)] {
		at := fmt.Sprintf("spec.addresses[%d]", i)
		if !c.unicast(at, a) {
			continue
		}
		if first, ok := seen[a]; ok {
			c.Fail(at, "%s is given already by spec.addresses[%d]: keep one", a, first)
			continue
		}
		seen[a] = i
	}
	if s.Device != "" {
		c.interfaceName("spec.device", s.Device)
	}
	if s.InterfaceID != "" && (!interfaceID.MatchString(s.InterfaceID) || s.InterfaceID[0] == '-') {
		c.Fail("spec.interfaceID", "%s is no interface id: use at most 64 letters, digits and - _ . (not - first)", quote(s.InterfaceID))
	}
	if s.Hostname != "" {
		c.domain("spec.hostname", s.Hostname)
	}
	s.Limits.validate(c, "spec.limits")
	s.validateGuest(c)
	s.HostNet.validate(c, "spec.hostNet")
	s.validatePairs(c)
	for i, g := range s.SecurityGroups[:c.atMost("spec.securityGroups", len(s.SecurityGroups), MaxSecurityGroups)] {
		at := item("spec.securityGroups", i)
		if c.name(at, g) && slices.Contains(s.SecurityGroups[:i], g) {
			c.Fail(at, "%q is given twice: keep one", g)
		}
	}
}

// weftMAC refuses the MACs that Weft's own servers and distributed routers have on every network.
func (c *Checker) weftMAC(field string, m MAC) {
	switch m {
	case gatewayMAC:
		c.Fail(field, "%s is the address of Weft's own routers: use another", m)
	case serverMAC:
		c.Fail(field, "%s is the address of Weft's own servers: use another", m)
	}
}
