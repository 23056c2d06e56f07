package limits

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"

	"weft/model"
)

// The greatest numbers that model accepts.
const (
	centralNetworks = 2  // of the second router
	routedNetworks  = 4  // of the third
	wholeForwards   = 16 // of 1,024 ports each
	filteredPorts   = 2  // have security groups: each group is all its members, on each network with such a port
)

// region is declared object by object. If validation refuses one, the test fails.
type region struct {
	t       T
	objects []model.Object
}

// Most is a host where each object has as much of everything as it may have, with the longest and most unusual names. Only the number of
// a router's networks is given (at least two). The controllers accept all of it.
func Most(t T, driver model.Driver, networks int) Host {
	t.Helper()
	objects := MostIntent(t, driver, networks)
	h := Host{Driver: driver, Offered: len(objects)}
	h.Config = resolve(t, objects, &h)
	if h.Accepted != h.Offered {
		t.Fatalf("only %d of %d objects were accepted:\n%s", h.Accepted, h.Offered, h.Text)
	}
	h.compile(t, h.Config, facts(h.Config, "netdev"))
	return h
}

// MostIntent is the intent of Most.
func MostIntent(t T, driver model.Driver, networks int) []model.Object {
	t.Helper()
	r := &region{t: t}
	r.declare("", project, &model.ProjectSpec{})
	r.declare("", operator, &model.ProjectSpec{})
	r.groups()
	r.underlay(driver)
	r.external("outside", 60, &model.External{})
	r.external("routed", 70, &model.External{IPv6: model.ExternalIPv6Routed, RoutedPrefixes: routedBlocks()})
	for i := range networks + centralNetworks + routedNetworks {
		subnets := model.MaxSubnets
		if i >= networks+centralNetworks { // where IPv6 is routed, this many prefixes are allowed for a router
			subnets = 2 * model.MaxRouterPrefixes / routedNetworks
		}
		r.network(i, subnets)
		r.port(i)
	}
	r.small()
	r.router("distributed", "outside", model.GatewayDistributed, 0, networks)
	r.router("central", "outside", model.GatewayCentralized, networks, centralNetworks)
	r.router("routed", "routed", model.GatewayDistributed, networks+centralNetworks, routedNetworks)
	r.floating()
	return r.objects
}

// declare validates an object. It must be valid.
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

// oddName is a device name of 15 bytes. The names of all n together contain every character that a device name may have.
func oddName(n int) string {
	var allowed []byte
	for c := byte('!'); c <= '~'; c++ {
		if !strings.ContainsRune("/:%*\\\"'", rune(c)) {
			allowed = append(allowed, c)
		}
	}
	name := []byte{'z', byte('a' + n/26), byte('a' + n%26)} // distinct, and not the prefix of another name
	for i := range 15 - len(name) {
		name = append(name, allowed[(n*(15-len(name))+i)%len(allowed)])
	}
	return string(name[:15])
}

func physicalName(i int) string { return fmt.Sprintf("%s-%02d", longLabel[:60], i) }

// underlay is one host with the greatest number of uplinks, a second gateway host, and a physical network for each uplink. The first
// physical network carries everything.
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
	for i := range model.MaxManagementPrefixes / model.MaxManagementCIDRs {
		p := &model.PhysicalNetworkSpec{Role: model.NetworkRoleManagement}
		for n := range model.MaxManagementCIDRs {
			block := netip.PrefixFrom(netip.AddrFrom16([16]byte{0x51, 0xff, byte(i), 0xff, byte(n)}), 8*model.MaxManagementCIDRs-n)
			if n%2 == 0 {
				block = netip.PrefixFrom(netip.AddrFrom4([4]byte{214, byte(i), byte(n)}), 32-n/2)
			}
			p.CIDRs = append(p.CIDRs, model.Prefix{Prefix: block.Masked()})
		}
		r.declare("", physicalName(model.MaxUplinks+i), p)
	}
	for i := range model.MaxHostServices {
		s.Services = append(s.Services, hostService(i))
	}
	r.declare("", here, s)
	r.declare("", peer, &model.HostSpec{Roles: []model.HostRole{model.RoleGateway},
		PhysicalNetworks: []model.HostPhysicalNetwork{{Name: physicalName(0), Interface: oddName(0)}}})
}

// hostService is a service with the longest name, on a port of its own.
func hostService(i int) model.HostService {
	s := model.HostService{Name: fmt.Sprintf("%s%02d", longLabel[:61], i), Port: 65535 - i, Target: fmt.Sprintf("[::1]:%d", i+1)}
	if i%2 == 1 {
		s.Target = "unix:/" + strings.Repeat("s", 100)
		for p := range model.MaxHostServiceProjects {
			s.Projects = append(s.Projects, fmt.Sprintf("%s%02d", longLabel[:61], p))
		}
	}
	return s
}

