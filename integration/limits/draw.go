// Package limits draws intent at the limits of what model accepts, and brings it to a host as controllers and weftd do.
// What model accepts, every driver must be able to do; otherwise model is wrong. The drivers' tests check these objects with
// the drivers' own checks.
package limits

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"

	"pgregory.net/rapid"

	"weft/model"
)

// Names of the greatest length allowed.
var (
	longLabel  = strings.Repeat("a", 63)
	longDomain = longLabel + "." + longLabel + "." + longLabel + "." + longLabel[:61]
)

const (
	project  = "alpha"
	operator = "operator"
	here     = "h1" // the host for which the objects are compiled
	peer     = "h2" // another gateway host
)

// intent is what was drawn. Each object is validated by itself (model.DecodeIntent), and is kept only if it is valid.
type intent struct {
	t       *rapid.T
	objects []model.Object
	offered int
	mtu     int // of the physical network
	filters bool
}

// offer declares an object as text, as a user does. If validation refuses it, offer declares the plain one, so that references to it
// still have an object. A nil plain means none.
func (in *intent) offer(project, name string, spec, plain model.Spec) {
	o := model.Object{APIVersion: model.APIVersion, Kind: spec.Kind(), Metadata: model.Metadata{Project: project, Name: name}, Spec: spec}
	data, err := json.Marshal(o)
	if err != nil {
		in.t.Fatal(err)
	}
	in.offered++
	read, err := model.DecodeIntent(o.ID(), data)
	switch {
	case err == nil:
		in.objects = append(in.objects, read)
	case plain != nil:
		in.offer(project, name, plain, nil)
	}
}

// drawIntent draws a region with one host of the driver that has everything, and another gateway host.
func drawIntent(t *rapid.T, driver model.Driver) *intent {
	in := &intent{t: t, mtu: rapid.SampledFrom([]int{model.MaxMTU, 9000, model.DefaultMTU, model.MinMTUv6, model.MinMTUv4}).Draw(t, "physical MTU")}
	in.offer("", project, &model.ProjectSpec{}, nil)
	in.offer("", operator, &model.ProjectSpec{}, nil)
	in.offer("", longLabel, &model.PhysicalNetworkSpec{VLANRanges: []model.VLANRange{{Minimum: 1, Maximum: model.MaxVLAN}}, MTU: in.mtu}, nil)
	if in.filters = rapid.Bool().Draw(t, "filters"); in.filters {
		in.offer(project, groupName(0), &model.SecurityGroupSpec{Rules: []model.SecurityGroupRule{
			{Direction: model.DirectionIngress, RemoteGroup: groupName(0)}, {Direction: model.DirectionIngress, RemoteGroup: groupName(1)},
			{Direction: model.DirectionEgress, Protocol: model.IPProtocolSCTP, Port: model.PortRange{First: 1, Last: 65535}}}}, nil)
		in.offer(project, groupName(1), &model.SecurityGroupSpec{}, nil)
	}
	in.drawHost(here, driver)
	in.drawHost(peer, model.DriverOVS)
	in.drawNetwork("outside", 0, true)
	networks := rapid.SampledFrom([]int{1, 1, 2, 2, 3, 3, 3, model.MaxRouterNetworks}).Draw(t, "networks")
	for i := range networks {
		in.drawNetwork(networkName(i), i+1, false)
	}
	for i := range min(networks, 3) {
		in.drawPort(i)
	}
	in.drawRouter(networks)
	in.drawFloating()
	return in
}

// rarely is true when something is to be drawn that validation should refuse. It must be rare, because otherwise nothing would be
// accepted.
func (in *intent) rarely() bool { return rapid.IntRange(0, 63).Draw(in.t, "refused") == 37 }

// deviceName draws unusual names of devices. Most of them are accepted.
func deviceName(t *rapid.T, fallback string) string {
	return rapid.OneOf(rapid.Just(fallback), rapid.SampledFrom([]string{"vxlan_sys_4789", "gre_sys", "ovs-netdev", "tap*"}), rapid.Just(fallback), rapid.StringMatching(`[a-z][!-~]{0,14}`), rapid.StringMatching(`[a-z0-9._=+#@?$&;,(){}\[\]<>|^~!-]{13,15}`)).Draw(t, "device")
}

