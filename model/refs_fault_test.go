package model

import (
	"strings"
	"testing"
)

// place is a small cloud: external networks of each kind, a network with a router's subnets, and a port on it.
func place(t *testing.T) Lookup {
	t.Helper()
	world := map[ID]Object{}
	for _, x := range []struct {
		id   ID
		spec string
	}{
		{ID{ClusterProject, KindProject, "alpha"}, ``},
		{ID{ClusterProject, KindPhysicalNetwork, "p"}, `"vlanRanges": [{"minimum": 1, "maximum": 9}]`},
		{ID{ClusterProject, KindPhysicalNetwork, "control"}, `"role": "management", "cidrs": ["192.168.0.0/24"]`},
		{ID{ClusterProject, KindPhysicalNetwork, "street"}, `"role": "public"`},
		{ID{ClusterProject, KindHost, "h1"}, `"physicalNetworks": [{"name": "p", "interface": "eth1"}]`},
		{ID{ClusterProject, KindHost, "h2"}, `"bridge": "br9", "physicalNetworks": [{"name": "p", "interface": "eth2"}]`},
		{ID{"alpha", KindNetwork, "blue"}, `"type": "vlan", "physicalNetwork": "p", "subnets": [{"cidr": "10.1.0.0/24", "dhcpServer": "10.1.0.2"}, {"cidr": "2001:db8:a::/64"}]`},
		{ID{"alpha", KindNetwork, "near"}, `"type": "vlan", "physicalNetwork": "p", "subnets": [{"cidr": "10.1.0.0/16"}]`},
		{ID{"alpha", KindNetwork, "upstream"}, `"type": "vlan", "physicalNetwork": "p", "subnets": [{"cidr": "192.0.2.128/25"}]`},
		{ID{"alpha", KindNetwork, "out"}, `"type": "vlan", "physicalNetwork": "p", "subnets": [` +
			`{"cidr": "192.0.2.0/24", "gateway": "192.0.2.254", "dhcpServer": "192.0.2.2", "allocationPools": [{"start": "192.0.2.2", "end": "192.0.2.20"}, {"name": "gold", "start": "192.0.2.30", "end": "192.0.2.39"}, {"start": "192.0.2.254", "end": "192.0.2.254"}]}, ` +
			`{"cidr": "2001:db8:f::/64", "gateway": "2001:db8:f::1"}], "external": {}`},
		{ID{"alpha", KindNetwork, "routed"}, `"type": "vlan", "physicalNetwork": "p", "subnets": [{"cidr": "198.51.100.0/24", "gateway": "198.51.100.1"}, ` +
			`{"cidr": "2001:db8:e::/64", "gateway": "2001:db8:e::1"}], "external": {"ipv6": "routed", "routedPrefixes": [{"cidr": "2001:db8:b::/48"}]}`},
		{ID{"alpha", KindPort, "web"}, `"network": "blue"`},
		{ID{"alpha", KindPort, "lost"}, `"network": "nowhere"`},
	} {
		o, err := DecodeIntent(x.id, []byte(`{"spec": {`+x.spec+`}}`))
		if err != nil {
			t.Fatal(err)
		}
		world[x.id] = o
	}
	return func(id ID) (Object, bool) { o, ok := world[id]; return o, ok }
}

// amongOthers checks that a spec is valid by itself, and that together with the objects that it refers to it is accepted, or refused with
// exactly one error that has these words.
func amongOthers(t *testing.T, kind Kind, faults []fault) {
	t.Helper()
	lookup := place(t)
	id := ID{"alpha", kind, "x"}
	if kind.ClusterScoped() {
		id.Project = ClusterProject
	}
	for _, f := range faults {
		o, err := DecodeIntent(id, []byte(`{"spec": {`+f.spec+`}}`))
		if err != nil {
			t.Fatalf("%s {%s}: %v", kind, f.spec, err)
		}
		errs := ValidateRefs(o, lookup)
		switch {
		case f.field == "" && len(errs) > 0:
			t.Errorf("%s {%s} is refused: %v", kind, f.spec, errs)
		case f.field != "" && (len(errs) != 1 || errs[0].Field != f.field || !strings.Contains(errs[0].Message, f.text) || errs[0].Object != o.ID()):
			t.Errorf("%s {%s}: %v, expected %s: %s", kind, f.spec, errs, f.field, f.text)
		}
	}
}

