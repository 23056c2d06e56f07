package model

import (
	"fmt"
	"net/netip"
)

// minBits is the length of the largest blocks. The smallest are single addresses.
const minBits = 8

func (s Subnet) validate(c *Checker, at string) {
	if !s.CIDR.IsValid() {
		c.Fail(at+".cidr", "is missing: give the subnet's network in CIDR notation")
		return
	}
	switch what := specialBlock(s.CIDR.Prefix); {
	case s.CIDR.Bits() < minBits:
		c.Fail(at+".cidr", "%s has a length of %d: use /%d to /%d", s.CIDR, s.CIDR.Bits(), minBits, s.CIDR.Addr().BitLen())
		return
	case what != "":
		c.Fail(at+".cidr", "%s touches %s: use a unicast block", s.CIDR, what)
		return
	}
	s.gateway(c, at+".gateway")
	s.server(c, at+".dhcpServer")
	s.pools(c, at+".allocationPools")
}

// gateway checks the address of the router. It may be outside of the block: then guests reach it on the link.
func (s Subnet) gateway(c *Checker, at string) {
	switch g := s.Gateway; {
	case !g.IsValid():
	case s.CIDR.Contains(g.Addr):
		s.host(c, at, g)
	case g.Is4() != s.CIDR.Addr().Is4():
		c.Fail(at, "%s is not of the family of %s: name a router of that family", g, s.CIDR)
	case g == ServiceIPv4, g == ServiceIPv6:
		c.Fail(at, "%s is where Weft's own servers answer guests: use the router's address", g)
	case g.IsLinkLocalUnicast():
	case g.Is6():
		c.Fail(at, "%s is outside of %s: guests learn such a router only by its link-local address (RFC 4861); name that (fe80::…)", g, s.CIDR)
	default:
		c.unicast(at, g)
	}
}

func (s Subnet) server(c *Checker, at string) {
	switch {
	case !s.DHCPServer.IsValid():
	case s.CIDR.Addr().Is6():
		c.Fail(at, "is for IPv4 subnets: DHCPv6 servers go by a link-local address; remove the field")
	case s.DHCPServer == s.Gateway:
		c.Fail(at, "%s is the gateway: the DHCP server needs an address of its own", s.DHCPServer)
	case s.DHCPServer == ServiceIPv4:
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
	case s.isWhole():
		return true
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
// block's first host address. A block of one or two addresses without a declared gateway has none: the zero Address. The subnet must be
// valid.
func (s Subnet) ReservedGateway() Address {
	if s.Gateway.IsValid() || s.isWhole() {
		return s.Gateway
	}
	return Address{s.CIDR.Addr().Next()}
}

// OnLinkGateway says that the gateway is outside of the block, and that guests reach it on the link all the same.
func (s Subnet) OnLinkGateway() bool { return s.Gateway.IsValid() && !s.CIDR.Contains(s.Gateway.Addr) }

// ServerOutside says that the DHCP server of the subnet has the address ServiceIPv4: because the subnet declares it, or because an IPv4
// block of at most four addresses has no room for one of its own and declares none. A subnet whose pools all have names has no server.
func (s Subnet) ServerOutside() bool {
	if s.DHCPServer.IsValid() {
		return s.DHCPServer == ServiceIPv4
	}
	return s.CIDR.Addr().Is4() && s.CIDR.Bits() >= 30 && (len(s.AllocationPools) == 0 || len(s.Pools("")) > 0)
}

// Hosts are the first and the last address of the block that a machine can have. A block of one or two addresses is used whole: it is a
// single address or a point-to-point link (RFC 3021, RFC 6164).
func (s Subnet) Hosts() (first, last netip.Addr) {
	first, last = s.CIDR.Addr(), s.last()
	if s.isWhole() {
		return first, last
	}
	if last.Is4() {
		last = last.Prev() // the broadcast address
	}
	return first.Next(), last
}

// isWhole says that the block has no network, broadcast or anycast address.
func (s Subnet) isWhole() bool { return s.CIDR.Bits() >= s.CIDR.Addr().BitLen()-1 }

// last is the highest address of the block. For IPv4 this is its broadcast address, unless the block is used whole.
func (s Subnet) last() netip.Addr {
	b := s.CIDR.Addr().AsSlice()
	for bit := s.CIDR.Bits(); bit < len(b)*8; bit++ {
		b[bit/8] |= 0x80 >> (bit % 8)
	}
	a, _ := netip.AddrFromSlice(b)
	return a
}
