package model

import "fmt"

// AddressPair is one pair of addresses and a MAC that a guest may use besides its own, as source and in ARP and ND: an address that moves
// between guests (VRRP, RFC 9568), or what is behind a guest that routes. Neutron calls it an allowed address pair.
type AddressPair struct {
	// Address is one address or a prefix. In a subnet of the network, no other port is given an address of it. Several ports of the network
	// may have the same.
	Address AddressBlock `json:"address"`
	// MAC is the source with which the guest uses the addresses; the port's own when it is not set. With VRRP it may be the virtual
	// router's MAC, such as 00:00:5e:00:01:33 (RFC 9568 7.3).
	MAC MAC `json:"mac,omitzero"`
}

// MaxAddressPairs bounds the pairs of a port. Neutron has the same bound (max_allowed_address_pair).
const MaxAddressPairs = 10

// validatePairs checks the pairs of a port without looking at its network.
func (s *PortSpec) validatePairs(c *Checker) {
	const at = "spec.allowedAddressPairs"
	seen := make(map[AddressPair]int)
	for i, p := range s.AllowedAddressPairs[:c.atMost(at, len(s.AllowedAddressPairs), MaxAddressPairs)] {
		field := fmt.Sprintf("%s[%d]", at, i)
		c.weftMAC(field+".mac", p.MAC)
		if !c.pairAddress(field+".address", p.Address) {
			continue
		}
		if p.MAC == s.MAC {
			p.MAC = MAC{} // the same as none
		}
		if first, ok := seen[p]; ok {
			c.Fail(field, "%s is given already by %s[%d] with the same MAC: keep one", p.Address, at, first)
			continue
		}
		seen[p] = i
	}
}

// pairAddress checks that a block is set, and that guests may have its addresses.
func (c *Checker) pairAddress(field string, b AddressBlock) bool {
	if !b.IsValid() {
		c.Fail(field, "is missing: give an address or a prefix")
		return false
	}
	if b.Bits() == 0 {
		c.Fail(field, "%s would allow every address: name the prefixes that are behind the guest", b)
		return false
	}
	if what := specialBlock(b.Prefix); what != "" {
		verb := "is"
		if !b.IsSingleIP() {
			verb = "overlaps what is"
		}
		c.Fail(field, "%s %s %s: use unicast addresses", b, verb, what)
		return false
	}
	return true
}

// validatePairRefs checks a port's pairs together with its network. What others have claimed is checked by the claims.
func (s *PortSpec) validatePairRefs(c *RefChecker, n *NetworkSpec) {
	for i, p := range s.AllowedAddressPairs {
		at, b := fmt.Sprintf("spec.allowedAddressPairs[%d].address", i), p.Address
		if !b.IsValid() {
			continue
		}
		network := s.NetworkID(c.id.Project).Name
		if b.Addr().Is4() && !n.hasIPv4() || b.Addr().Is6() && !n.hasIPv6() {
			c.Fail(at, "%s is of a family of which Network %s has no subnet: use an address of the other family, or add a subnet", b, network)
			continue
		}
		for _, sub := range n.Subnets {
			if b.avoids(c, at, sub) && b.IsSingleIP() && sub.CIDR.Contains(b.Addr()) {
				sub.host(&c.Checker, at, Address{b.Addr()})
			}
		}
	}
}

// avoids reports a block that has one of the subnet's own addresses.
func (b AddressBlock) avoids(c *RefChecker, at string, sub Subnet) bool {
	for _, own := range []struct {
		address Address
		what    string
	}{{sub.ReservedGateway(), "the gateway"}, {sub.DHCPServer, "the DHCP server"}} {
		if own.address.IsValid() && b.Contains(own.address.Addr) {
			c.Fail(at, "%s has %s, which is %s of %s: no guest may use it; use other addresses", b, own.address, own.what, sub.CIDR)
			return false
		}
	}
	return true
}