func TestFloatingIPAmongOthers(t *testing.T) {
	t.Parallel()
	amongOthers(t, KindFloatingIP, []fault{
		{`"network": "out", "address": "192.0.2.3", "port": "web", "fixedAddress": "10.1.0.5"`, "", ""},
		{`"network": "out", "address": "2001:db8:f::9"`, "", ""},
		{`"network": "out", "pool": "gold", "address": "192.0.2.39"`, "", ""},
		{`"network": "gone"`, "spec.network", "does not exist"},
		{`"network": "blue"`, "spec.network", "is no external network"},
		{`"network": "out", "pool": "silver"`, "spec.pool", "has no allocation pool"},
		{`"network": "out", "address": "198.18.0.1"`, "spec.address", "is in no subnet of Network alpha/out"},
		{`"network": "routed", "address": "2001:db8:e::9"`, "spec.address", "guests are reached by their own addresses"},
		{`"network": "out", "address": "192.0.2.0"`, "spec.address", "is the network address"},
		{`"network": "out", "address": "192.0.2.254"`, "spec.address", "is the gateway of"},
		{`"network": "out", "address": "192.0.2.2"`, "spec.address", "is the DHCP server of"},
		{`"network": "out", "address": "192.0.2.30"`, "spec.address", "is in the pool gold of"},
		{`"network": "out", "pool": "gold", "address": "192.0.2.20"`, "spec.address", "is outside the pool gold of"},
		{`"network": "out", "address": "192.0.2.21"`, "spec.address", "is outside the allocation pools of"},
		{`"network": "out", "port": "gone"`, "spec.port", "does not exist"},
		{`"network": "out", "port": "web", "fixedAddress": "10.2.0.5"`, "spec.fixedAddress", "is in no subnet of Network alpha/blue"},
		{`"network": "out", "portForwards": [{"protocol": "tcp", "port": 80, "target": "web", "fixedAddress": "10.2.0.5"}]`, "spec.portForwards[0].fixedAddress", "is in no subnet"},
		{`"network": "out", "portForwards": [{"protocol": "tcp", "port": 80, "target": "gone"}]`, "spec.portForwards[0].target", "does not exist"},
		{`"network": "out", "port": "lost", "fixedAddress": "10.2.0.5"`, "", ""}, // the port is reported already
	})
}

func TestNetworkAmongOthers(t *testing.T) {
	t.Parallel()
	amongOthers(t, KindNetwork, []fault{
		{`"type": "flat", "physicalNetwork": "street", "subnets": [{"cidr": "198.51.100.0/24", "gateway": "198.51.100.1"}], "external": {}`, "", ""},
		{`"type": "flat", "physicalNetwork": "street"`, "", ""},
		{`"type": "flat", "physicalNetwork": "control"`, "spec.physicalNetwork", "PhysicalNetwork control has role management: no network can be on it"},
		{`"type": "vlan", "physicalNetwork": "control"`, "spec.physicalNetwork", "no network can be on it"},
		{`"type": "vlan", "physicalNetwork": "control", "segmentationID": 7, "mtu": 9000`, "spec.physicalNetwork", "no network can be on it"},
		{`"type": "flat", "physicalNetwork": "control", "subnets": [{"cidr": "198.51.100.0/24", "gateway": "198.51.100.1"}], "external": {}`, "spec.physicalNetwork", "no network can be on it"},
		{`"type": "vlan", "physicalNetwork": "p", "segmentationID": 9`, "", ""},
		{`"type": "flat", "physicalNetwork": "p"`, "", ""},
		{`"type": "flat", "physicalNetwork": "p", "mtu": 9001`, "spec.mtu", "is above the"},
		{`"type": "vlan", "physicalNetwork": "p", "segmentationID": 10`, "spec.segmentationID", "is outside the VLAN ranges"},
	})
}

