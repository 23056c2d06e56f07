package model

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestBounds: every list has a bound. What exceeds it is reported once, not item by item.
func TestBounds(t *testing.T) {
	t.Parallel()
	many := func(n int, item string) string { return "[" + strings.Repeat(item+",", n-1) + item + "]" }
	addresses := func(n int, format string) string {
		var list []string
		for i := range n {
			list = append(list, fmt.Sprintf(format, i/250+1, i%250+1))
		}
		text, _ := json.Marshal(list)
		return string(text)
	}
	for _, tc := range []struct {
		kind  Kind
		spec  string
		field string
		want  string
	}{
		{KindPort, `"network": "n", "addresses": ` + addresses(17, "10.0.%d.%d"), "spec.addresses", "has 17 items, at most 16"},
		{KindPort, `"network": "n", "addresses": ` + addresses(2000, "10.0.%d.%d"), "spec.addresses", "has 2000 items, at most 1024"},
		{KindNetwork, `"type": "vlan", "physicalNetwork": "p", "dhcp": {"dnsServers": ` + addresses(17, "10.0.%d.%d") + `}`, "spec.dhcp.dnsServers", "at most 16"},
		{KindNetwork, `"type": "vlan", "physicalNetwork": "p", "subnets": ` + subnets(33), "spec.subnets", "has 33 items, at most 32"},
		{KindNetwork, `"type": "vlan", "physicalNetwork": "p", "dhcp": {"domain": "` + strings.Repeat("a.", 127) + `"}`, "spec.dhcp.domain", "has 254 characters, at most 253"},
		{KindPhysicalNetwork, `"mtu": 65522`, "spec.mtu", "use 68 to 65521 bytes"},
		{KindPhysicalNetwork, `"vlanRanges": ` + ranges(65), "spec.vlanRanges", "has 65 items, at most 64"},
		{KindFloatingIP, `"network": "n", "portForwards": ` + forwards(17), "spec.portForwards", "forward 17408 ports in all, at most 16384"},
		{KindHost, `"physicalNetworks": ` + many(2000, `{"name": "p", "interface": "e"}`), "spec.physicalNetworks", "has 2000 items, at most 1024"},
	} {
		id := ID{"alpha", tc.kind, "x"}
		if tc.kind.ClusterScoped() {
			id.Project = ClusterProject
		}
		_, err := DecodeIntent(id, []byte(`{"spec": {`+tc.spec+`}}`))
		errs, _ := err.(Errors)
		if len(errs) != 1 || errs[0].Field != tc.field || !strings.Contains(errs[0].Message, tc.want) {
			t.Errorf("%s with too many: %v, expected %s %s", tc.kind, err, tc.field, tc.want)
		}
	}
}

// Names that hosts refuse, or that their tools understand differently, are refused in the model.
func TestDeviceNamesThatNoHostTakes(t *testing.T) {
	t.Parallel()
	id := ID{"alpha", KindPort, "x"}
	for _, name := range []string{`tap*`, `*`, `tap\"1`, `tap'2`, `tap\\3`, `tap/4`, `tap:5`, `tap%6`, `tap 7`, `-tap8`, `tap\u00e9`, `tap-longer-than-15`, `..`,
		`ovs-system`, `ovs-netdev`, `vxlan_sys_4789`, `gre_sys`, `genev_sys_6081`, `we0123456789ab`, `wl0123456789ab`, `wfb0123456789ab`} {
		_, err := DecodeIntent(id, []byte(`{"spec": {"network": "n", "device": "`+name+`"}}`))
		if errs, _ := err.(Errors); len(errs) != 1 || errs[0].Field != "spec.device" {
			t.Errorf("%s: %v, expected one error about spec.device", name, err)
		}
	}
	for _, name := range []string{"tap#8=v.~+@!", "ovs-tap", "vxlan4789", "wlan0", "we0123456789", "wlp0s20f3"} {
		if _, err := DecodeIntent(id, []byte(`{"spec": {"network": "n", "device": "`+name+`"}}`)); err != nil {
			t.Errorf("a name that hosts take: %v", err)
		}
	}
}

func subnets(n int) string {
	var list []string
	for i := range n {
		list = append(list, fmt.Sprintf(`{"cidr": "10.%d.0.0/24"}`, i))
	}
	return "[" + strings.Join(list, ",") + "]"
}

