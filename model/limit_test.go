package model

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
)

// longestSpec is a field that is accepted at its bound, and the spec with as much of it as is asked for.
type longestSpec struct {
	kind  Kind
	most  int
	field string
	spec  func(n int) string
}

// longest checks that each field is accepted at its bound, and that one more is refused with one error.
func longest(t *testing.T, specs []longestSpec) {
	t.Helper()
	for _, c := range specs {
		only(t, c.kind, []fault{{c.spec(c.most), "", ""}, {c.spec(c.most + 1), c.field, fmt.Sprint(c.most + 1)}})
	}
}

// list writes n items, numbered by the format.
func list(format string) func(n int) string {
	return func(n int) string {
		var items []string
		for i := range n {
			items = append(items, fmt.Sprintf(format, i))
		}
		return "[" + strings.Join(items, ",") + "]"
	}
}

// TestMostThatAGuestIsConfiguredWith: the same for what a port has for its guest.
func TestMostThatAGuestIsConfiguredWith(t *testing.T) {
	t.Parallel()
	longest(t, []longestSpec{
		{KindPort, 65536, "spec.userData", func(n int) string { return `"network": "n", "userData": "` + strings.Repeat("a", n) + `"` }},
		{KindPort, 65536, "spec.userDataBase64", func(n int) string {
			return `"network": "n", "userDataBase64": "` + base64.StdEncoding.EncodeToString(make([]byte, n)) + `"`
		}},
		{KindPort, 16, "spec.sshKeys", func(n int) string {
			var keys []string
			for i := range n {
				keys = append(keys, `"`+testKey+fmt.Sprint(" ", i)+`"`)
			}
			return `"network": "n", "sshKeys": [` + strings.Join(keys, ",") + `]`
		}},
		{KindPort, 4096, "spec.sshKeys[0]", func(n int) string {
			return `"network": "n", "sshKeys": ["` + testKey + " " + strings.Repeat("a", n-len(testKey)-1) + `"]`
		}},
		{KindPort, 128, "spec.metadata", func(n int) string {
			return `"network": "n", "metadata": ` + list(`{"key": "k%d", "value": ""}`)(n)
		}},
		{KindPort, 255, "spec.metadata[0].value", func(n int) string {
			return `"network": "n", "metadata": [{"key": "k", "value": "` + strings.Repeat("a", n) + `"}]`
		}},
		{KindPort, 255, "spec.metadata[0].key", func(n int) string {
			return `"network": "n", "metadata": [{"key": "` + strings.Repeat("a", n) + `", "value": "v"}]`
		}},
	})
}