func TestPortAmongOthers(t *testing.T) {
	t.Parallel()
	amongOthers(t, KindPort, []fault{
		{`"network": "blue", "allowedAddressPairs": [{"address": "10.1.0.50"}, {"address": "10.1.0.64/28"}, {"address": "2001:db8:a::50"}, {"address": "172.16.0.0/12"}]`, "", ""},
		{`"network": "blue", "allowedAddressPairs": [{"address": "10.1.0.1"}]`, "spec.allowedAddressPairs[0].address", "is the gateway of 10.1.0.0/24"},
		{`"network": "blue", "allowedAddressPairs": [{"address": "10.1.0.2"}]`, "spec.allowedAddressPairs[0].address", "is the DHCP server of 10.1.0.0/24"},
		{`"network": "blue", "allowedAddressPairs": [{"address": "10.0.0.0/8"}]`, "spec.allowedAddressPairs[0].address", "has 10.1.0.1, which is the gateway"},
		{`"network": "blue", "allowedAddressPairs": [{"address": "10.1.0.0"}]`, "spec.allowedAddressPairs[0].address", "is the network address"},
		{`"network": "blue", "allowedAddressPairs": [{"address": "10.1.0.255"}]`, "spec.allowedAddressPairs[0].address", "is the broadcast address"},
		{`"network": "blue", "allowedAddressPairs": [{"address": "2001:db8:a::/96"}]`, "spec.allowedAddressPairs[0].address", "has 2001:db8:a::1, which is the gateway"},
		{`"network": "near", "allowedAddressPairs": [{"address": "2001:db8:a::50"}]`, "spec.allowedAddressPairs[0].address", "is of a family of which Network near has no subnet"},
		{`"network": "blue", "host": "h1", "migrateTo": "h2", "device": "tap1"`, "", ""},
		{`"network": "blue", "device": "br-int"`, "", ""}, // it has no host yet
		{`"network": "blue", "addresses": ["10.1.0.2"]`, "spec.addresses[0]", "is the DHCP server of"},
		{`"network": "blue", "host": "h1", "migrateTo": "h2", "device": "br9"`, "spec.device", "is the bridge of Host h2"},
		{`"network": "blue", "host": "h1", "device": "br-int"`, "spec.device", "is the bridge of Host h1"},
		{`"network": "blue", "host": "h1", "migrateTo": "h2", "device": "eth2"`, "spec.device", "is an uplink of Host h2"},
	})
}

func TestAddressPoolAmongOthers(t *testing.T) {
	t.Parallel()
	amongOthers(t, KindAddressPool, []fault{
		{`"network": "alpha/blue", "ranges": [{"start": "10.1.0.1", "end": "10.1.0.254"}, {"start": "2001:db8:a::1", "end": "2001:db8:a::ff"}]`, "", ""},
		{`"network": "alpha/gone", "ranges": [{"start": "10.1.0.1", "end": "10.1.0.2"}]`, "spec.network", "does not exist"},
		{`"network": "alpha/blue", "ranges": [{"start": "10.2.0.1", "end": "10.2.0.2"}]`, "spec.ranges[0].start", "is in no subnet of Network alpha/blue"},
		{`"network": "alpha/blue", "ranges": [{"start": "10.1.0.0", "end": "10.1.0.2"}]`, "spec.ranges[0].start", "is the network address"},
		{`"network": "alpha/blue", "ranges": [{"start": "10.1.0.1", "end": "10.1.0.255"}]`, "spec.ranges[0].end", "is the broadcast address"},
		{`"network": "alpha/blue", "ranges": [{"start": "10.1.0.1", "end": "10.1.1.5"}]`, "spec.ranges[0].end", "is not in 10.1.0.0/24"},
		{`"network": "alpha/blue", "ranges": [{"start": "2001:db8:a::", "end": "2001:db8:a::5"}]`, "spec.ranges[0].start", "subnet-router anycast"},
		{`"network": "alpha/out", "ranges": [{"start": "192.0.2.21", "end": "192.0.2.29"}, {"start": "192.0.2.40", "end": "192.0.2.49"}]`, "", ""},
		{`"network": "alpha/out", "ranges": [{"start": "192.0.2.39", "end": "192.0.2.49"}]`, "spec.ranges[0]", "overlaps the allocation pool gold of Network alpha/out"},
	})
}