func (in *intent) drawHost(name string, driver model.Driver) {
	s := &model.HostSpec{Driver: driver, PhysicalNetworks: []model.HostPhysicalNetwork{{Name: longLabel, Interface: deviceName(in.t, "eth1")}}}
	if driver == model.DriverOVS {
		s.Roles, s.Bridge = []model.HostRole{model.RoleGateway}, deviceName(in.t, "br-int")
	}
	for i := range rapid.SampledFrom([]int{0, 1, model.MaxHostServices}).Draw(in.t, "services") {
		s.Services = append(s.Services, hostService(i))
	}
	in.offer("", name, s, &model.HostSpec{Driver: driver, Roles: s.Roles,
		PhysicalNetworks: []model.HostPhysicalNetwork{{Name: longLabel, Interface: "eth1"}}})
}

// networkName is a network's name of the greatest length allowed.
func networkName(i int) string { return fmt.Sprint(longLabel[:60], "-", i) }

// block is the i-th block of a family, with at least 8 bits. No other block has its first byte.
func block(i, bits int, v6 bool) model.Prefix {
	a := netip.AddrFrom4([4]byte{byte(1 + i), 255, 255, 255})
	if v6 {
		a = netip.AddrFrom16([16]byte{byte(1 + i), 1, 0xd, 0xb8, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff})
	}
	return model.Prefix{Prefix: netip.PrefixFrom(a, bits).Masked()}
}

func (in *intent) drawSubnets(n, mtu int, external bool) (list []model.Subnet) {
	t := in.t
	least := 1
	if in.rarely() {
		least = 0
	}
	for i := range rapid.IntRange(least, 4).Draw(t, "subnets") {
		v6 := rapid.Bool().Draw(t, "IPv6") && (mtu >= model.MinMTUv6 || in.rarely())
		bits := rapid.SampledFrom([]int{8, 9, 17, 24, 28, 29})
		switch {
		case in.rarely():
			bits = rapid.SampledFrom([]int{7, 30, 31, 32})
		case v6:
			bits = rapid.SampledFrom([]int{8, 33, 64, 65, 96, 119, 126})
		}
		sub := model.Subnet{CIDR: block(4*n+i, bits.Draw(t, "bits"), v6)}
		if external || rapid.Bool().Draw(t, "gateway") {
			sub.Gateway = nth(sub.CIDR, 2)
		}
		if !v6 && !external && rapid.Bool().Draw(t, "server") {
			sub.DHCPServer = nth(sub.CIDR, 3)
		}
		if external && rapid.Bool().Draw(t, "pools") { // one pool is reserved for floating addresses
			sub.AllocationPools = []model.AllocationPool{{Name: longLabel, Start: nth(sub.CIDR, 3), End: nth(sub.CIDR, 3)},
				{Start: nth(sub.CIDR, 4), End: nth(sub.CIDR, 6)}}
		}
		list = append(list, sub)
	}
	return list
}

// nth is the n-th address of a block.
func nth(p model.Prefix, n int) model.Address {
	a := p.Addr()
	for range n {
		a = a.Next()
	}
	return model.Address{Addr: a}
}

func (in *intent) drawNetwork(name string, n int, external bool) {
	t := in.t
	mtu := rapid.SampledFrom([]int{0, in.mtu, min(in.mtu, model.MinMTUv6), min(in.mtu, model.MinMTUv6-1), model.MinMTUv4}).Draw(t, "MTU")
	if in.rarely() {
		mtu = rapid.SampledFrom([]int{model.MinMTU, model.MinMTU - 1, model.MaxMTU + 1}).Draw(t, "odd MTU")
	}
	s := &model.NetworkSpec{Type: model.NetworkTypeVLAN, PhysicalNetwork: longLabel, MTU: mtu,
		SegmentationID: rapid.SampledFrom([]uint16{0, uint16(n + 1), model.MaxVLAN - uint16(n)}).Draw(t, "VLAN"),
		Subnets:        in.drawSubnets(n, cmp.Or(mtu, in.mtu), external)}
	s.IsolateGuests = rapid.IntRange(0, 3).Draw(t, "isolated") == 0
	if external {
		s.External = in.drawExternal()
		if rapid.Bool().Draw(t, "flat") { // the physical network carries one
			s.Type, s.SegmentationID = model.NetworkTypeFlat, 0
		}
	}
	in.drawDHCP(s)
	plain := &model.NetworkSpec{Type: s.Type, PhysicalNetwork: longLabel,
		Subnets: []model.Subnet{{CIDR: block(4*n, 24, false), Gateway: nth(block(4*n, 24, false), 1)}}}
	if external {
		plain.External = &model.External{}
	}
	in.offer(networkProject(external), name, s, plain)
}

func networkProject(external bool) string {
	if external {
		return operator
	}
	return project
}