// TestLongestListsThatAreTaken: each list is accepted at its bound. One more item is refused with one error.
func TestLongestListsThatAreTaken(t *testing.T) {
	t.Parallel()
	const network = `"type": "vlan", "physicalNetwork": "p", `
	const pool = `"network": "a/n", "ranges": [{"start": "2001:db8::1", "end": "2001:db8::ffff"}], `
	longest(t, []longestSpec{
		{KindPort, 16, "spec.addresses", func(n int) string { return `"network": "n", "addresses": ` + list(`"10.0.1.%d"`)(n) }},
		{KindPort, 10, "spec.allowedAddressPairs", func(n int) string {
			return `"network": "n", "allowedAddressPairs": ` + list(`{"address": "10.0.1.%d"}`)(n)
		}},
		{KindPort, 253, "spec.hostname", func(n int) string {
			return `"network": "n", "hostname": "` + strings.Repeat("a.", (n-1)/2) + strings.Repeat("b", 2-n%2) + `"`
		}},
		{KindPort, 15, "spec.device", func(n int) string { return `"network": "n", "device": "` + strings.Repeat("a", n) + `"` }},
		{KindNetwork, 32, "spec.subnets", func(n int) string { return network + `"subnets": ` + list(`{"cidr": "10.%d.0.0/24"}`)(n) }},
		{KindNetwork, 16, "spec.subnets[0].allocationPools", func(n int) string {
			return network + `"subnets": [{"cidr": "10.0.0.0/16", "allocationPools": ` + list(`{"start": "10.0.%[1]d.1", "end": "10.0.%[1]d.9"}`)(n) + `}]`
		}},
		{KindNetwork, 16, "spec.dhcp.dnsServers", func(n int) string { return network + `"dhcp": {"dnsServers": ` + list(`"10.0.1.%d"`)(n) + `}` }},
		{KindNetwork, 16, "spec.dhcp.ntpServers", func(n int) string { return network + `"dhcp": {"ntpServers": ` + list(`"10.0.1.%d"`)(n) + `}` }},
		{KindNetwork, 27, "spec.dhcp.routes", func(n int) string {
			return network + `"subnets": [{"cidr": "10.0.0.0/24"}], "dhcp": {"routes": ` + list(`{"destination": "172.16.%d.0/24", "nextHop": "10.0.0.9"}`)(n) + `}`
		}},
		{KindNetwork, 64, "spec.external.routedPrefixes", func(n int) string {
			return network + `"subnets": [{"cidr": "10.0.0.0/24", "gateway": "10.0.0.9"}], "external": {"ipv6": "routed", "routedPrefixes": ` + list(`{"cidr": "3f%02x::/16"}`)(n) + `}`
		}},
		{KindNetwork, 256, "spec.external.routedPrefixes[0].projects", func(n int) string {
			return network + `"subnets": [{"cidr": "10.0.0.0/24", "gateway": "10.0.0.9"}], "external": {"ipv6": "routed", "routedPrefixes": [{"cidr": "3f00::/16", "projects": ` + list(`"p%d"`)(n) + `}]}`
		}},
		{KindPhysicalNetwork, 16, "spec.cidrs", func(n int) string { return `"role": "management", "cidrs": ` + list(`"10.0.%d.0/24"`)(n) }},
		{KindPhysicalNetwork, 64, "spec.vlanRanges", func(n int) string { return `"vlanRanges": ` + ranges(n) }},
		{KindHost, 16, "spec.physicalNetworks", func(n int) string {
			return `"physicalNetworks": ` + list(`{"name": "p%[1]d", "interface": "eth%[1]d"}`)(n)
		}},
		{KindAddressPool, 64, "spec.ranges", func(n int) string {
			return `"network": "a/n", "ranges": ` + list(`{"start": "10.%[1]d.0.1", "end": "10.%[1]d.0.9"}`)(n)
		}},
		{KindAddressPool, 256, "spec.exclude", func(n int) string { return pool + `"exclude": ` + list(`"2001:db8::1%x"`)(n) }},
		{KindAddressPool, 256, "spec.hostGroups", func(n int) string { return pool + `"hostGroups": ` + list(`"g%d"`)(n) }},
		{KindFloatingIP, 48, "spec.portForwards", func(n int) string {
			return `"network": "n", "portForwards": ` + list(`{"protocol": "tcp", "port": "8%03d", "target": "p"}`)(n)
		}},
	})
	only(t, KindFloatingIP, []fault{{`"network": "n", "portForwards": ` + forwards(16), "", ""}})
}

// TestDisplayNames: free text of any script, bounded in bytes, without control characters for a terminal.
func TestDisplayNames(t *testing.T) {
	t.Parallel()
	for name, wrong := range map[string]string{
		"": "", "Web (old) – №1 😀": "", strings.Repeat("x", 255): "", strings.Repeat("ä", 127): "",
		strings.Repeat("x", 256): "has 256 bytes, at most 255", strings.Repeat("ä", 128): "has 256 bytes",
		"a\x1b[2J": "holds control characters", "a\nb": "holds control characters", "\t": "holds control characters", "\x7f": "holds control characters",
		"\u0085": "holds control characters", "\u009b": "holds control characters", "\x00": "holds control characters", "a\xffb": "is not UTF-8",
	} {
		errs := Validate(Object{APIVersion: APIVersion, Kind: KindProject, Metadata: Metadata{Name: "x", DisplayName: name}, Spec: &ProjectSpec{}})
		switch {
		case wrong == "" && len(errs) > 0:
			t.Errorf("%q is refused: %v", name, errs)
		case wrong != "" && (len(errs) != 1 || errs[0].Field != "metadata.displayName" || !strings.Contains(errs[0].Message, wrong)):
			t.Errorf("%q: %v, expected %s", name, errs, wrong)
		}
	}
}

