package model

import (
	"fmt"
	"net/netip"
)

// The smallest blocks that have room for a gateway, a DHCP server (IPv4) and a guest, besides the reserved addresses of the
// network.
const (
	maxBitsIPv4 = 29
	maxBitsIPv6 = 126
	minBits     = 8
)

func (s Subnet) validate(c *Checker, at string) {
	if !s.CIDR.IsValid() {
		c.Fail(at+".cidr", "is missing: give the subnet's network in CIDR notation")
		return
	}
	maxBits := maxBitsIPv4
	if s.CIDR.Addr().Is6() {
		maxBits = maxBitsIPv6
	}
	switch what := specialBlock(s.CIDR.Prefix); {
	case s.CIDR.Bits() < minBits || s.CIDR.Bits() > maxBits:
		c.Fail(at+".cidr", "%s has a length of %d: use /%d to /%d, which leaves room for a gateway, a DHCP server and guests",
			s.CIDR, s.CIDR.Bits(), minBits, maxBits)
		return
	case what != "":
		c.Fail(at+".cidr", "%s touches %s: use a unicast block", s.CIDR, what)
		return
	}
	if s.Gateway.IsValid() {
		s.host(c, at+".gateway", s.Gateway)
	}
	s.server(c, at+".dhcpServer")
	s.pools(c, at+".allocationPools")
}

func (s Subnet) server(c *Checker, at string) {
	switch {
	case !s.DHCPServer.IsValid():
	case s.CIDR.Addr().Is6():
		c.Fail(at, "is for IPv4 subnets: DHCPv6 servers go by a link-local address; remove the field")
	case s.DHCPServer == s.Gateway:
		c.Fail(at, "%s is the gateway: the DHCP server needs an address of its own", s.DHCPServer)
	case s.DHCPServer == s.ReservedGateway():
		c.Fail(at, "%s is kept free for a gateway: choose another address, or name another gateway", s.DHCPServer)
	default:
		s.host(c, at, s.DHCPServer)
	}
}

// host checks that the address can be that of a machine on the subnet. It only considers the block.
func (s Subnet) host(c *Checker, at string, a Address) bool {
	switch {
	case !s.CIDR.Contains(a.Addr):
		c.Fail(at, "%s is not in %s", a, s.CIDR)
	case a.Addr == s.CIDR.Addr() && a.Is6():
		c.Fail(at, "%s is the subnet-router anycast address of %s (RFC 4291): use another", a, s.CIDR)
	case a.Addr == s.CIDR.Addr():
		c.Fail(at, "%s is the network address of %s: use another", a, s.CIDR)
	case a.Is4() && a.Addr == s.last():
		c.Fail(at, "%s is the broadcast address of %s: use another", a, s.CIDR)
	default:
		return true
	}
	return false
}

func (s Subnet) pools(c *Checker, field string) {
	pools := s.AllocationPools[:c.atMost(field, len(s.AllocationPools), MaxPools)]
	for i, p := range pools {
		at := fmt.Sprintf("%s[%d]", field, i)
		if p.Name != "" {
			c.name(at+".name", p.Name)
		}
		if !s.poolEnd(c, at+".start", p.Start) || !s.poolEnd(c, at+".end", p.End) {
			continue
		}
		if p.End.Less(p.Start.Addr) {
			c.Fail(at, "start %s is above end %s: exchange them", p.Start, p.End)
			continue
		}
		for j, o := range pools[:i] {
			if o.Start.IsValid() && o.End.IsValid() && !p.End.Less(o.Start.Addr) && !o.End.Less(p.Start.Addr) {
				c.Fail(at, "%s to %s overlaps %s[%d] (%s to %s): separate or join them", p.Start, p.End, field, j, o.Start, o.End)
			}
		}
	}
}

func (s Subnet) poolEnd(c *Checker, at string, a Address) bool {
	if !a.IsValid() {
		c.Fail(at, "is missing: give an address of %s", s.CIDR)
		return false
	}
	return s.host(c, at, a)
}

// ReservedGateway is the address that no guest gets, because a router has it or may get it: the declared gateway, otherwise the
// block's first host address. The subnet must be valid.
func (s Subnet) ReservedGateway() Address {
	if s.Gateway.IsValid() {
		return s.Gateway
	}
	return Address{s.CIDR.Addr().Next()}
}

// last is the highest address of the block. For IPv4 this is its broadcast address.
func (s Subnet) last() netip.Addr {
	b := s.CIDR.Addr().AsSlice()
	for bit := s.CIDR.Bits(); bit < len(b)*8; bit++ {
		b[bit/8] |= 0x80 >> (bit % 8)
	}
	a, _ := netip.AddrFromSlice(b)
	return a
}