func (in *intent) drawExternal() *model.External {
	t := in.t
	routed := rapid.SampledFrom([]model.ExternalIPv6{"", model.ExternalIPv6Translate, model.ExternalIPv6Routed}).Draw(t, "external IPv6")
	l := rapid.SampledFrom([]model.ConnectionLimits{{}, {PerRouter: model.MinRouterConnections, PerDestination: 1, NewPerSecond: 1},
		{PerRouter: model.MaxRouterConnections, PerDestination: model.MaxDestinationConnections, NewPerSecond: model.MaxNewConnections}}).Draw(t, "limits")
	if in.rarely() {
		l.PerDestination = model.MaxDestinationConnections + 1
	}
	x := &model.External{ConnectionLimits: l, IPv6: routed}
	if x.Mode() == model.ExternalIPv6Routed && rapid.Bool().Draw(t, "blocks") {
		x.RoutedPrefixes = routedBlocks()
	}
	return x
}

func (in *intent) drawDHCP(s *model.NetworkSpec) {
	t := in.t
	s.DHCP.Domain = rapid.SampledFrom([]string{"", longDomain, "A.1.example"}).Draw(t, "domain")
	s.DHCP.LeaseTime = rapid.SampledFrom([]model.Duration{{}, {Duration: model.MinLeaseTime}, {Duration: model.MaxLeaseTime}}).Draw(t, "lease")
	if in.rarely() {
		s.DHCP.MTU = model.MinMTU
	}
	if in.rarely() {
		s.DHCP.DNSServers = append(s.DHCP.DNSServers, in.oddAddress())
	}
	for i := range rapid.SampledFrom([]int{0, 3, model.MaxServers}).Draw(t, "servers") {
		s.DHCP.DNSServers = append(s.DHCP.DNSServers, nth(block(210, 24, i%2 == 0), i+1))
		s.DHCP.NTPServers = append(s.DHCP.NTPServers, nth(block(211, 24, i%3 == 0), i+1))
	}
	for _, sub := range s.Subnets {
		if sub.CIDR.Addr().Is6() {
			continue
		}
		for i := range rapid.SampledFrom([]int{0, 1, model.MaxRoutes}).Draw(t, "routes") {
			s.DHCP.Routes = append(s.DHCP.Routes, model.Route{Destination: block(180+i, rapid.SampledFrom([]int{0, 8, 25, 31, 32}).Draw(t, "route"), false), NextHop: nth(sub.CIDR, 4)})
		}
		return
	}
}

// oddAddress is an address that no station has, or that looks so.
func (in *intent) oddAddress() model.Address {
	text := rapid.SampledFrom([]string{"0.0.0.0", "255.255.255.255", "127.0.0.1", "169.254.1.1", "224.0.0.1", "240.0.0.1", "::", "::1", "::192.0.2.1",
		"::ffff:192.0.2.1", "fe80::1", "febf::1", "fec0::1", "ff02::1", "ff0e::1", "fd00:5745:4654::1", "64:ff9b::1", "2002::1"}).Draw(in.t, "odd address")
	return model.Address{Addr: netip.MustParseAddr(text)}
}

func (in *intent) drawPort(n int) {
	t := in.t
	s := &model.PortSpec{Network: networkName(n), Host: here, Device: deviceName(t, ""),
		MAC:         rapid.SampledFrom([]model.MAC{{}, {0xfe, 0xff, 0xff, 0xff, 0xff, byte(n)}, {0, 0, 0, 0, 0, byte(n + 1)}}).Draw(t, "MAC"),
		InterfaceID: rapid.SampledFrom([]string{"", strings.Repeat("_", 63) + fmt.Sprint(n)}).Draw(t, "interface id"),
		Hostname:    rapid.SampledFrom([]string{"", longDomain, longLabel}).Draw(t, "hostname")}
	s.UserData = rapid.SampledFrom([]string{"", "#!/bin/sh\n", strings.Repeat("u", model.MaxUserData)}).Draw(t, "user data")
	s.SSHKeys, s.Metadata = sshKeys(rapid.IntRange(0, 1).Draw(t, "keys")), words(rapid.SampledFrom([]int{0, 1, model.MaxMetadata}).Draw(t, "words"))
	s.HostNet = rapid.SampledFrom([]model.HostNet{"", model.HostNetNIC, model.HostNetPiggyback}).Draw(t, "host network")
	if in.filters {
		s.SecurityGroups = rapid.SampledFrom([][]string{nil, {groupName(0)}, {groupName(1), groupName(0)}}).Draw(t, "security groups")
	}
	switch moves := rapid.IntRange(0, 2).Draw(t, "moves"); {
	case moves == 1:
		s.MigrateTo = peer
	case moves == 2 && n > 0: // floating addresses lead to the first
		s.Host, s.MigrateTo = peer, here
	}
	for _, o := range in.objects {
		network, is := o.Spec.(*model.NetworkSpec)
		if !is || o.Metadata.Name != s.Network || len(network.Subnets) == 0 {
			continue
		}
		sub := rapid.SampledFrom(network.Subnets).Draw(t, "of subnet")
		if in.rarely() {
			s.Addresses = append(s.Addresses, in.oddAddress())
		}
		for i := range rapid.SampledFrom([]int{0, 1, model.MaxPortAddresses}).Draw(t, "addresses") {
			if a := nth(sub.CIDR, i+5); sub.CIDR.Contains(a.Addr) {
				s.Addresses = append(s.Addresses, a)
			}
		}
	}
	in.offer(project, fmt.Sprint("port-", n), s, &model.PortSpec{Network: s.Network, Host: here})
}