// groups are as many security groups as the rules of one may name, and each names all of them. The first one has as many rules as it may have, and
// some of them have the range of ports that needs most flows.
func (r *region) groups() {
	for i := range model.MaxRemoteGroups {
		s := &model.SecurityGroupSpec{Description: strings.Repeat("ü", model.MaxDisplayName/2)}
		for n := range model.MaxRemoteGroups {
			s.Rules = append(s.Rules, model.SecurityGroupRule{Direction: model.DirectionIngress, RemoteGroup: groupName(n)})
		}
		for n := len(s.Rules); i == 0 && n < model.MaxSecurityGroupRules; n++ {
			rule := model.SecurityGroupRule{Description: s.Description, Direction: []model.Direction{model.DirectionIngress, model.DirectionEgress}[n%2],
				Protocol: model.IPProtocolTCP, Port: model.PortRange{First: 65535, Last: 65535}, RemoteCIDR: block(n, 24, false)}
			if n%16 == 0 {
				rule.Port = model.PortRange{First: 1, Last: 65534}
			}
			s.Rules = append(s.Rules, rule)
		}
		r.declare(project, groupName(i), s)
	}
}

func groupName(i int) string { return fmt.Sprint(longLabel[:60], "-", i) }

// sshKeys are different public keys.
func sshKeys(n int) (keys []string) {
	for i := range n {
		blob := append([]byte("\x00\x00\x00\x0bssh-ed25519\x00\x00\x00\x20"), bytes.Repeat([]byte{byte(i)}, 32)...)
		keys = append(keys, "ssh-ed25519 "+base64.StdEncoding.EncodeToString(blob)+" of the guest")
	}
	return keys
}

// words are words for a guest, as long as they may be.
func words(n int) (list []model.MetadataItem) {
	for i := range n {
		list = append(list, model.MetadataItem{Key: fmt.Sprintf("%03d%s", i, strings.Repeat("k", model.MaxMetadataBytes-3)), Value: strings.Repeat("v", model.MaxMetadataBytes)})
	}
	return list
}

func (r *region) port(n int) {
	s := &model.PortSpec{Network: networkName(n), Host: here, Device: oddName(model.MaxUplinks + n), Hostname: longDomain,
		InterfaceID: strings.Repeat("_", 62) + fmt.Sprintf("%02d", n), MAC: model.MAC{0xfe, 0xff, 0xff, 0xff, 0xff, byte(n)}}
	most := model.PortLimit{RateKbps: model.MaxRateKbps, BurstKbit: model.MaxBurstKbit, PacketRate: model.MaxPacketRate}
	s.Limits = model.PortLimits{Ingress: &most, Egress: &most, Broadcast: &model.BroadcastLimit{PacketRate: model.MaxPacketRate, BurstPackets: model.MaxBurstPackets}}
	if n == 0 {
		s.UserData, s.SSHKeys, s.Metadata = strings.Repeat("u", model.MaxUserData), sshKeys(model.MaxSSHKeys), words(model.MaxMetadata)
	}
	s.HostNet = []model.HostNet{model.HostNetNIC, model.HostNetPiggyback}[n%2]
	if n < filteredPorts {
		for i := range model.MaxSecurityGroups {
			s.SecurityGroups = append(s.SecurityGroups, groupName(i))
		}
	}
	for i := range model.MaxPortAddresses {
		sub := subnet(n, i%2)
		if n == 1 {
			sub = subnet(n, i)
		}
		s.Addresses = append(s.Addresses, nth(sub.CIDR, 20+i))
	}
	for i := range model.MaxAddressPairs {
		a := nth(subnet(n, i%2).CIDR, 60+i)
		s.AllowedAddressPairs = append(s.AllowedAddressPairs, model.AddressPair{
			Address: model.AddressBlock{Prefix: netip.PrefixFrom(a.Addr, a.BitLen())}, MAC: model.MAC{0, 0, 0x5e, 0, 1, byte(i)}})
	}
	r.declare(project, fmt.Sprint("port-", n), s)
}

func (r *region) router(name, external string, mode model.GatewayMode, first, networks int) {
	s := &model.RouterSpec{Gateway: mode, ExternalNetwork: operator + "/" + external, Limits: model.RateLimits{Ingress: mostRate(), Egress: mostRate()}}
	for i := range networks {
		s.Networks = append(s.Networks, networkName(first+i))
	}
	r.declare(project, name, s)
}

// floating makes a floating address for each address of the first port. It also forwards to the second port as many transport ports as
// may be forwarded.
func (r *region) floating() {
	network := operator + "/outside"
	for i := range model.MaxPortAddresses {
		r.declare(project, fmt.Sprint("whole-", i), &model.FloatingIPSpec{Network: network, Port: "port-0", Limits: model.RateLimits{Ingress: mostRate(), Egress: mostRate()},
			FixedAddress: nth(subnet(0, i%2).CIDR, 20+i), Address: nth(subnet(60, 2+i%2).CIDR, 20+i)})
	}
	for n, shape := range [][2]int{{model.MaxPortForwards, model.MaxForwardedTotal / model.MaxPortForwards}, {wholeForwards, model.MaxForwardedPorts}} {
		s := &model.FloatingIPSpec{Network: network, Pool: []string{"", longLabel}[n], Limits: model.RateLimits{Egress: mostRate()}}
		for i := range shape[0] {
			first := 65536 - (i+1)*shape[1]
			s.PortForwards = append(s.PortForwards, model.PortForward{Protocol: []model.Protocol{model.ProtocolTCP, model.ProtocolUDP}[i%2],
				Port: model.PortRange{First: uint16(first), Last: uint16(first + shape[1] - 1)}, ToPort: uint16(65536 - shape[1]), Target: "port-1"})
		}
		r.declare(project, fmt.Sprint("forwards-", n), s)
	}
}
