package limits

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"

	"weft/model"
)

// Of everything as much as model accepts of it.
const (
	centralNetworks = 2  // of the second router
	routedNetworks  = 4  // of the third
	wholeForwards   = 16 // of 1,024 ports each
)

// region is declared object by object: what the door refuses of it is an error of the test.
type region struct {
	t       T
	objects []model.Object
}

// Most is a host that has as much of everything as one object of each kind may have of it, under the longest and oddest names, but
// for a router's networks, which are so many (two at least). The controllers accept all of it.
func Most(t T, driver model.Driver, networks int) Host {
	t.Helper()
	objects := MostIntent(t, driver, networks)
	h := Host{Driver: driver, Offered: len(objects)}
	h.Slice = resolve(t, objects, &h)
	if h.Accepted != h.Offered {
		t.Fatalf("only %d of %d objects were accepted:\n%s", h.Accepted, h.Offered, h.Text)
	}
	h.compile(t, h.Slice, facts(h.Slice, "netdev"))
	return h
}

// MostIntent is the intent of Most.
func MostIntent(t T, driver model.Driver, networks int) []model.Object {
	t.Helper()
	r := &region{t: t}
	r.declare("", project, &model.ProjectSpec{})
	r.declare("", operator, &model.ProjectSpec{})
	r.underlay(driver)
	r.external("outside", 60, &model.External{})
	r.external("routed", 70, &model.External{IPv6: model.ExternalIPv6Routed, RoutedPrefixes: routedBlocks()})
	for i := range networks + centralNetworks + routedNetworks {
		subnets := model.MaxSubnets
		if i >= networks+centralNetworks { // where IPv6 is routed a router may have so many prefixes
			subnets = 2 * model.MaxRouterPrefixes / routedNetworks
		}
		r.network(i, subnets)
		r.port(i)
	}
	r.router("distributed", "outside", model.GatewayDistributed, 0, networks)
	r.router("central", "outside", model.GatewayCentralized, networks, centralNetworks)
	r.router("routed", "routed", model.GatewayDistributed, networks+centralNetworks, routedNetworks)
	r.floating()
	return r.objects
}

// declare offers an object to the door, which has to take it.
func (r *region) declare(project, name string, spec model.Spec) {
	r.t.Helper()
	o := model.Object{APIVersion: model.APIVersion, Kind: spec.Kind(), Metadata: model.Metadata{Project: project, Name: name,
		DisplayName: strings.Repeat("ü", model.MaxDisplayName/2)}, Spec: spec}
	data, err := json.Marshal(o)
	if err != nil {
		r.t.Fatal(err)
	}
	read, err := model.DecodeIntent(o.ID(), data)
	if err != nil {
		r.t.Fatal(err)
	}
	r.objects = append(r.objects, read)
}

// oddName is a device name of 15 bytes; those of all n together have every character that a device name may have.
func oddName(n int) string {
	var allowed []byte
	for c := byte('!'); c <= '~'; c++ {
		if !strings.ContainsRune("/:%*\\\"'", rune(c)) {
			allowed = append(allowed, c)
		}
	}
	name := []byte{'z', byte('a' + n/26), byte('a' + n%26)} // distinct, and nobody's prefix
	for i := range 15 - len(name) {
		name = append(name, allowed[(n*(15-len(name))+i)%len(allowed)])
	}
	return string(name[:15])
}

func physicalName(i int) string { return fmt.Sprintf("%s-%02d", longLabel[:60], i) }

// underlay is one host with all uplinks there may be, a second gateway host, and as many physical networks, of which the
// first carries everything.
func (r *region) underlay(driver model.Driver) {
	s := &model.HostSpec{Driver: driver}
	if driver == model.DriverOVS {
		s.Roles, s.Bridge = []model.HostRole{model.RoleGateway}, oddName(60)
	}
	mtus := []int{model.MaxMTU, model.MinMTU, model.MinMTUv4, model.MinMTUv6}
	for i := range model.MaxUplinks {
		p := &model.PhysicalNetworkSpec{MTU: mtus[i%len(mtus)]}
		for v := range model.MaxVLANRanges - 1 {
			p.VLANRanges = append(p.VLANRanges, model.VLANRange{Minimum: uint16(1 + 2*v), Maximum: uint16(1 + 2*v)})
		}
		p.VLANRanges = append(p.VLANRanges, model.VLANRange{Minimum: model.MaxVLAN - 100, Maximum: model.MaxVLAN})
		r.declare("", physicalName(i), p)
		s.PhysicalNetworks = append(s.PhysicalNetworks, model.HostPhysicalNetwork{Name: physicalName(i), Interface: oddName(i)})
	}
	r.declare("", here, s)
	r.declare("", peer, &model.HostSpec{Roles: []model.HostRole{model.RoleGateway},
		PhysicalNetworks: []model.HostPhysicalNetwork{{Name: physicalName(0), Interface: oddName(0)}}})
}

// vlan is the VLAN of the n-th network: the first is 1, the second 4094.
func vlan(n int) uint16 {
	if n%2 == 0 {
		return uint16(1 + n)
	}
	return uint16(model.MaxVLAN - n + 1)
}