func TestRouterAmongOthers(t *testing.T) {
	t.Parallel()
	amongOthers(t, KindRouter, []fault{
		{`"networks": ["blue"], "externalNetwork": "out"`, "", ""},
		{`"networks": ["near"], "externalNetwork": "routed"`, "", ""},
		{`"networks": ["blue", "gone"]`, "spec.networks[1]", "does not exist"},
		{`"networks": ["out"]`, "spec.networks[0]", "name it in spec.externalNetwork instead"},
		{`"networks": ["blue"], "externalNetwork": "gone"`, "spec.externalNetwork", "does not exist"},
		{`"networks": ["upstream"], "externalNetwork": "out"`, "spec.externalNetwork", "has 192.0.2.0/24, which overlaps 192.0.2.128/25 of Network alpha/upstream (spec.networks[0])"},
		{`"networks": ["blue", "near"]`, "spec.networks[1]", "overlaps 10.1.0.0/24 of Network alpha/blue"},
		{`"networks": ["blue"], "externalNetwork": "near"`, "spec.externalNetwork", "is no external network"},
		{`"networks": ["blue"], "externalNetwork": "routed"`, "spec.networks[0]", "is in none of its routedPrefixes"},
	})
}

// TestNothingIsSaidOfAnUnknownSpec: if the spec of an object is unknown, nothing is reported about its references.
func TestNothingIsSaidOfAnUnknownSpec(t *testing.T) {
	t.Parallel()
	if errs := ValidateRefs(Object{Kind: KindPort, Metadata: Metadata{Project: "gone", Name: "x"}}, place(t)); len(errs) > 0 {
		t.Errorf("%v", errs)
	}
}