func (in *intent) drawRouter(networks int) {
	t := in.t
	s := &model.RouterSpec{Gateway: rapid.SampledFrom([]model.GatewayMode{"", "", model.GatewayCentralized, model.GatewayCentralized, model.GatewayNone}).Draw(t, "gateway")}
	if rapid.IntRange(0, 3).Draw(t, "leads outside") > 0 {
		s.ExternalNetwork = operator + "/outside"
	}
	s.Limits = in.drawRates()
	for i := range rapid.SampledFrom([]int{1, networks, networks, networks}).Draw(t, "router interfaces") {
		s.Networks = append(s.Networks, networkName(i))
	}
	in.offer(project, "router", s, nil)
}

func (in *intent) drawFloating() {
	t := in.t
	for i := range rapid.IntRange(0, 3).Draw(t, "floating") {
		s := &model.FloatingIPSpec{Network: operator + "/outside", Pool: rapid.SampledFrom([]string{"", "", "", longLabel}).Draw(t, "pool")}
		s.Limits = in.drawRates()
		if rapid.Bool().Draw(t, "whole") {
			s.Port = fmt.Sprint("port-", i%2)
		} else {
			s.PortForwards = in.drawForwards()
		}
		in.offer(project, fmt.Sprint("floating-", i), s, nil)
	}
}

// drawRates are limits of a router or a floating address, rarely some that nothing can hold.
func (in *intent) drawRates() (l model.RateLimits) {
	some := []*model.RateLimit{nil, nil, {RateKbps: model.MinRateKbps}, {RateKbps: model.MinRateKbps, BurstKbit: model.MaxBurstKbit},
		{PacketRate: model.MinPacketRate}, mostRate()}
	if in.rarely() {
		some = []*model.RateLimit{{}, {RateKbps: model.MinRateKbps - 1}, {RateKbps: 1 << 40}, {BurstKbit: model.MinBurstKbit},
			{RateKbps: model.MaxBurstKbit + 1, BurstKbit: model.MaxBurstKbit}, {PacketRate: model.MaxPacketRate + 1}}
	}
	l.Ingress, l.Egress = rapid.SampledFrom(some).Draw(in.t, "ingress"), rapid.SampledFrom(some).Draw(in.t, "egress")
	return l
}

// mostRate is the highest limit of a router or a floating address.
func mostRate() *model.RateLimit {
	return &model.RateLimit{RateKbps: model.MaxRateKbps, BurstKbit: model.MaxRateKbps, PacketRate: model.MaxPacketRate}
}

func (in *intent) drawForwards() (list []model.PortForward) {
	t := in.t
	most := [][2]int{{1, model.MaxPortForwards}, {model.MaxForwardedTotal / model.MaxPortForwards, model.MaxPortForwards},
		{model.MaxForwardedPorts, model.MaxForwardedTotal / model.MaxForwardedPorts}}
	if in.rarely() {
		most = [][2]int{{model.MaxForwardedPorts + 1, 1}, {model.MaxForwardedPorts, 17}, {1, model.MaxPortForwards + 1}}
	}
	shape := rapid.SampledFrom(most).Draw(t, "ports, forwards")
	for i := range shape[1] {
		first := 65536 - (i+1)*shape[0]
		list = append(list, model.PortForward{Protocol: rapid.SampledFrom([]model.Protocol{model.ProtocolTCP, model.ProtocolUDP}).Draw(t, "protocol"),
			Port: model.PortRange{First: uint16(first), Last: uint16(first + shape[0] - 1)}, ToPort: rapid.SampledFrom([]uint16{0, 1, uint16(65536 - shape[0])}).Draw(t, "to"),
			Target: "port-0"})
	}
	return list
}
