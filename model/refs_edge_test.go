package model

import (
	"fmt"
	"strings"
	"testing"
)

// beside returns the errors of ValidateRefs for a network on a physical network, as "field: message" lines.
func beside(t *testing.T, network, physical string) string {
	t.Helper()
	p, err := DecodeIntent(ID{ClusterProject, KindPhysicalNetwork, "p"}, []byte(`{"spec": {`+physical+`}}`))
	if err != nil {
		t.Fatal(err)
	}
	n, err := DecodeIntent(ID{"alpha", KindNetwork, "n"}, []byte(`{"spec": {"type": "vlan", "physicalNetwork": "p", `+network+`}}`))
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(ValidateRefs(n, func(id ID) (Object, bool) { return p, id.Kind != KindNetwork }).Error(), "Network alpha/n: ", "")
}

// TestNetworkBesideItsPhysicalNetwork: an MTU of the physical network at the bound is enough, and below it there is one error. A
// network with its own MTU is judged by that alone.
func TestNetworkBesideItsPhysicalNetwork(t *testing.T) {
	t.Parallel()
	const (
		v4, v6 = `"subnets": [{"cidr": "10.0.0.0/24"}]`, `"subnets": [{"cidr": "2001:db8::/64"}]`
		vlans  = `, "vlanRanges": [{"minimum": 1, "maximum": 9}]`
	)
	for _, c := range []struct{ network, physical, want string }{
		{v4, `"mtu": 576` + vlans, ""},
		{v4, `"mtu": 575` + vlans, "spec.physicalNetwork: PhysicalNetwork p carries 575 bytes, too few for the IPv4 subnet"},
		{v6, `"mtu": 1280` + vlans, ""},
		{v6, `"mtu": 1279` + vlans, "spec.physicalNetwork: PhysicalNetwork p carries 1279 bytes, too few for the IPv6 subnet"},
		{v6, `"mtu": 500` + vlans, "spec.physicalNetwork: PhysicalNetwork p carries 500 bytes, too few for the IPv6 subnet"},
		{`"mtu": 1400, ` + v6, `"mtu": 1000` + vlans, "spec.mtu: 1400 is above the 1000 bytes"},
		{`"mtu": 600, ` + v4, `"mtu": 500` + vlans, "spec.mtu: 600 is above the 500 bytes"},
		{`"mtu": 1500`, `"mtu": 1500` + vlans, ""},
		{`"dhcp": {"mtu": 1500}`, `"mtu": 1500` + vlans, ""},
		{`"dhcp": {"mtu": 1501}`, `"mtu": 1500` + vlans, "spec.dhcp.mtu: 1501 is above the 1500 bytes"},
		{`"mtu": 1600, "dhcp": {"mtu": 1550}`, `"mtu": 1500` + vlans, "spec.mtu: 1600 is above the 1500 bytes"},
		{`"segmentationID": 5`, `"mtu": 1500`, "spec.segmentationID: 5 is outside the VLAN ranges"},
		{`"dhcp": {}`, `"mtu": 1500`, "spec.physicalNetwork: PhysicalNetwork p has no VLAN ranges: give it spec.vlanRanges, or write type flat"},
	} {
		got := beside(t, c.network, c.physical)
		if !strings.HasPrefix(got, c.want) || strings.Contains(got, "\n") || (c.want == "") != (got == "") {
			t.Errorf("{%s} on {%s}: %q, expected %q", c.network, c.physical, got, c.want)
		}
	}
}

// TestPrefixesOfOneRouter: the number of prefixes that a router may have on an external network that routes IPv6, over all of its
// networks. IPv4 does not count. Where IPv6 is translated, nothing counts.
func TestPrefixesOfOneRouter(t *testing.T) {
	t.Parallel()
	prefixes := func(block, n int) (list []Subnet) {
		for i := range n {
			list = append(list, Subnet{CIDR: prefix(fmt.Sprintf("2001:db8:%d:%d::/64", block, i))})
		}
		return append(list, Subnet{CIDR: prefix(fmt.Sprintf("10.%d.0.0/16", block))}, Subnet{})
	}
	world := map[string]Spec{"a": &NetworkSpec{Subnets: prefixes(1, 30)}, "b": &NetworkSpec{Subnets: prefixes(2, 2)}, "c": &NetworkSpec{Subnets: prefixes(3, 1)},
		"routed": &NetworkSpec{External: &External{IPv6: ExternalIPv6Routed}}, "translated": &NetworkSpec{External: &External{}}}
	lookup := func(id ID) (Object, bool) {
		s, ok := world[id.Name]
		return Object{Spec: s}, ok || id.Kind == KindProject || id.Name == "gone"
	}
	for _, c := range []struct {
		networks []string
		external string
		wrong    bool
	}{
		{[]string{"a", "b"}, "routed", false},
		{[]string{"a", "b", "c"}, "routed", true},
		{[]string{"a", "gone", "b"}, "routed", false},
		{[]string{"a", "b", "c"}, "translated", false},
		{[]string{"a", "b", "c"}, "", false},
	} {
		o := Object{APIVersion: APIVersion, Kind: KindRouter, Metadata: Metadata{Project: "alpha", Name: "r"}, Spec: &RouterSpec{Networks: c.networks, ExternalNetwork: c.external}}
		errs := ValidateRefs(o, lookup)
		if c.wrong != (len(errs) == 1) || len(errs) == 1 && !strings.Contains(errs[0].Message, "have 33 IPv6 subnets, at most 32") {
			t.Errorf("%v toward %q: %v", c.networks, c.external, errs)
		}
	}
}

// TestSaidOncePerFault: two missing objects are two errors, and not one object that is given twice.
func TestSaidOncePerFault(t *testing.T) {
	t.Parallel()
	const subnets = `"subnets": [{"cidr": "10.0.0.0/24", "gateway": "10.0.0.9"}]`
	for _, c := range []struct{ spec, first, second string }{
		{`"dhcp": {"routes": [{"nextHop": "10.0.0.9"}, {"nextHop": "10.0.0.9"}]}`, "is missing", "is missing"},
		{`"dhcp": {"dnsServers": ["127.0.0.1", "127.0.0.1"]}`, "is loopback", "is loopback"},
		{`"external": {"ipv6": "routed", "routedPrefixes": [{}, {}]}`, "is missing", "is missing"},
		{`"external": {"ipv6": "routed", "routedPrefixes": [{"cidr": "10.0.0.0/8"}, {}]}`, "is not IPv6", "is missing"},
		{`"dhcp": {"dnsServers": ["10.0.0.1", "10.0.0.2", "10.0.0.1", "10.0.0.1"]}`, "by spec.dhcp.dnsServers[0]", "by spec.dhcp.dnsServers[0]"},
		{`"external": {"ipv6": "routed", "routedPrefixes": [{"cidr": "3f00::/16", "projects": ["A", "A"]}]}`, "is no name", "is no name"},
	} {
		_, err := DecodeIntent(ID{"alpha", KindNetwork, "n"}, []byte(`{"spec": {"type": "vlan", "physicalNetwork": "p", `+subnets+`, `+c.spec+`}}`))
		errs, _ := err.(Errors)
		if len(errs) != 2 || !strings.Contains(errs[0].Message, c.first) || !strings.Contains(errs[1].Message, c.second) {
			t.Errorf("%s: %v, expected %s and %s", c.spec, err, c.first, c.second)
		}
	}
}
