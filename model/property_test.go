package model

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"net/netip"
	"reflect"
	"slices"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
	"sigs.k8s.io/yaml"
)

// genObject draws objects that are valid by themselves.
func genObject() *rapid.Generator[Object] {
	return rapid.Custom(func(t *rapid.T) Object {
		kind := rapid.SampledFrom(AllKinds().Names()).Draw(t, "kind")
		o := Object{APIVersion: APIVersion, Kind: kind, Metadata: Metadata{Name: genLabel().Draw(t, "name")}}
		o.Metadata.DisplayName = rapid.StringMatching(`[ -~äß😀#:'"{}&*!|>%@-]{0,20}`).Draw(t, "displayName")
		if !kind.ClusterScoped() {
			o.Metadata.Project = genLabel().Draw(t, "project")
		}
		switch kind {
		case KindProject:
			o.Spec = &ProjectSpec{PortLimits: genPortLimits(t)}
		case KindHost:
			o.Spec = genHost(t)
		case KindPhysicalNetwork:
			o.Spec = genPhysicalNetwork(t)
		case KindNetwork:
			o.Spec = genNetwork(t)
		case KindPort:
			o.Spec = genPort(t)
		case KindRouter:
			o.Spec = genRouter(t)
		case KindFloatingIP:
			o.Spec = genFloatingIP(t)
		case KindSecurityGroup:
			o.Spec = genSecurityGroup(t)
		case KindAddressPool:
			o.Spec = genAddressPool(t)
		}
		return o
	})
}

// genLabel also draws names that YAML could take for something else.
func genLabel() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.SampledFrom([]string{"no", "yes", "on", "null", "true", "1", "0x1f", "1e3", "2026-01-01", "0o7", "010", "y"}),
		rapid.StringMatching(`[a-z0-9]([-a-z0-9]{0,20}[a-z0-9])?`))
}

func genHost(t *rapid.T) *HostSpec {
	s := &HostSpec{Driver: rapid.SampledFrom([]Driver{"", DriverOVS, DriverBridge}).Draw(t, "driver")}
	if rapid.Bool().Draw(t, "grouped") {
		s.Group = genLabel().Draw(t, "group")
	}
	for i, name := range rapid.SliceOfNDistinct(genLabel(), 0, 4, rapid.ID).Draw(t, "networks") {
		s.PhysicalNetworks = append(s.PhysicalNetworks, HostPhysicalNetwork{name, "eth" + string(rune('0'+i))})
	}
	return s
}

func genAddressPool(t *rapid.T) *AddressPoolSpec {
	s := &AddressPoolSpec{
		Network:  genLabel().Draw(t, "project") + "/" + genLabel().Draw(t, "network"),
		Ranges:   []PoolRange{{genIn(t, "start", "10.1.0.", 1, 100), genIn(t, "end", "10.1.0.", 120, 254)}},
		HoldTime: rapid.SampledFrom([]Duration{{}, {MinHoldTime}, {MaxHoldTime}}).Draw(t, "hold"),
		Priority: rapid.IntRange(-MaxPoolPriority, MaxPoolPriority).Draw(t, "priority"), Drain: rapid.Bool().Draw(t, "drain"),
	}
	s.HostGroups = append(s.HostGroups, rapid.SliceOfNDistinct(genLabel(), 0, 3, rapid.ID).Draw(t, "groups")...)
	if rapid.Bool().Draw(t, "v6") {
		s.Ranges = append(s.Ranges, PoolRange{genIn(t, "start6", "2001:db8::", 1, 9), address("2001:db8::ffff:ffff:ffff:ffff")})
	}
	if rapid.Bool().Draw(t, "excludes") {
		one := address("10.1.0.100")
		s.Exclude = []AddressRange{{one, one}, {genIn(t, "first", "10.1.0.", 101, 110), genIn(t, "last", "10.1.0.", 111, 120)}}
	}
	return s
}

func genRouter(t *rapid.T) *RouterSpec {
	s := &RouterSpec{
		Networks:        rapid.SliceOfNDistinct(genLabel(), 1, 4, rapid.ID).Draw(t, "networks"),
		ExternalNetwork: rapid.SampledFrom([]string{"", "net", "operator/1e3"}).Draw(t, "external"),
		Gateway:         rapid.SampledFrom([]GatewayMode{"", GatewayDistributed, GatewayCentralized, GatewayNone}).Draw(t, "gateway"),
	}
	if s.ExternalNetwork != "" {
		s.Limits = genRateLimits(t)
	}
	return s
}