// forwards returns this number of forwards, each with as many ports as one may have.
func forwards(n int) string {
	var list []string
	for i := range n {
		list = append(list, fmt.Sprintf(`{"protocol": "tcp", "port": "%d-%d", "target": "p"}`, 1024*(i+1), 1024*(i+1)+1023))
	}
	return "[" + strings.Join(list, ",") + "]"
}

func ranges(n int) string {
	var list []string
	for i := range n {
		list = append(list, fmt.Sprintf(`{"minimum": %d, "maximum": %d}`, i+1, i+1))
	}
	return "[" + strings.Join(list, ",") + "]"
}

// TestManyErrors: a hostile file fills neither a terminal nor a status.
func TestManyErrors(t *testing.T) {
	t.Parallel()
	_, err := DecodeManifest("f", []byte(strings.Repeat("---\nkind: "+strings.Repeat("x", 300)+"\n", 500)))
	errs, _ := err.(Errors)
	if len(errs) != MaxErrors+1 || !strings.HasSuffix(errs[MaxErrors].Message, "more errors: correct these first") {
		t.Errorf("%d errors, the last %v", len(errs), errs[len(errs)-1])
	}
}

func TestValidateForeignSpec(t *testing.T) {
	t.Parallel()
	for _, o := range []Object{
		{APIVersion: APIVersion, Kind: KindPort, Metadata: Metadata{Project: "a", Name: "b"}},
		{APIVersion: APIVersion, Kind: KindPort, Metadata: Metadata{Project: "a", Name: "b"}, Spec: &HostSpec{}},
	} {
		if got := Validate(o).Error(); got != "Port a/b: spec: is not the spec of a Port" {
			t.Error(got)
		}
	}
	if got := Validate(Object{APIVersion: APIVersion, Kind: "Volume", Metadata: Metadata{Name: "b"}}).Error(); !strings.Contains(got, `kind: "Volume" is not known`) {
		t.Error(got)
	}
}

