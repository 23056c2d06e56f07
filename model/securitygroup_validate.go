package model

import "slices"

// Validate implements Spec.
func (s *SecurityGroupSpec) Validate(c *Checker) {
	c.description("spec.description", s.Description)
	rules := s.Rules[:c.atMost("spec.rules", len(s.Rules), MaxSecurityGroupRules)]
	var remote []string
	for i, r := range rules {
		at := item("spec.rules", i)
		r.validate(c, at)
		for j, other := range rules[:i] {
			if r.same(other) {
				c.Fail(at, "allows what spec.rules[%d] allows: keep one", j)
				break
			}
		}
		if r.RemoteGroup == "" || slices.Contains(remote, r.RemoteGroup) {
			continue
		}
		if remote = append(remote, r.RemoteGroup); len(remote) == MaxRemoteGroups+1 {
			c.Fail(at+".remoteGroup", "is the %dth group that the rules name, and a host looks into at most %d for each packet: use addresses, or put the ports into fewer groups",
				len(remote), MaxRemoteGroups)
		}
	}
}

func (r SecurityGroupRule) validate(c *Checker, at string) {
	c.description(at+".description", r.Description)
	switch r.Direction {
	case DirectionIngress, DirectionEgress:
	case "":
		c.Fail(at+".direction", "is missing: write %s or %s", DirectionIngress, DirectionEgress)
	default:
		c.Fail(at+".direction", "%s is not known: write %s or %s", quote(string(r.Direction)), DirectionIngress, DirectionEgress)
	}
	if r.Family != "" && r.Family != FamilyIPv4 && r.Family != FamilyIPv6 {
		c.Fail(at+".family", "%s is not known: write %s or %s, or leave it out for both", quote(string(r.Family)), FamilyIPv4, FamilyIPv6)
		return
	}
	if r.validateProtocol(c, at) {
		r.validateICMP(c, at)
	}
	r.validateRemote(c, at)
}

// validateProtocol checks the protocol and the ports.
func (r SecurityGroupRule) validateProtocol(c *Checker, at string) bool {
	p := r.Protocol
	switch {
	case p != "" && p.Number() == 0:
		c.Fail(at+".protocol", "%s is not known: write tcp, udp, sctp, icmp, icmpv6, or the number of another protocol from 1 to 255", quote(string(p)))
		return false
	case p != "" && nameOf(p.Number()) != "" && nameOf(p.Number()) != p:
		c.Fail(at+".protocol", "%s has a name: write %s", p, nameOf(p.Number()))
		return false
	case p == IPProtocolICMP && r.Family == FamilyIPv6:
		c.Fail(at+".protocol", "icmp is a protocol of IPv4: write icmpv6, or family IPv4")
		return false
	case p == IPProtocolICMPv6 && r.Family == FamilyIPv4:
		c.Fail(at+".protocol", "icmpv6 is a protocol of IPv6: write icmp, or family IPv6")
		return false
	}
	if r.Port != (PortRange{}) && !p.HasPorts() {
		c.Fail(at+".port", "needs a protocol with ports: write tcp, udp or sctp as protocol, or remove the field")
	}
	return true
}

// nameOf is the name of the protocol; empty when it has none here.
func nameOf(number uint8) IPProtocol {
	for _, p := range []IPProtocol{IPProtocolTCP, IPProtocolUDP, IPProtocolSCTP, IPProtocolICMP, IPProtocolICMPv6} {
		if number != 0 && p.Number() == number {
			return p
		}
	}
	return ""
}

func (r SecurityGroupRule) validateICMP(c *Checker, at string) {
	switch {
	case r.ICMPType != nil && !r.Protocol.IsICMP():
		c.Fail(at+".icmpType", "needs protocol icmp or icmpv6: write it, or remove the field")
	case r.ICMPCode != nil && !r.Protocol.IsICMP():
		c.Fail(at+".icmpCode", "needs protocol icmp or icmpv6: write it, or remove the field")
	case r.ICMPCode != nil && r.ICMPType == nil:
		c.Fail(at+".icmpCode", "needs icmpType: write it, or remove the field")
	case r.Protocol == IPProtocolICMPv6 && r.ICMPType != nil && 133 <= *r.ICMPType && *r.ICMPType <= 137:
		c.Fail(at+".icmpType", "%d is of neighbour discovery, which Weft decides itself: remove the rule", *r.ICMPType)
	}
}

func (r SecurityGroupRule) validateRemote(c *Checker, at string) {
	if r.RemoteGroup != "" {
		c.name(at+".remoteGroup", r.RemoteGroup)
	}
	if !r.RemoteCIDR.IsValid() {
		return
	}
	addr := r.RemoteCIDR.Addr()
	switch {
	case r.RemoteGroup != "":
		c.Fail(at+".remoteGroup", "cannot stand beside remoteCIDR: write two rules")
	case !r.Family.Of(addr):
		c.Fail(at+".remoteCIDR", "%s is no prefix of %s: use the other family, or another prefix", r.RemoteCIDR, r.Family)
	case r.Protocol == IPProtocolICMP && !addr.Is4(), r.Protocol == IPProtocolICMPv6 && !addr.Is6():
		c.Fail(at+".remoteCIDR", "%s is of another family than %s: use the other protocol, or another prefix", r.RemoteCIDR, r.Protocol)
	}
}

// same says that two rules allow the same.
func (r SecurityGroupRule) same(o SecurityGroupRule) bool {
	return r.Direction == o.Direction && slices.Equal(r.Families(), o.Families()) && r.Protocol == o.Protocol && r.Port == o.Port &&
		equal(r.ICMPType, o.ICMPType) && equal(r.ICMPCode, o.ICMPCode) && r.RemoteCIDR == o.RemoteCIDR && r.RemoteGroup == o.RemoteGroup
}

func equal(a, b *uint8) bool { return a == b || a != nil && b != nil && *a == *b }

// ValidateRefs implements Spec.
func (*SecurityGroupSpec) ValidateRefs(*RefChecker) {}