func genFloatingIP(t *rapid.T) *FloatingIPSpec {
	s := &FloatingIPSpec{Network: "operator/" + genLabel().Draw(t, "network"), Limits: genRateLimits(t)}
	if rapid.Bool().Draw(t, "pooled") {
		s.Pool = genLabel().Draw(t, "pool")
	}
	if rapid.Bool().Draw(t, "address") {
		s.Address = genIn(t, "address", "192.0.2.", 1, 99)
	}
	if rapid.Bool().Draw(t, "whole") {
		s.Port = genLabel().Draw(t, "port")
		return s
	}
	next := uint16(1)
	for range rapid.IntRange(0, 3).Draw(t, "forwards") {
		f := PortForward{Protocol: rapid.SampledFrom([]Protocol{ProtocolTCP, ProtocolUDP}).Draw(t, "protocol"), Target: genLabel().Draw(t, "target")}
		f.Port.First = rapid.Uint16Range(next, next+9000).Draw(t, "first")
		f.Port.Last = f.Port.First + rapid.Uint16Range(0, 9).Draw(t, "more")
		f.ToPort = rapid.SampledFrom([]uint16{0, 80, 8080}).Draw(t, "to")
		s.PortForwards, next = append(s.PortForwards, f), f.Port.Last+1
	}
	return s
}

func genPhysicalNetwork(t *rapid.T) *PhysicalNetworkSpec {
	s := &PhysicalNetworkSpec{MTU: rapid.SampledFrom([]int{0, MinMTU, 1500, MaxMTU}).Draw(t, "mtu")}
	s.Role = rapid.SampledFrom([]NetworkRole{"", NetworkRolePublic, NetworkRoleService, NetworkRoleManagement}).Draw(t, "role")
	if s.IsManagement() {
		s.CIDRs = rapid.SampledFrom([][]Prefix{{prefix("192.0.2.0/24")}, {prefix("2001:db8:5::/64"), prefix("10.0.0.0/8")}}).Draw(t, "cidrs")
		return s
	}
	next := 1
	for range rapid.IntRange(0, 4).Draw(t, "ranges") {
		low := rapid.IntRange(next, next+500).Draw(t, "low")
		high := rapid.IntRange(low, low+500).Draw(t, "high")
		s.VLANRanges = append(s.VLANRanges, VLANRange{uint16(low), uint16(high)})
		next = high + 1
	}
	return s
}

func genNetwork(t *rapid.T) *NetworkSpec {
	s := &NetworkSpec{Type: NetworkTypeVLAN, PhysicalNetwork: genLabel().Draw(t, "physical"), IsolateGuests: rapid.Bool().Draw(t, "isolated")}
	if rapid.Bool().Draw(t, "flat") {
		s.Type = NetworkTypeFlat
	} else {
		s.SegmentationID = uint16(rapid.IntRange(0, MaxVLAN).Draw(t, "segment"))
	}
	s.MTU = rapid.SampledFrom([]int{0, 1280, 9000}).Draw(t, "mtu")
	s.AddressMobility = rapid.SampledFrom([]AddressMobility{"", MobilityRegion, MobilityHostGroup}).Draw(t, "mobility")
	if rapid.Bool().Draw(t, "v4") {
		s.Subnets = append(s.Subnets, Subnet{
			CIDR: prefix("10.1.0.0/24"), Gateway: genIn(t, "gateway", "10.1.0.", 1, 99), DHCPServer: genIn(t, "server", "10.1.0.", 100, 199),
			AllocationPools: []AllocationPool{{Start: genIn(t, "start", "10.1.0.", 1, 100), End: genIn(t, "end", "10.1.0.", 101, 254)}},
		})
		s.DHCP.Routes = []Route{{prefix("192.168.0.0/16"), address("10.1.0.254")}}
	}
	if rapid.Bool().Draw(t, "v6") {
		s.Subnets = append(s.Subnets, Subnet{CIDR: prefix("2001:db8::/64"), Gateway: genIn(t, "gateway6", "2001:db8::", 1, 9)})
		s.DHCP.DNSServers = []Address{address("2001:db8::53")}
	}
	if len(s.Subnets) > 0 && rapid.Bool().Draw(t, "external") {
		s.External = &External{IPv6: rapid.SampledFrom([]ExternalIPv6{"", ExternalIPv6Translate, ExternalIPv6Routed}).Draw(t, "ipv6"),
			ConnectionLimits: rapid.SampledFrom([]ConnectionLimits{{}, {PerRouter: MinRouterConnections},
				{PerDestination: MaxDestinationConnections, PerRouter: MaxRouterConnections}, {PerDestination: 1}, {NewPerSecond: MaxNewConnections}}).Draw(t, "limits")}
		if s.External.Mode() == ExternalIPv6Routed && rapid.Bool().Draw(t, "prefixes") {
			s.External.RoutedPrefixes = []RoutedPrefix{{CIDR: prefix("2001:db8::/32")}, {CIDR: prefix("2001:db8:a::/48"), Projects: []string{"alpha"}}}
		}
		for i := range s.Subnets[0].AllocationPools {
			s.Subnets[0].AllocationPools[i].Name = rapid.SampledFrom([]string{"", "gold"}).Draw(t, "pool")
		}
	}
	s.PortLimits = genPortLimits(t)
	s.DHCP.LeaseTime = rapid.SampledFrom([]Duration{{}, {MinLeaseTime}, {MaxLeaseTime}, {DefaultLeaseTime}}).Draw(t, "lease")
	return s
}