// oddBlocks are those that some software takes for special and the door does not: of one network.
var oddBlocks = []string{"1.0.0.0/24", "64:ff9b::/96", "100.64.0.0/24", "64:ff9b:1::/48", "126.255.255.0/24", "100::/64", "128.0.0.0/24", "2002:c0a8:101::/64",
	"192.0.0.0/24", "fec0::/64", "192.0.2.0/24", "0:0:0:1::/64", "192.88.99.0/24", "2001::/32", "198.18.0.0/24", "::ffff:0:0:0/96",
	"203.0.113.0/24", "::1:0:0:0/96", "223.255.255.0/24", "5f00::/64", "169.253.255.0/24", "fdff:ffff:ffff:ffff::/64", "169.255.0.0/24", "fc00::/64"}

// subnet is the i-th of the n-th network, one after the other of either family, with each of the lengths in turn.
func subnet(n, i int) model.Subnet {
	if n == 1 && i < len(oddBlocks) {
		p := model.Prefix{Prefix: netip.MustParsePrefix(oddBlocks[i])}
		return model.Subnet{CIDR: p, Gateway: nth(p, 1)}
	}
	var p netip.Prefix
	if i%2 == 0 {
		bits := []int{24, 25, 28, 29}[i/2%4]
		p = netip.PrefixFrom(netip.AddrFrom4([4]byte{byte(10 + n), byte(i), 255, 255}), bits).Masked()
	} else {
		bits := []int{64, 48, 119, 126}[i/2%4]
		p = netip.PrefixFrom(netip.AddrFrom16([16]byte{0x20, 1, byte(n), 0xff, byte(i), 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}), bits).Masked()
	}
	if n == 0 && i < 2 { // the largest there are
		p = netip.PrefixFrom([]netip.Addr{netip.MustParseAddr("200.0.0.0"), netip.MustParseAddr("3f00::")}[i], 8)
	}
	return model.Subnet{CIDR: model.Prefix{Prefix: p}, Gateway: nth(model.Prefix{Prefix: p}, 1)}
}

// external is an external network; its VLAN is free of those of vlan.
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

// routedBlocks are as many blocks as an external network may have, of every length that an IPv6 subnet may have or lie in.
func routedBlocks() (list []model.RoutedPrefix) {
	for i := range model.MaxRoutedPrefixes {
		a := netip.AddrFrom16([16]byte{0x24, byte(i), 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff})
		list = append(list, model.RoutedPrefix{CIDR: model.Prefix{Prefix: netip.PrefixFrom(a, 65+i).Masked()}, Projects: []string{operator, longLabel, project}})
	}
	return append(list[1:], model.RoutedPrefix{CIDR: model.Prefix{Prefix: netip.MustParsePrefix("::/0")}, Projects: []string{project}})
}

// network is one of the project's, with all that guests can be told.
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
		bits := []int{0, 8, 31, 32, 25}[min(i, 4)]
		s.DHCP.Routes = append(s.DHCP.Routes, model.Route{Destination: block(180+i, bits, false), NextHop: nth(s.Subnets[0].CIDR, 4)})
	}
	r.declare(project, networkName(n), s)
}

func (r *region) port(n int) {
	s := &model.PortSpec{Network: networkName(n), Host: here, Device: oddName(model.MaxUplinks + n), Hostname: longDomain,
		InterfaceID: strings.Repeat("_", 62) + fmt.Sprintf("%02d", n), MAC: model.MAC{0xfe, 0xff, 0xff, 0xff, 0xff, byte(n)}}
	for i := range model.MaxPortAddresses {
		sub := subnet(n, i%2)
		if n == 1 {
			sub = subnet(n, i)
		}
		s.Addresses = append(s.Addresses, nth(sub.CIDR, 20+i))
	}
	r.declare(project, fmt.Sprint("port-", n), s)
}

func (r *region) router(name, external string, mode model.GatewayMode, first, networks int) {
	s := &model.RouterSpec{Gateway: mode, ExternalNetwork: operator + "/" + external}
	for i := range networks {
		s.Networks = append(s.Networks, networkName(first+i))
	}
	r.declare(project, name, s)
}

// floating leads to the first port whole for each of its addresses, and to the second in every transport port that may be forwarded.
func (r *region) floating() {
	network := operator + "/outside"
	for i := range model.MaxPortAddresses {
		r.declare(project, fmt.Sprint("whole-", i), &model.FloatingIPSpec{Network: network, Port: "port-0",
			FixedAddress: nth(subnet(0, i%2).CIDR, 20+i), Address: nth(subnet(60, 2+i%2).CIDR, 20+i)})
	}
	for n, shape := range [][2]int{{model.MaxPortForwards, model.MaxForwardedTotal / model.MaxPortForwards}, {wholeForwards, model.MaxForwardedPorts}} {
		s := &model.FloatingIPSpec{Network: network, Pool: []string{"", longLabel}[n]}
		for i := range shape[0] {
			first := 65536 - (i+1)*shape[1]
			s.PortForwards = append(s.PortForwards, model.PortForward{Protocol: []model.Protocol{model.ProtocolTCP, model.ProtocolUDP}[i%2],
				Port: model.PortRange{First: uint16(first), Last: uint16(first + shape[1] - 1)}, ToPort: uint16(65536 - shape[1]), Target: "port-1"})
		}
		r.declare(project, fmt.Sprint("forwards-", n), s)
	}
}
