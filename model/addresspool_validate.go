package model

import (
	"slices"
	"strings"
	"time"
)

// The hold times that a pool can declare.
const (
	MinHoldTime = time.Second
	MaxHoldTime = 8760 * time.Hour
)

// Validate implements Spec.
func (s *AddressPoolSpec) Validate(c *Checker) {
	if s.Network != "" && !strings.Contains(s.Network, "/") {
		c.Fail("spec.network", "%s names no project: write project/name", quote(s.Network))
	} else {
		c.networkRef("spec.network", s.Network)
	}
	if len(s.Ranges) == 0 {
		c.Fail("spec.ranges", "is missing: give the first and the last address of at least one range")
	}
	ranges := s.Ranges[:c.atMost("spec.ranges", len(s.Ranges), MaxPoolRanges)]
	for i, r := range ranges {
		at := item("spec.ranges", i)
		if !r.validate(c, at) {
			continue
		}
		for j, o := range ranges[:i] {
			if o.valid() && r.Overlaps(o) {
				c.Fail(at, "%s to %s overlaps spec.ranges[%d] (%s to %s): separate or join them", r.Start, r.End, j, o.Start, o.End)
			}
		}
	}
	for i, x := range s.Exclude[:c.atMost("spec.exclude", len(s.Exclude), MaxPoolExcludes)] {
		s.validateExclude(c, item("spec.exclude", i), x, ranges)
	}
	for i, g := range s.HostGroups[:c.atMost("spec.hostGroups", len(s.HostGroups), MaxHostGroups)] {
		if c.name(item("spec.hostGroups", i), g) && slices.Contains(s.HostGroups[:i], g) {
			c.Fail(item("spec.hostGroups", i), "%q is given twice: keep one", g)
		}
	}
	if d := s.HoldTime.Duration; d != 0 && (d < MinHoldTime || d > MaxHoldTime || d%time.Second != 0) {
		c.Fail("spec.holdTime", "%s is out of range: use whole seconds from 1s to 8760h, or leave it out", d)
	}
	if s.Priority < -MaxPoolPriority || s.Priority > MaxPoolPriority {
		c.Fail("spec.priority", "%d is out of range: use -%d to %d", s.Priority, MaxPoolPriority, MaxPoolPriority)
	}
}

// validateExclude checks one excluded range. One that touches no range of the pool is a typing mistake.
func (s *AddressPoolSpec) validateExclude(c *Checker, at string, x AddressRange, ranges []PoolRange) {
	r := PoolRange{x.First, x.Last}
	switch {
	case !r.valid():
		c.Fail(at, `is missing: write an address, or a range such as "192.0.2.5-192.0.2.9"`)
	case !slices.ContainsFunc(ranges, func(o PoolRange) bool { return o.valid() && o.Overlaps(r) }):
		c.Fail(at, "%s is in none of spec.ranges, and excludes nothing: correct or remove it", x)
	}
}

// valid says that the range is one: both ends are given, of one family, and in order.
func (r PoolRange) valid() bool {
	return r.Start.IsValid() && r.End.IsValid() && r.Start.Is4() == r.End.Is4() && !r.End.Less(r.Start.Addr)
}

func (r PoolRange) validate(c *Checker, at string) bool {
	start, end := c.unicast(at+".start", r.Start), c.unicast(at+".end", r.End)
	switch {
	case !start || !end:
		return false
	case r.Start.Is4() != r.End.Is4():
		c.Fail(at, "%s and %s are of different families: write one range for each", r.Start, r.End)
	case r.End.Less(r.Start.Addr):
		c.Fail(at, "start %s is above end %s: exchange them", r.Start, r.End)
	}
	return r.valid()
}

// ValidateRefs implements Spec: each range is in one subnet, and apart from the ranges for floating addresses.
func (s *AddressPoolSpec) ValidateRefs(c *RefChecker) {
	n, ok := lookupSpec[*NetworkSpec](c, s.NetworkID())
	if !ok {
		return
	}
	for i, r := range s.Ranges {
		at := item("spec.ranges", i)
		j := n.SubnetOf(r.Start)
		if j < 0 {
			c.Fail(at+".start", "%s is in no subnet of %s: use addresses of one of its subnets", r.Start, s.NetworkID())
			continue
		}
		sub := n.Subnets[j]
		if !sub.host(&c.Checker, at+".start", r.Start) || !sub.host(&c.Checker, at+".end", r.End) {
			continue
		}
		for _, p := range sub.AllocationPools {
			if p.Name != "" && r.Overlaps(PoolRange{p.Start, p.End}) {
				c.Fail(at, "%s to %s overlaps the allocation pool %s of %s (%s to %s), which is for floating addresses: use others",
					r.Start, r.End, p.Name, s.NetworkID(), p.Start, p.End)
			}
		}
	}
}

// poolOverlaps finds ranges of different pools of one network that overlap.
func poolOverlaps(objs []Located) (errs Errors) {
	byNetwork := map[string][]Located{}
	for _, l := range objs {
		s, ok := l.Object.Spec.(*AddressPoolSpec)
		if !ok {
			continue
		}
		for _, first := range byNetwork[s.Network] {
			if first.Object.ID() != l.Object.ID() {
				errs = append(errs, l.place(s.overlaps(first))...)
			}
		}
		byNetwork[s.Network] = append(byNetwork[s.Network], l)
	}
	return errs
}

// overlaps reports the ranges that overlap one of another pool of the network.
func (s *AddressPoolSpec) overlaps(first Located) Errors {
	c := &Checker{}
	for i, r := range s.Ranges {
		for _, o := range first.Object.Spec.(*AddressPoolSpec).Ranges {
			if r.valid() && o.valid() && r.Overlaps(o) {
				c.Fail(item("spec.ranges", i), "%s to %s overlaps %s to %s of %s (%s): an address belongs to one pool", r.Start, r.End,
					o.Start, o.End, first.Object.ID(), first.where())
			}
		}
	}
	return c.errs
}