func genPort(t *rapid.T) *PortSpec {
	s := &PortSpec{Network: genLabel().Draw(t, "network"), Host: genLabel().Draw(t, "host")}
	if rapid.Bool().Draw(t, "other project") {
		s.Network = genLabel().Draw(t, "network's project") + "/" + s.Network
	}
	s.MAC = MAC(rapid.SliceOfN(rapid.Byte(), 6, 6).Draw(t, "mac"))
	if s.MAC[0] &^= 1; s.MAC == serverMAC || s.MAC == gatewayMAC {
		s.MAC = MAC{}
	}
	for _, b := range rapid.SliceOfNDistinct(rapid.IntRange(1, 250), 0, 5, rapid.ID).Draw(t, "addresses") {
		s.Addresses = append(s.Addresses, Address{netip.AddrFrom4([4]byte{192, 0, 2, byte(b)})})
	}
	s.Device = rapid.StringMatching(`([a-z][a-z0-9._-]{3,14})?`).Draw(t, "device")
	if s.Device == "default" {
		s.Device = ""
	}
	s.InterfaceID = rapid.StringMatching(`([A-Za-z0-9][A-Za-z0-9_.-]{0,63})?`).Draw(t, "interface id")
	s.Limits = genPortLimits(t)
	for _, b := range rapid.SliceOfNDistinct(rapid.IntRange(1, 250), 0, 5, rapid.ID).Draw(t, "pairs") {
		pair := AddressPair{Address: AddressBlock{netip.PrefixFrom(netip.AddrFrom4([4]byte{198, 51, 100, byte(b)}), 32)}}
		if rapid.Bool().Draw(t, "prefix") {
			pair.Address = AddressBlock{netip.PrefixFrom(netip.AddrFrom16([16]byte{0x20, 1, 15: byte(b)}), rapid.IntRange(1, 128).Draw(t, "length")).Masked()}
		}
		if rapid.Bool().Draw(t, "virtual") {
			pair.MAC = MAC{0, 0, 0x5e, 0, 1, byte(b)}
		}
		if !slices.Contains(s.AllowedAddressPairs, pair) && specialBlock(pair.Address.Prefix) == "" {
			s.AllowedAddressPairs = append(s.AllowedAddressPairs, pair)
		}
	}
	genGuestConfig(t, s)
	return s
}

func genGuestConfig(t *rapid.T, s *PortSpec) {
	if rapid.Bool().Draw(t, "binary") {
		s.UserDataBase64 = base64.StdEncoding.EncodeToString(rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(t, "bytes"))
	} else {
		s.UserData = rapid.StringOfN(rapid.Rune().Filter(func(r rune) bool { return isText(string(r)) }), 0, 40, -1).Draw(t, "user data")
	}
	for i, kind := range rapid.SliceOfNDistinct(rapid.SampledFrom(sshKeyTypes), 0, 3, rapid.ID).Draw(t, "keys") {
		s.SSHKeys = append(s.SSHKeys, kind+" "+base64.StdEncoding.EncodeToString(append(sshString(kind), byte(i)))+rapid.SampledFrom([]string{"", " ops@example", " ä <b>"}).Draw(t, "comment"))
	}
	for _, key := range rapid.SliceOfNDistinct(rapid.StringMatching(`[A-Za-z0-9_.: -]{1,9}`), 0, 3, rapid.ID).Draw(t, "metadata") {
		s.Metadata = append(s.Metadata, MetadataItem{key, rapid.StringMatching(`[ -~äß😀]{0,20}`).Draw(t, "value")})
	}
}