// TestMayRoute: the longest block that a prefix lies in decides who may have it.
func TestMayRoute(t *testing.T) {
	t.Parallel()
	parse := func(s string) Prefix {
		p, err := ParsePrefix(s)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	x := External{RoutedPrefixes: []RoutedPrefix{
		{CIDR: parse("2001:db8::/32")},
		{CIDR: parse("2001:db8:a::/48"), Projects: []string{"alpha"}},
		{CIDR: parse("2001:db8:a:1::/64"), Projects: []string{"beta"}},
		{}, // not read
		{CIDR: parse("2001:db8:c:1::/64"), Projects: []string{"beta"}}, // the longer block before the shorter one
		{CIDR: parse("2001:db8:c::/48"), Projects: []string{"alpha"}},
	}}
	for _, c := range []struct{ project, prefix, why string }{
		{"alpha", "2001:db8:b::/64", ""},
		{"alpha", "2001:db8:a::/64", ""},
		{"beta", "2001:db8:a::/64", "is in 2001:db8:a::/48, which is for routers of other projects"},
		{"beta", "2001:db8:a:1::/64", ""},
		{"alpha", "2001:db8:a:1::/64", "is in 2001:db8:a:1::/64, which is"},
		{"alpha", "2001:db8:a::/63", "takes in 2001:db8:a:1::/64, which is"},
		{"beta", "2001:db8:a:1::/80", ""},
		{"beta", "2001:db8:c:1::/80", ""},
		{"alpha", "2001:db8:c:2::/64", ""},
		{"alpha", "2001:db8:c:1::/80", "is in 2001:db8:c:1::/64, which is for routers of other projects"},
		{"alpha", "2001:db9::/64", "is in none of its routedPrefixes"},
		{"alpha", "2001::/16", "takes in 2001:db8:a:1::/64"},
		{"alpha", "2000::/12", "takes in"},
	} {
		if why := x.MayRoute(c.project, parse(c.prefix)); !strings.HasPrefix(why, c.why) || (c.why == "") != (why == "") {
			t.Errorf("%s for %s: %q, expected %q", c.prefix, c.project, why, c.why)
		}
	}
	if why := (External{}).MayRoute("alpha", parse("2001:db9::/64")); why != "" {
		t.Errorf("without blocks: %q", why)
	}
	if m := (External{}).Mode(); m != ExternalIPv6Translate {
		t.Errorf("IPv6 goes by %q by itself", m)
	}
}

// TestAllots: a pool has its own ranges. Addresses without a pool come from the ranges without a name, or from the block.
func TestAllots(t *testing.T) {
	t.Parallel()
	pool := func(name, start, end string) AllocationPool {
		return AllocationPool{Name: name, Start: address(start), End: address(end)}
	}
	whole := Subnet{CIDR: prefix("10.0.0.0/24")}
	half := Subnet{CIDR: prefix("10.0.0.0/24"), AllocationPools: []AllocationPool{{Name: "gold", End: address("10.0.0.9")}}}
	some := Subnet{CIDR: prefix("10.0.0.0/24"), AllocationPools: []AllocationPool{pool("", "10.0.0.5", "10.0.0.6"), pool("gold", "10.0.0.8", "10.0.0.9"), {Name: "gold"}}}
	for _, c := range []struct {
		subnet        Subnet
		pool, address string
		want          bool
	}{
		{half, "gold", "10.0.0.1", false}, // a pool without a start contains nothing
		{whole, "", "10.0.0.1", true}, {whole, "", "10.0.1.1", false}, {whole, "gold", "10.0.0.1", false},
		{some, "", "10.0.0.4", false}, {some, "", "10.0.0.5", true}, {some, "", "10.0.0.6", true}, {some, "", "10.0.0.7", false},
		{some, "", "10.0.0.8", false}, {some, "gold", "10.0.0.8", true}, {some, "gold", "10.0.0.9", true}, {some, "gold", "10.0.0.5", false},
	} {
		if got := c.subnet.Allots(c.pool, address(c.address)); got != c.want {
			t.Errorf("%s of pool %q: %v", c.address, c.pool, got)
		}
	}
}

// TestErrorText: the reader of an error finds the place, whatever part of it is known.
func TestErrorText(t *testing.T) {
	t.Parallel()
	id := ID{"alpha", KindPort, "x"}
	for want, e := range map[string]FieldError{
		"f:7: Port alpha/x: spec.mac: wrong": {File: "f", Line: 7, Object: id, Field: "spec.mac", Message: "wrong"},
		"f: Port alpha/x: wrong":             {File: "f", Object: id, Message: "wrong"},
		"line 7: Port: wrong":                {Line: 7, Object: ID{Kind: KindPort}, Message: "wrong"},
		"Host h: wrong":                      {Object: ID{Kind: KindHost, Name: "h"}, Message: "wrong"},
		"wrong":                              {Message: "wrong"},
	} {
		if got := e.Error(); got != want {
			t.Errorf("%q, expected %q", got, want)
		}
	}
	if err := (Errors{}).Err(); err != nil {
		t.Errorf("no error is %v", err)
	}
}

// TestManifestDefaults: a manifest may omit the project if the command names one, and nothing else.
func TestManifestDefaults(t *testing.T) {
	t.Parallel()
	decode := func(project, text string) ([]Located, string) {
		l, err := DecodeManifestIn(project, "f", []byte(text))
		if err == nil {
			return l, ""
		}
		return l, err.Error()
	}
	if l, err := decode("alpha", "apiVersion: weft/v1\nkind: Port\nmetadata: {name: x}\nspec: {network: n}\n"); err != "" || l[0].Object.Metadata.Project != "alpha" {
		t.Errorf("%+v, %s", l, err)
	}
	if l, err := decode("alpha", "apiVersion: weft/v1\nkind: Port\nmetadata: {name: x, project: beta}\nspec: {network: n}\n"); err != "" || l[0].Object.Metadata.Project != "beta" {
		t.Errorf("%+v, %s", l, err)
	}
	if l, err := decode("alpha", "apiVersion: weft/v1\nkind: Host\nmetadata: {name: x}\nspec: {}\n"); err != "" || l[0].Object.ID() != (ID{ClusterProject, KindHost, "x"}) {
		t.Errorf("%+v, %s", l, err)
	}
	for text, want := range map[string]string{
		"apiVersion: weft/v1\nmetadata: {name: x}\n":              "kind: is missing: write one of",
		"kind: Host\nmetadata: {name: x}\n":                       "apiVersion: is missing: write weft/v1",
		"just text":                                               "expected fields",
		"apiVersion: weft/v1\nkind: Port\nmetadata: {name: x}\n":  "metadata.project: is missing",
		strings.Repeat("#", MaxManifestBytes+1):                   "are read: split it",
		"apiVersion: weft/v1\nkind: Host\nmetadata: {name: ''}\n": "metadata.name",
	} {
		if _, err := decode("", text); !strings.Contains(err, want) {
			t.Errorf("%.60q: %q, expected %q", text, err, want)
		}
	}
	if _, err := decode("", strings.Repeat("#", MaxManifestBytes)); err != "" {
		t.Errorf("as large as may be: %s", err)
	}
}
