package model

import "fmt"

// MaxVLAN is the highest VLAN id a network can have; 4095 is reserved (IEEE 802.1Q).
const MaxVLAN = 4094

// Validate implements Spec.
func (s *PhysicalNetworkSpec) Validate(c *Checker) {
	s.validateRole(c)
	c.mtu("spec.mtu", s.MTU, false)
	ranges := s.VLANRanges[:c.atMost("spec.vlanRanges", len(s.VLANRanges), MaxVLANRanges)]
	for i, r := range ranges {
		at := fmt.Sprintf("spec.vlanRanges[%d]", i)
		lowest := c.vlan(at+".minimum", r.Minimum)
		highest := c.vlan(at+".maximum", r.Maximum)
		if !lowest || !highest {
			continue
		}
		if r.Minimum > r.Maximum {
			c.Fail(at, "minimum %d is above maximum %d: exchange them", r.Minimum, r.Maximum)
			continue
		}
		for j, other := range ranges[:i] {
			if other.Minimum > 0 && other.Maximum <= MaxVLAN && r.Minimum <= other.Maximum && other.Minimum <= r.Maximum {
				c.Fail(at, "%d to %d overlaps spec.vlanRanges[%d] (%d to %d): separate or join them",
					r.Minimum, r.Maximum, j, other.Minimum, other.Maximum)
			}
		}
	}
}

func (c *Checker) vlan(field string, id uint16) bool {
	if id < 1 || id > MaxVLAN {
		c.Fail(field, "%d is no VLAN id: use 1 to %d", id, MaxVLAN)
		return false
	}
	return true
}

// EffectiveMTU is the physical network's MTU in bytes, with the default filled in.
func (s *PhysicalNetworkSpec) EffectiveMTU() int {
	if s.MTU == 0 {
		return DefaultMTU
	}
	return s.MTU
}

// Allows says that networks may use the VLAN id.
func (s *PhysicalNetworkSpec) Allows(vlan uint16) bool {
	for _, r := range s.VLANRanges {
		if r.Minimum <= vlan && vlan <= r.Maximum {
			return true
		}
	}
	return false
}

// ValidateRefs implements Spec.
func (s *PhysicalNetworkSpec) ValidateRefs(*RefChecker) {}