func genPortLimits(t *rapid.T) (l PortLimits) {
	some := []*PortLimit{nil, {Unlimited: true}, {RateKbps: MinRateKbps}, {RateKbps: MaxRateKbps, BurstKbit: MaxBurstKbit, PacketRate: MaxPacketRate},
		{PacketRate: MinPacketRate}, {RateKbps: 1000, BurstKbit: MinBurstKbit}}
	l.Broadcast = rapid.SampledFrom([]*BroadcastLimit{nil, {Unlimited: true}, {PacketRate: MinPacketRate, BurstPackets: MinBurstPackets},
		{PacketRate: MaxPacketRate, BurstPackets: MaxBurstPackets}}).Draw(t, "broadcast")
	l.Ingress, l.Egress = rapid.SampledFrom(some).Draw(t, "ingress"), rapid.SampledFrom(some).Draw(t, "egress")
	return l
}

func genRateLimits(t *rapid.T) (l RateLimits) {
	some := []*RateLimit{nil, {RateKbps: MinRateKbps}, {RateKbps: MaxRateKbps, BurstKbit: MaxRateKbps, PacketRate: MaxPacketRate},
		{PacketRate: MinPacketRate}, {RateKbps: 1000, BurstKbit: 1000}, {RateKbps: MinRateKbps, BurstKbit: MaxBurstKbit}}
	l.Ingress, l.Egress = rapid.SampledFrom(some).Draw(t, "ingress"), rapid.SampledFrom(some).Draw(t, "egress")
	return l
}

func genIn(t *rapid.T, label, base string, low, high int) Address {
	return address(base + strconv.Itoa(rapid.IntRange(low, high).Draw(t, label)))
}

func prefix(s string) Prefix   { return Prefix{netip.MustParsePrefix(s)} }
func address(s string) Address { return Address{netip.MustParseAddr(s)} }

// TestRoundTrip: an encoded object is read back as the same object: as JSON and as YAML, as a manifest and as intent, strictly and
// tolerantly. So a canonical value does not change.
func TestRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		o := genObject().Draw(t, "object")
		if errs := Validate(o); len(errs) > 0 {
			t.Fatalf("generated an invalid object:\n%v", errs)
		}
		asJSON, err := json.Marshal(o)
		if err != nil {
			t.Fatal(err)
		}
		asYAML, err := yaml.Marshal(o)
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range [][]byte{asJSON, asYAML} {
			objs, err := DecodeManifest("f", text)
			if err != nil || len(objs) != 1 || !reflect.DeepEqual(objs[0].Object, o) {
				t.Fatalf("manifest %s\n%v\n%v", text, err, objs)
			}
			intent, err := DecodeIntent(o.ID(), text)
			if err != nil || !reflect.DeepEqual(intent, o) {
				t.Fatalf("intent %s\n%v", text, err)
			}
		}
		var tolerant Object
		if err := json.Unmarshal(asJSON, &tolerant); err != nil || !reflect.DeepEqual(tolerant, o) {
			t.Fatalf("accepted %s: %v", asJSON, err)
		}
	})
}

// TestManyDocuments: a file of several documents has the objects that each document has alone, with lines counted from the start of
// the file.
func TestManyDocuments(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.SliceOfN(genObject(), 1, 6).Draw(t, "objects")
		var file []byte
		var lines []int
		for _, o := range want {
			file = append(file, "---\n"...)
			lines = append(lines, 1+bytes.Count(file, []byte{'\n'}))
			text, err := yaml.Marshal(o)
			if err != nil {
				t.Fatal(err)
			}
			file = append(file, text...)
		}
		got, err := DecodeManifest("f", file)
		if err != nil || len(got) != len(want) {
			t.Fatalf("%d objects of %d: %v", len(got), len(want), err)
		}
		for i := range want {
			if diff := cmp.Diff(want[i].ID(), got[i].Object.ID()); diff != "" || got[i].Line != lines[i] {
				t.Fatalf("object %d in line %d, expected %d: %s", i, got[i].Line, lines[i], diff)
			}
		}
	})
}