// TestNames: a name is part of a key, a host name and a file name, so only one spelling is allowed.
func TestNames(t *testing.T) {
	t.Parallel()
	longest := strings.Repeat("a", 63)
	for name, good := range map[string]bool{
		"a": true, "0": true, "a-b": true, "a--b": true, longest: true, "3f2b0c1e-9d1a-4c55-8f5e-0a4f6f2d7c11": true,
		longest + "a": false, "-a": false, "a-": false, "A": false, "a.b": false, "a_b": false, "a/b": false, "..": false, "a b": false, "ä": false, "a\n": false,
		"\u202ea": false, "а": false, // the last is Cyrillic
	} {
		for _, o := range []Object{
			{APIVersion: APIVersion, Kind: KindProject, Metadata: Metadata{Name: name}, Spec: &ProjectSpec{}},
			{APIVersion: APIVersion, Kind: KindPort, Metadata: Metadata{Name: "x", Project: name}, Spec: &PortSpec{Network: "n"}},
			{APIVersion: APIVersion, Kind: KindPort, Metadata: Metadata{Name: "x", Project: "p"}, Spec: &PortSpec{Network: "q/" + name}},
			{APIVersion: APIVersion, Kind: KindPort, Metadata: Metadata{Name: "x", Project: "p"}, Spec: &PortSpec{Network: name + "/n"}},
		} {
			if errs := Validate(o); (len(errs) == 0) != good || len(errs) > 1 {
				t.Errorf("%q in %s: %v", name, o.ID(), errs)
			}
		}
	}
	if errs := Validate(Object{APIVersion: APIVersion, Kind: KindPort, Metadata: Metadata{Name: "x", Project: ClusterProject}, Spec: &PortSpec{Network: "n"}}); len(errs) != 1 || !strings.Contains(errs[0].Message, "stands for the cluster") {
		t.Errorf("a port of the cluster: %v", errs)
	}
}

// TestSpecialBlocks: nobody gets an address that hosts or routers treat specially. The addresses next to it are normal.
func TestSpecialBlocks(t *testing.T) {
	t.Parallel()
	for text, what := range map[string]string{
		"0.255.255.255": "reserved", "1.0.0.0": "", "126.255.255.255": "", "127.0.0.0": "loopback", "127.255.255.255": "loopback", "128.0.0.0": "",
		"169.253.255.255": "", "169.254.0.0": "link-local", "169.254.255.255": "link-local", "169.255.0.0": "",
		"223.255.255.255": "", "224.0.0.0": "multicast", "239.255.255.255": "multicast", "240.0.0.0": "reserved", "255.255.255.255": "reserved",
		"::": "reserved", "::1": "reserved", "::ffff:ffff": "reserved", "::1:0:0": "", "fe7f::1": "", "fe80::1": "link-local", "febf::1": "link-local", "fec0::1": "",
		"feff::1": "", "ff00::": "multicast", "ff02::1": "multicast", "fd00:5745:4653::1": "", "fd00:5745:4654::1": "routers", "fd00:5745:4655::": "",
		"10.0.0.1": "", "192.168.1.1": "", "100.64.0.1": "", "2001:db8::1": "", "fd12::1": "",
	} {
		c := &Checker{}
		if ok := c.unicast("f", address(text)); ok != (what == "") || ok != (len(c.errs) == 0) || !ok && !strings.Contains(c.errs[0].Message, what) {
			t.Errorf("%s: %v, expected %q", text, c.errs, what)
		}
	}
	c := &Checker{}
	if c.unicast("f", Address{}) || c.errs[0].Message != "is missing: give an address" {
		t.Errorf("no address: %v", c.errs)
	}
	mapped := &Checker{}
	if mapped.unicast("f", address("::ffff:10.0.0.1")) {
		t.Error("an IPv4 address in IPv6's clothes is one host's")
	}
}

// TestConnectionLimitsByThemselves: limits that are omitted follow from those that are set.
func TestConnectionLimitsByThemselves(t *testing.T) {
	t.Parallel()
	for given, want := range map[ConnectionLimits]ConnectionLimits{
		{}:                                 {32768, 4032, 2000},
		{PerRouter: 100000}:                {100000, 4032, 2000},
		{PerRouter: 100}:                   {100, 100, 2000},
		{PerDestination: 7}:                {32768, 7, 2000},
		{PerRouter: 20, NewPerSecond: 1}:   {20, 20, 1},
		{PerRouter: 50, PerDestination: 9}: {50, 9, 2000},
	} {
		if got := given.Effective(); got != want || got.Effective() != got {
			t.Errorf("%+v is %+v, expected %+v", given, got, want)
		}
	}
}

