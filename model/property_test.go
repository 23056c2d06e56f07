package model

import (
	"bytes"
	"encoding/json"
	"net/netip"
	"reflect"
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
			o.Spec = &ProjectSpec{}
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
	for i, name := range rapid.SliceOfNDistinct(genLabel(), 0, 4, rapid.ID).Draw(t, "networks") {
		s.PhysicalNetworks = append(s.PhysicalNetworks, HostPhysicalNetwork{name, "eth" + string(rune('0'+i))})
	}
	return s
}

func genRouter(t *rapid.T) *RouterSpec {
	return &RouterSpec{
		Networks:        rapid.SliceOfNDistinct(genLabel(), 1, 4, rapid.ID).Draw(t, "networks"),
		ExternalNetwork: rapid.SampledFrom([]string{"", "net", "operator/1e3"}).Draw(t, "external"),
		Gateway:         rapid.SampledFrom([]GatewayMode{"", GatewayDistributed, GatewayCentralized, GatewayNone}).Draw(t, "gateway"),
	}
}

func genFloatingIP(t *rapid.T) *FloatingIPSpec {
	s := &FloatingIPSpec{Network: "operator/" + genLabel().Draw(t, "network")}
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
	s := &NetworkSpec{Type: NetworkTypeVLAN, PhysicalNetwork: genLabel().Draw(t, "physical")}
	s.SegmentationID = uint16(rapid.IntRange(0, MaxVLAN).Draw(t, "segment"))
	s.MTU = rapid.SampledFrom([]int{0, 1280, 9000}).Draw(t, "mtu")
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
	return s
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