// TestValidateRefs checks one object together with others, as the controllers do.
func TestValidateRefs(t *testing.T) {
	t.Parallel()
	world := map[ID]Object{}
	add := func(id ID, spec string) {
		o, err := DecodeIntent(id, []byte(`{"spec": {`+spec+`}}`))
		if err != nil {
			t.Fatal(err)
		}
		world[id] = o
	}
	lookup := func(id ID) (Object, bool) { o, ok := world[id]; return o, ok }
	cluster := func(k Kind, name string) ID { return ID{ClusterProject, k, name} }
	add(cluster(KindProject, "alpha"), ``)
	add(cluster(KindPhysicalNetwork, "p1"), `"vlanRanges": [{"minimum": 100, "maximum": 199}]`)
	add(cluster(KindPhysicalNetwork, "tiny"), `"mtu": 575, "vlanRanges": [{"minimum": 100, "maximum": 199}]`)
	add(cluster(KindPhysicalNetwork, "small"), `"mtu": 1000, "vlanRanges": [{"minimum": 100, "maximum": 199}]`)
	add(cluster(KindPhysicalNetwork, "bare"), ``)
	add(cluster(KindHost, "h1"), `"bridge": "br0", "physicalNetworks": [{"name": "p1", "interface": "eth1"}]`)
	add(ID{"alpha", KindNetwork, "blue"}, `"type": "vlan", "physicalNetwork": "p1", "subnets": [{"cidr": "10.1.0.0/24"}, {"cidr": "2001:db8::/64", "gateway": "2001:db8::9"}]`)
	add(ID{"alpha", KindNetwork, "bare"}, `"type": "vlan", "physicalNetwork": "p1"`)
	world[ID{"alpha", KindNetwork, "unread"}] = Object{Kind: KindNetwork} // it exists, but its spec is not known

	net, port := ID{"alpha", KindNetwork, "n"}, ID{"alpha", KindPort, "p"}
	for _, tc := range []struct {
		id   ID
		spec string
		want string // lines without the object
	}{
		{port, `"network": "blue", "host": "h1", "device": "tap0", "addresses": ["10.1.0.2", "2001:db8::1:1"]`, ""},
		{port, `"network": "alpha/blue"`, ""},
		{port, `"network": "unread", "addresses": ["192.0.2.1"]`, ""},
		{port, `"network": "red", "host": "h9", "migrateTo": "h8"`, "spec.network: Network alpha/red does not exist: create it first, or correct the name\n" +
			"spec.host: Host h9 does not exist: create it first, or correct the name\n" +
			"spec.migrateTo: Host h8 does not exist: create it first, or correct the name"},
		{ID{"beta", KindPort, "p"}, `"network": "alpha/blue"`, "metadata.project: Project beta does not exist: create it first, or correct the name"},
		{port, `"network": "blue", "addresses": ["10.1.0.0", "10.1.0.1", "2001:db8::", "2001:db8::9", "2001:db8:1::5"]`,
			"spec.addresses[0]: 10.1.0.0 is the network address of 10.1.0.0/24: use another\n" +
				"spec.addresses[1]: 10.1.0.1 is kept free for a gateway of 10.1.0.0/24: use another\n" +
				"spec.addresses[2]: 2001:db8:: is the subnet-router anycast address of 2001:db8::/64 (RFC 4291): use another\n" +
				"spec.addresses[3]: 2001:db8::9 is the gateway of 2001:db8::/64: use another\n" +
				"spec.addresses[4]: 2001:db8:1::5 is in no subnet of Network blue: use an address of its subnets"},
		{port, `"network": "blue", "host": "h1", "device": "br0"`, `spec.device: "br0" is the bridge of Host h1: choose another name`},
		{port, `"network": "blue", "host": "h1", "device": "eth1"`, `spec.device: "eth1" is an uplink of Host h1: choose another name`},
		{net, `"type": "vlan", "physicalNetwork": "p1", "segmentationID": 199, "mtu": 1500`, ""},
		{net, `"type": "vlan", "physicalNetwork": "p1", "segmentationID": 200, "mtu": 1501`,
			"spec.segmentationID: 200 is outside the VLAN ranges of PhysicalNetwork p1: choose one inside, or leave it out\n" +
				"spec.mtu: 1501 is above the 1500 bytes that PhysicalNetwork p1 carries: lower it, or raise that one's"},
		{net, `"type": "vlan", "physicalNetwork": "bare", "dhcp": {"mtu": 1600}`,
			"spec.physicalNetwork: PhysicalNetwork bare has no VLAN ranges: give it spec.vlanRanges, or write type flat\n" +
				"spec.dhcp.mtu: 1600 is above the 1500 bytes that PhysicalNetwork bare carries: lower it"},
		{net, `"type": "vlan", "physicalNetwork": "small", "subnets": [{"cidr": "2001:db8::/64"}]`,
			"spec.physicalNetwork: PhysicalNetwork small carries 1000 bytes, too few for the IPv6 subnet: IPv6 needs 1280 (RFC 8200)"},
		{net, `"type": "vlan", "physicalNetwork": "small", "subnets": [{"cidr": "10.0.0.0/24"}]`, ""},
		{net, `"type": "vlan", "physicalNetwork": "tiny", "subnets": [{"cidr": "10.0.0.0/24"}]`,
			"spec.physicalNetwork: PhysicalNetwork tiny carries 575 bytes, too few for the IPv4 subnet: DHCP needs 576 (RFC 2131)"},
		{net, `"type": "vlan", "physicalNetwork": "gone"`, "spec.physicalNetwork: PhysicalNetwork gone does not exist: create it first, or correct the name"},
		{ID{"alpha", KindRouter, "r"}, `"networks": ["blue"]`, ""},
		{ID{"alpha", KindRouter, "r"}, `"networks": ["blue", "bare"]`,
			"spec.networks[1]: Network alpha/bare has no subnet: a router needs an address there; give the network one, or leave it out"},
		{cluster(KindHost, "h2"), `"physicalNetworks": [{"name": "gone", "interface": "eth1"}]`,
			"spec.physicalNetworks[0].name: PhysicalNetwork gone does not exist: create it first, or correct the name"},
	} {
		o, err := DecodeIntent(tc.id, []byte(`{"spec": {`+tc.spec+`}}`))
		if err != nil {
			t.Fatal(err)
		}
		got := strings.ReplaceAll(ValidateRefs(o, lookup).Error(), tc.id.String()+": ", "")
		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tc.spec, diff)
		}
	}
}