// TestEffectivePortLimits: each direction is that of the first level that sets it, as a whole.
func TestEffectivePortLimits(t *testing.T) {
	t.Parallel()
	port, network, project := &PortLimit{RateKbps: 1000}, &PortLimit{PacketRate: 100}, &PortLimit{Unlimited: true}
	few, many := &BroadcastLimit{PacketRate: 10}, &BroadcastLimit{Unlimited: true}
	for name, c := range map[string]struct{ port, network, project, want PortLimits }{
		"none":              {},
		"project":           {project: PortLimits{Egress: project}, want: PortLimits{Egress: project}},
		"network":           {network: PortLimits{Egress: network}, project: PortLimits{Egress: project}, want: PortLimits{Egress: network}},
		"port":              {port: PortLimits{Egress: port}, network: PortLimits{Egress: network}, want: PortLimits{Egress: port}},
		"each direction":    {port: PortLimits{Ingress: port}, network: PortLimits{Egress: network, Ingress: network}, want: PortLimits{Ingress: port, Egress: network}},
		"over the network":  {port: PortLimits{Ingress: port}, project: PortLimits{Egress: project}, want: PortLimits{Ingress: port, Egress: project}},
		"broadcast":         {network: PortLimits{Broadcast: few}, project: PortLimits{Broadcast: many}, want: PortLimits{Broadcast: few}},
		"broadcast of port": {port: PortLimits{Broadcast: many}, network: PortLimits{Egress: network, Broadcast: few}, want: PortLimits{Egress: network, Broadcast: many}},
		"unlimited is said": {port: PortLimits{Egress: project}, network: PortLimits{Egress: network}, want: PortLimits{Egress: project}},
	} {
		if got := EffectivePortLimits(c.port, c.network, c.project); got != c.want {
			t.Errorf("%s: %+v, expected %+v", name, got, c.want)
		}
	}
}

// TestAddressRanges: one address and a range are read in the form in which they are written. A range with ends of two families, or with its
// end before its start, is refused.
func TestAddressRanges(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"10.0.0.5": "10.0.0.5", "10.0.0.5-10.0.0.5": "10.0.0.5", "10.0.0.5-10.0.0.9": "10.0.0.5-10.0.0.9", "": "",
		"2001:DB8::1-2001:db8:0::f": "2001:db8::1-2001:db8::f", "::ffff:10.0.0.1": "10.0.0.1",
	} {
		var r AddressRange
		if err := r.UnmarshalText([]byte(text)); err != nil || r.String() != want {
			t.Errorf("%q is read as %s, %v; expected %s", text, r, err, want)
		}
	}
	for text, wrong := range map[string]string{
		"10.0.0.5-": "is not an IPv4 or IPv6 address", "-": "is not", "10.0.0.5-2001:db8::1": "addresses of both families", "10.0.0.5-10.0.0.4": "begins above its end",
		"10.0.0.0/24": "is not", "10.0.0.5 - 10.0.0.9": "is not", "fe80::1%eth0": "carries a zone",
	} {
		r := AddressRange{First: address("10.9.9.9"), Last: address("10.9.9.9")}
		if err := r.UnmarshalText([]byte(text)); err == nil || !strings.Contains(err.Error(), wrong) || r.String() != "10.9.9.9" {
			t.Errorf("%q is read as %s, %v; expected: %s", text, r, err, wrong)
		}
	}
}

// TestDurations: a zero duration counts as not set.
func TestDurations(t *testing.T) {
	t.Parallel()
	var d Duration
	if err := json.Unmarshal([]byte(`"0s"`), &d); err != nil || d != (Duration{}) {
		t.Errorf("0s is %v, %v", d, err)
	}
	if err := json.Unmarshal([]byte(`"1h30m"`), &d); err != nil || d.Duration != 90*time.Minute {
		t.Errorf("1h30m is %v, %v", d, err)
	}
	if err := json.Unmarshal([]byte(`"-1ns"`), &d); err == nil || d.Duration != 90*time.Minute {
		t.Errorf("less than nothing is %v, %v", d, err)
	}
}
