package limits

import (
	"net/netip"

	"weft/model"
)

// vlan is the VLAN of the n-th network: the first is 1, the second 4094.
func vlan(n int) uint16 {
	if n%2 == 0 {
		return uint16(1 + n)
	}
	return uint16(model.MaxVLAN - n + 1)
}

// Networks of one family.
const onlyIPv6, onlyIPv4 = 2, 3

// oddBlocks are the blocks of one network. Some software treats them as special, and validation does not.
var oddBlocks = []string{"1.0.0.0/24", "64:ff9b::/96", "100.64.0.0/24", "64:ff9b:1::/48", "126.255.255.0/24", "100::/64", "128.0.0.0/24", "2002:c0a8:101::/64",
	"192.0.0.0/24", "fec0::/64", "192.0.2.0/24", "0:0:0:1::/64", "192.88.99.0/24", "2001::/32", "198.18.0.0/24", "::ffff:0:0:0/96",
	"203.0.113.0/24", "::1:0:0:0/96", "223.255.255.0/24", "5f00::/64", "169.253.255.0/24", "fdff:ffff:ffff:ffff::/64", "169.255.0.0/24", "fc00::/64"}

// subnet is the i-th subnet of the n-th network. In most networks IPv4 and IPv6 alternate. The prefix lengths are used in turn.
func subnet(n, i int) model.Subnet {
	if n == 1 && i < len(oddBlocks) {
		p := model.Prefix{Prefix: netip.MustParsePrefix(oddBlocks[i])}
		return model.Subnet{CIDR: p, Gateway: nth(p, 1)}
	}
	var p netip.Prefix
	if v6 := i%2 == 1 && n != onlyIPv4 || n == onlyIPv6; !v6 {
		bits := []int{24, 25, 28, 29}[i/2%4]
		p = netip.PrefixFrom(netip.AddrFrom4([4]byte{byte(10 + n), byte(i), 255, 255}), bits).Masked()
	} else {
		bits := []int{64, 48, 119, 126}[i/2%4]
		p = netip.PrefixFrom(netip.AddrFrom16([16]byte{0x20, 1, byte(n), 0xff, byte(i), 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}), bits).Masked()
	}
	if n == 0 && i < 2 { // the largest blocks that are allowed
		p = netip.PrefixFrom([]netip.Addr{netip.MustParseAddr("200.0.0.0"), netip.MustParseAddr("3f00::")}[i], 8)
	}
	return model.Subnet{CIDR: model.Prefix{Prefix: p}, Gateway: nth(model.Prefix{Prefix: p}, 1)}
}

// external is an external network. No other network has its VLAN.
func (r *region) external(name string, n int, x *model.External) {
	x.ConnectionLimits = model.ConnectionLimits{PerRouter: model.MaxRouterConnections, PerDestination: model.MaxDestinationConnections,
		NewPerSecond: model.MaxNewConnections}
	s := &model.NetworkSpec{Type: model.NetworkTypeVLAN, PhysicalNetwork: physicalName(0), SegmentationID: vlan(n), External: x}
	for i := range model.MaxSubnets {
		s.Subnets = append(s.Subnets, subnet(n, i))
	}
	p := s.Subnets[0].CIDR // a /24
	for i := range model.MaxPools {
		pool := model.AllocationPool{Start: nth(p, 10+4*i), End: nth(p, 13+4*i)}
		if i%2 == 1 {
			pool.Name = longLabel
		}
		s.Subnets[0].AllocationPools = append(s.Subnets[0].AllocationPools, pool)
	}
	r.declare(operator, name, s)
}

// routedBlocks are the greatest number of blocks that an external network may have. They have every length that an IPv6 subnet may have
// or be part of.
func routedBlocks() (list []model.RoutedPrefix) {
	for i := range model.MaxRoutedPrefixes {
		a := netip.AddrFrom16([16]byte{0x24, byte(i), 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff})
		list = append(list, model.RoutedPrefix{CIDR: model.Prefix{Prefix: netip.PrefixFrom(a, 65+i).Masked()}, Projects: []string{operator, longLabel, project}})
	}
	return append(list[1:], model.RoutedPrefix{CIDR: model.Prefix{Prefix: netip.MustParsePrefix("::/0")}, Projects: []string{project}})
}

// network is one of the project's networks, with every option that guests can get.
func (r *region) network(n, subnets int) {
	s := &model.NetworkSpec{Type: model.NetworkTypeVLAN, PhysicalNetwork: physicalName(0), SegmentationID: vlan(n)}
	for i := range subnets {
		s.Subnets = append(s.Subnets, subnet(n, i))
	}
	s.MTU = []int{model.MinMTUv6, 0}[n%2]
	s.DHCP = model.DHCP{Domain: longDomain, LeaseTime: model.Duration{Duration: model.MaxLeaseTime}}
	for i := range model.MaxServers {
		s.DHCP.DNSServers = append(s.DHCP.DNSServers, nth(block(210, 24, i%2 == 0), i+1))
		s.DHCP.NTPServers = append(s.DHCP.NTPServers, nth(block(211, 24, i%2 == 1), i+1))
	}
	for i := range model.MaxRoutes {
		if n == onlyIPv6 {
			break
		}
		bits := []int{0, 8, 31, 32, 25}[min(i, 4)]
		s.DHCP.Routes = append(s.DHCP.Routes, model.Route{Destination: block(180+i, bits, false), NextHop: nth(s.Subnets[0].CIDR, 4)})
	}
	r.declare(project, networkName(n), s)
}

// small are networks with the smallest MTUs: one that only carries frames, and one of IPv4.
func (r *region) small() {
	cidr := model.Prefix{Prefix: netip.MustParsePrefix("172.31.255.248/29")}
	for i, subnets := range [][]model.Subnet{nil, {{CIDR: cidr, Gateway: nth(cidr, 6), DHCPServer: nth(cidr, 5)}}} {
		name := []string{"frames", "small"}[i]
		r.declare(project, name, &model.NetworkSpec{Type: model.NetworkTypeVLAN, PhysicalNetwork: physicalName(1 + i), SegmentationID: model.MaxVLAN,
			Subnets: subnets, DHCP: model.DHCP{Domain: longDomain}})
		r.declare(project, name, &model.PortSpec{Network: name, Host: here, Device: oddName(50 + i), Hostname: longDomain})
	}
}
