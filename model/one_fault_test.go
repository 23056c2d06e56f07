package model

import (
	"fmt"
	"strings"
	"testing"
)

// fault is a spec and the one thing that is wrong with it; nothing is wrong if field is empty.
type fault struct {
	spec, field, text string
}

// only checks that a spec is accepted, or that it is refused with exactly one error that has these words.
func only(t *testing.T, kind Kind, faults []fault) {
	t.Helper()
	id := ID{"alpha", kind, "x"}
	if kind.ClusterScoped() {
		id.Project = ClusterProject
	}
	for _, f := range faults {
		_, err := DecodeIntent(id, []byte(`{"spec": {`+f.spec+`}}`))
		errs, _ := err.(Errors)
		switch {
		case f.field == "" && err != nil:
			t.Errorf("%s {%s} is refused: %v", kind, f.spec, err)
		case f.field != "" && (len(errs) != 1 || errs[0].Field != f.field || !strings.Contains(errs[0].Message, f.text)):
			t.Errorf("%s {%s}: %v, expected %s: %s", kind, f.spec, err, f.field, f.text)
		}
	}
}

func TestFloatingIPFaults(t *testing.T) {
	t.Parallel()
	forward := func(s string) string {
		return `"network": "n", "portForwards": [{"protocol": "tcp", "target": "p", ` + s + `}]`
	}
	only(t, KindFloatingIP, []fault{
		{`"network": "n"`, "", ""},
		{`"network": "other/n", "pool": "gold", "address": "192.0.2.9", "port": "p", "fixedAddress": "10.0.0.5"`, "", ""},
		{`"port": "p"`, "spec.network", "is missing"},
		{`"network": "n/"`, "spec.network", "write its name, or project/name"},
		{`"network": "N"`, "spec.network", "is no name"},
		{`"network": "n", "pool": "Gold"`, "spec.pool", "is no name"},
		{`"network": "n", "address": "127.0.0.1"`, "spec.address", "use a unicast address"},
		{`"network": "n", "port": "P"`, "spec.port", "is no name"},
		{`"network": "n", "port": "p", "portForwards": [{"protocol": "tcp", "port": 80, "target": "p"}]`, "spec.portForwards", "cannot stand beside spec.port"},
		{`"network": "n", "fixedAddress": "10.0.0.5"`, "spec.fixedAddress", "needs spec.port"},
		{`"network": "n", "port": "p", "fixedAddress": "224.0.0.5"`, "spec.fixedAddress", "use a unicast address"},
		{`"network": "n", "address": "192.0.2.9", "port": "p", "fixedAddress": "2001:db8::5"`, "spec.fixedAddress", "is of another family"},
		{`"network": "n", "address": "2001:db8::9", "port": "p", "fixedAddress": "10.0.0.5"`, "spec.fixedAddress", "is of another family"},
		{forward(`"port": 65535`), "", ""},
		{forward(`"port": "1-1024"`), "", ""},
		{forward(`"port": "1-1025"`), "spec.portForwards[0].port", "has more than 1024 ports"},
		{forward(`"port": "8000-8010", "toPort": 65525`), "", ""},
		{forward(`"port": "8000-8010", "toPort": 65526`), "spec.portForwards[0].toPort", "leaves no room for the 11 ports"},
		{forward(`"port": 80, "fixedAddress": "10.0.0.5"`), "", ""},
		{forward(`"port": 80, "fixedAddress": "127.0.0.5"`), "spec.portForwards[0].fixedAddress", "use a unicast address"},
		{forward(`"toPort": 80`), "spec.portForwards[0].port", "is missing"},
		{forward(`"port": 0`), "spec.portForwards[0].port", "is no port"},
		{forward(`"port": "080"`), "spec.portForwards[0].port", "is no port"},
		{forward(`"port": "+80"`), "spec.portForwards[0].port", "is no port"},
		{forward(`"port": 65536`), "spec.portForwards[0].port", "is no port"},
		{forward(`"port": "90-80"`), "spec.portForwards[0].port", "begins above its end"},
		{`"network": "n", "portForwards": [{"protocol": "tcp", "port": 80}]`, "spec.portForwards[0].target", "is missing"},
		{`"network": "n", "portForwards": [{"port": 80, "target": "p"}]`, "spec.portForwards[0].protocol", "is missing"},
		{`"network": "n", "portForwards": [{"protocol": "icmp", "port": 80, "target": "p"}]`, "spec.portForwards[0].protocol", "is not known"},
		{`"network": "n", "portForwards": [{"protocol": "tcp", "port": "80-90", "target": "p"}, {"protocol": "tcp", "port": "90-99", "target": "p"}]`,
			"spec.portForwards[1].port", "is forwarded already by spec.portForwards[0]"},
		{`"network": "n", "portForwards": [{"protocol": "tcp", "port": "90-99", "target": "p"}, {"protocol": "tcp", "port": "80-90", "target": "p"}]`,
			"spec.portForwards[1].port", "is forwarded already by spec.portForwards[0]"},
		{`"network": "n", "portForwards": [{"protocol": "tcp", "port": "80-90", "target": "p"}, {"protocol": "tcp", "port": "91-99", "target": "p"}]`, "", ""},
		{`"network": "n", "portForwards": [{"protocol": "tcp", "port": 80, "target": "p"}, {"protocol": "udp", "port": 80, "target": "p"}]`, "", ""},
	})
}

// A spec that does not come from text can have values that no text gives.
func TestPortRangeThatNobodyWrote(t *testing.T) {
	t.Parallel()
	for _, r := range []PortRange{{0, 5}, {9, 5}} {
		o := Object{APIVersion: APIVersion, Kind: KindFloatingIP, Metadata: Metadata{Project: "alpha", Name: "x"},
			Spec: &FloatingIPSpec{Network: "n", PortForwards: []PortForward{{Protocol: ProtocolTCP, Port: r, Target: "p"}}}}
		if errs := Validate(o); len(errs) != 1 || errs[0].Field != "spec.portForwards[0].port" || !strings.Contains(errs[0].Message, "is no range") {
			t.Errorf("%v: %v", r, errs)
		}
	}
	twice := []PortForward{{Protocol: ProtocolTCP, Port: PortRange{0, 5}, Target: "p"}, {Protocol: ProtocolTCP, Port: PortRange{0, 5}, Target: "p"}}
	if errs := Validate(Object{APIVersion: APIVersion, Kind: KindFloatingIP, Metadata: Metadata{Project: "alpha", Name: "x"},
		Spec: &FloatingIPSpec{Network: "n", PortForwards: twice}}); len(errs) != 2 || strings.Contains(errs.Error(), "already") {
		t.Errorf("what is no range is said to be taken: %v", errs)
	}
	r := PortRange{1, 2}
	if err := r.UnmarshalText(nil); err != nil || r != (PortRange{}) {
		t.Errorf("nothing is %v, %v", r, err)
	}
	if to := (PortForward{Port: PortRange{80, 90}}).To(); to != 80 {
		t.Errorf("the guest's port is %d by itself", to)
	}
	if to := (PortForward{Port: PortRange{80, 90}, ToPort: 8080}).To(); to != 8080 {
		t.Errorf("the guest's port is %d", to)
	}
}

func TestHostFaults(t *testing.T) {
	t.Parallel()
	uplinks := func(s string) string { return `"physicalNetworks": [` + s + `]` }
	only(t, KindHost, []fault{
		{``, "", ""},
		{`"driver": "ovs", "bridge": "br0", "roles": ["gateway"]`, "", ""},
		{`"driver": "bridge"`, "", ""},
		{`"driver": "dpdk"`, "spec.driver", "is not known: write ovs or bridge"},
		{`"driver": "bridge", "bridge": "br0"`, "spec.bridge", "is for hosts with driver ovs"},
		{`"bridge": "br/0"`, "spec.bridge", "is no interface name"},
		{`"roles": ["storage"]`, "spec.roles[0]", "is not known: write gateway"},
		{`"roles": ["gateway", "gateway"]`, "spec.roles[1]", "is given already"},
		{`"group": "rack-1"`, "", ""},
		{`"group": "Rack 1"`, "spec.group", "is no name"},
		{uplinks(`{"name": "p", "interface": "eth1"}, {"name": "q", "interface": "eth2"}`), "", ""},
		{uplinks(`{"interface": "eth1"}`), "spec.physicalNetworks[0].name", "is missing"},
		{uplinks(`{"name": "p"}`), "spec.physicalNetworks[0].interface", "is missing"},
		{uplinks(`{"name": "p", "interface": "eth1"}, {"name": "p", "interface": "eth2"}`), "spec.physicalNetworks[1].name", "is mapped already"},
		{uplinks(`{"name": "p", "interface": "eth1"}, {"name": "q", "interface": "eth1"}`), "spec.physicalNetworks[1].interface", "is used already by spec.physicalNetworks[0]"},
		{uplinks(`{"name": "p", "interface": "eth1"}, {"name": "q", "interface": "eth2"}, {"name": "r", "interface": "eth1"}`), "spec.physicalNetworks[2].interface", "is used already by spec.physicalNetworks[0]"},
		{uplinks(`{"name": "p", "interface": "br-int"}`), "spec.physicalNetworks[0].interface", "is the host's bridge"},
		{`"bridge": "br0", ` + uplinks(`{"name": "p", "interface": "br0"}`), "spec.physicalNetworks[0].interface", "is the host's bridge"},
		{`"bridge": "br0", ` + uplinks(`{"name": "p", "interface": "br-int"}`), "", ""},
	})
}

func TestAddressPoolFaults(t *testing.T) {
	t.Parallel()
	p := func(s string) string {
		return `"network": "alpha/n", "ranges": [{"start": "10.0.0.5", "end": "10.0.0.9"}], ` + s
	}
	ranges := func(s string) string { return `"network": "alpha/n", "ranges": [` + s + `]` }
	only(t, KindAddressPool, []fault{
		{p(`"hostGroups": ["rack1", "rack2"], "exclude": ["10.0.0.7", "10.0.0.8-10.0.0.99"], "holdTime": "1h", "priority": -7, "drain": true`), "", ""},
		{`"ranges": [{"start": "10.0.0.5", "end": "10.0.0.9"}]`, "spec.network", "is missing"},
		{`"network": "n", "ranges": [{"start": "10.0.0.5", "end": "10.0.0.9"}]`, "spec.network", "names no project: write project/name"},
		{`"network": "alpha/N", "ranges": [{"start": "10.0.0.5", "end": "10.0.0.9"}]`, "spec.network", "is no network"},
		{`"network": "alpha/n"`, "spec.ranges", "is missing"},
		{ranges(`{"end": "10.0.0.9"}`), "spec.ranges[0].start", "is missing"},
		{ranges(`{"start": "10.0.0.9"}`), "spec.ranges[0].end", "is missing"},
		{ranges(`{"start": "10.0.0.9", "end": "2001:db8::1"}`), "spec.ranges[0]", "are of different families"},
		{ranges(`{"start": "10.0.0.9", "end": "10.0.0.8"}`), "spec.ranges[0]", "exchange them"},
		{ranges(`{"start": "10.0.0.9", "end": "10.0.0.9"}`), "", ""},
		{ranges(`{"start": "127.0.0.9", "end": "128.0.0.9"}`), "spec.ranges[0].start", "use a unicast address"},
		{ranges(`{"start": "10.0.0.5", "end": "10.0.0.9"}, {"start": "10.0.0.9", "end": "10.0.0.12"}`), "spec.ranges[1]", "overlaps spec.ranges[0]"},
		{ranges(`{"start": "10.0.0.5", "end": "10.0.0.9"}, {"start": "10.0.0.10", "end": "10.0.0.12"}, {"start": "2001:db8::1", "end": "2001:db8::9"}`), "", ""},
		{p(`"exclude": ["10.0.0.10"]`), "spec.exclude[0]", "is in none of spec.ranges"},
		{p(`"exclude": ["2001:db8::5"]`), "spec.exclude[0]", "is in none of spec.ranges"},
		{p(`"exclude": ["10.0.0.4-10.0.0.5"]`), "", ""},
		{p(`"exclude": ["10.0.0.0/29"]`), "spec.exclude[0]", "is not an IPv4 or IPv6 address"},
		{p(`"hostGroups": ["Rack"]`), "spec.hostGroups[0]", "is no name"},
		{p(`"hostGroups": ["rack1", "rack1"]`), "spec.hostGroups[1]", "is given twice"},
		{p(`"holdTime": "1s"`), "", ""},
		{p(`"holdTime": "8760h"`), "", ""},
		{p(`"holdTime": "999ms"`), "spec.holdTime", "is out of range"},
		{p(`"holdTime": "1500ms"`), "spec.holdTime", "is out of range"},
		{p(`"holdTime": "8760h1s"`), "spec.holdTime", "is out of range"},
		{p(`"priority": 1000000`), "", ""},
		{p(`"priority": -1000001`), "spec.priority", "is out of range"},
		{p(`"priority": 1000001`), "spec.priority", "is out of range"},
		{p(`"drain": "yes"`), "spec.drain", "expected true or false, found the text"},
		{p(`"drain": 1`), "spec.drain", "expected true or false, found the number"},
		{p(`"drain": false`), "", ""},
	})
}

func TestPhysicalNetworkFaults(t *testing.T) {
	t.Parallel()
	only(t, KindPhysicalNetwork, []fault{
		{`"mtu": 68, "vlanRanges": [{"minimum": 1, "maximum": 4094}]`, "", ""},
		{`"mtu": 65521, "vlanRanges": [{"minimum": 5, "maximum": 9}, {"minimum": 10, "maximum": 10}, {"minimum": 1, "maximum": 4}]`, "", ""},
		{`"mtu": 67`, "spec.mtu", "is out of range"},
		{`"mtu": 65522`, "spec.mtu", "is out of range"},
		{`"vlanRanges": [{"minimum": 0, "maximum": 9}]`, "spec.vlanRanges[0].minimum", "0 is no VLAN id"},
		{`"vlanRanges": [{"minimum": 1, "maximum": 4095}]`, "spec.vlanRanges[0].maximum", "4095 is no VLAN id"},
		{`"vlanRanges": [{"minimum": 9, "maximum": 0}]`, "spec.vlanRanges[0].maximum", "0 is no VLAN id"},
		{`"vlanRanges": [{"minimum": 9, "maximum": 8}]`, "spec.vlanRanges[0]", "exchange them"},
		{`"vlanRanges": [{"minimum": 1, "maximum": 9}, {"minimum": 9, "maximum": 12}]`, "spec.vlanRanges[1]", "overlaps spec.vlanRanges[0]"},
		{`"vlanRanges": [{"minimum": 5, "maximum": 9}, {"minimum": 1, "maximum": 5}]`, "spec.vlanRanges[1]", "overlaps spec.vlanRanges[0]"},
		{`"role": "public", "vlanRanges": [{"minimum": 5, "maximum": 9}]`, "", ""},
		{`"role": "service", "vlanRanges": [{"minimum": 5, "maximum": 9}]`, "", ""},
		{`"role": "management", "cidrs": ["192.0.2.0/24", "2001:db8:5::/64", "198.51.100.7/32"]`, "", ""},
		{`"role": "storage"`, "spec.role", "is not known: write public, service or management"},
		{`"role": 7`, "spec.role", "expected text"},
		{`"cidrs": ["192.0.2.0/24"]`, "spec.cidrs", "are for a physical network with role management"},
		{`"role": "public", "cidrs": ["192.0.2.0/24"]`, "spec.cidrs", "are for a physical network with role management"},
		{`"role": "management"`, "spec.cidrs", "are missing"},
		{`"role": "management", "cidrs": [""]`, "spec.cidrs[0]", "is empty"},
		{`"role": "management", "cidrs": ["192.0.2.1/24"]`, "spec.cidrs[0]", "has host bits set"},
		{`"role": "management", "cidrs": ["::ffff:192.0.2.0/120"]`, "spec.cidrs[0]", "is an IPv4-mapped network"},
		{`"role": "management", "cidrs": ["0.0.0.0/0"]`, "spec.cidrs[0]", "has a length of 0"},
		{`"role": "management", "cidrs": ["2000::/7"]`, "spec.cidrs[0]", "has a length of 7"},
		{`"role": "management", "cidrs": ["169.254.169.254/32"]`, "spec.cidrs[0]", "touches link-local"},
		{`"role": "management", "cidrs": ["fd00:5745:4654::/64"]`, "spec.cidrs[0]", "touches what routers use"},
		{`"role": "management", "cidrs": ["10.0.0.0/8", "10.1.0.0/16"]`, "spec.cidrs[1]", "overlaps spec.cidrs[0]"},
		{`"role": "management", "cidrs": ["192.0.2.0/24"], "vlanRanges": [{"minimum": 5, "maximum": 9}]`, "spec.vlanRanges", "cannot stand beside role management"},
	})
	p := PhysicalNetworkSpec{VLANRanges: []VLANRange{{100, 199}, {300, 300}}}
	for vlan, want := range map[uint16]bool{99: false, 100: true, 199: true, 200: false, 299: false, 300: true, 301: false} {
		if p.Allows(vlan) != want {
			t.Errorf("VLAN %d is allowed: %v", vlan, !want)
		}
	}
	if got := p.EffectiveMTU(); got != DefaultMTU {
		t.Errorf("the MTU is %d by itself", got)
	}
}

// TestSmallSubnetFaults: blocks down to a single address, and gateways outside of them.
func TestSmallSubnetFaults(t *testing.T) {
	t.Parallel()
	n := func(s string) string { return `"type": "vlan", "physicalNetwork": "p", ` + s }
	only(t, KindNetwork, []fault{
		{n(`"subnets": [{"cidr": "10.0.0.0/30"}, {"cidr": "10.0.0.4/31"}, {"cidr": "10.0.0.6/32"}]`), "", ""},
		{n(`"subnets": [{"cidr": "2001:db8::/126"}, {"cidr": "2001:db8::4/127"}, {"cidr": "2001:db8::6/128"}]`), "", ""},
		{n(`"subnets": [{"cidr": "10.0.0.4/31", "gateway": "10.0.0.4"}, {"cidr": "2001:db8::4/127", "gateway": "2001:db8::4"}]`), "", ""},
		{n(`"subnets": [{"cidr": "10.0.0.4/30", "gateway": "10.0.0.7"}]`), "spec.subnets[0].gateway", "is the broadcast address"},
		{n(`"subnets": [{"cidr": "10.0.0.6/32", "gateway": "192.0.2.1"}, {"cidr": "10.0.0.7/32", "gateway": "192.0.2.1"}]`), "", ""},
		{n(`"subnets": [{"cidr": "10.0.0.6/32", "gateway": "169.254.0.1"}, {"cidr": "2001:db8::6/128", "gateway": "fe80::1"}]`), "", ""},
		{n(`"subnets": [{"cidr": "10.0.0.6/32", "gateway": "169.254.169.254"}]`), "spec.subnets[0].gateway", "Weft's own servers"},
		{n(`"subnets": [{"cidr": "10.0.0.6/32", "gateway": "224.0.0.1"}]`), "spec.subnets[0].gateway", "multicast"},
		{n(`"subnets": [{"cidr": "10.0.0.6/32", "gateway": "fe80::1"}]`), "spec.subnets[0].gateway", "not of the family"},
		{n(`"subnets": [{"cidr": "2001:db8::/64", "gateway": "fe80::a9fe:a9fe"}]`), "spec.subnets[0].gateway", "Weft's own servers"},
		{n(`"subnets": [{"cidr": "2001:db8::6/128", "gateway": "192.0.2.1"}]`), "spec.subnets[0].gateway", "not of the family"},
		{n(`"subnets": [{"cidr": "2001:db8::6/128", "gateway": "2001:db8:1::1"}]`), "spec.subnets[0].gateway", "only by its link-local address"},
		{n(`"subnets": [{"cidr": "10.0.0.0/24", "dhcpServer": "169.254.169.254"}]`), "", ""},
		{n(`"subnets": [{"cidr": "10.0.0.0/24", "dhcpServer": "169.254.169.253"}]`), "spec.subnets[0].dhcpServer", "is not in"},
		{n(`"subnets": [{"cidr": "10.0.0.6/32", "gateway": "192.0.2.1"}], "dhcp": {"routes": [{"destination": "10.9.0.0/16", "nextHop": "192.0.2.1"}]}`), "", ""},
	})
}

func TestNetworkFaults(t *testing.T) {
	t.Parallel()
	n := func(s string) string { return `"type": "vlan", "physicalNetwork": "p", ` + s }
	subnet := func(s string) string { return n(`"subnets": [{"cidr": "10.0.0.0/24"` + s + `}]`) }
	external := func(s string) string {
		return n(`"subnets": [{"cidr": "10.0.0.0/24", "gateway": "10.0.0.254"}], "external": {` + s + `}`)
	}
	only(t, KindNetwork, []fault{
		{`"type": "vlan", "physicalNetwork": "p"`, "", ""},
		{`"physicalNetwork": "p"`, "spec.type", "is missing: write vlan"},
		{`"type": "vxlan", "physicalNetwork": "p"`, "spec.type", "is not known: write vlan"},
		{`"type": "vlan"`, "spec.physicalNetwork", "is missing"},
		{`"type": "vlan", "physicalNetwork": "P"`, "spec.physicalNetwork", "is no name"},
		{n(`"segmentationID": 4094`), "", ""},
		{n(`"segmentationID": 4095`), "spec.segmentationID", "is no VLAN id"},
		{n(`"isolateGuests": true`), "", ""},
		{n(`"isolateGuests": false`), "", ""},
		{n(`"isolateGuests": "true"`), "spec.isolateGuests", "expected true or false, found"},
		{n(`"isolateGuests": 1`), "spec.isolateGuests", "expected true or false, found the number 1"},
		{n(`"isolateGuests": null`), "spec.isolateGuests", "expected true or false"},
		{n(`"isolateGuests": [true]`), "spec.isolateGuests", "expected true or false, found a list"},
		{`"type": "flat", "physicalNetwork": "p"`, "", ""},
		{`"type": "flat", "physicalNetwork": "p", "isolateGuests": true, "external": {}, "subnets": [{"cidr": "192.0.2.0/24", "gateway": "192.0.2.1"}]`, "", ""},
		{`"type": "flat", "physicalNetwork": "p", "segmentationID": 7`, "spec.segmentationID", "7 cannot stand beside type flat, whose frames have no tag"},
		{`"type": "flat", "physicalNetwork": "p", "segmentationID": 4095`, "spec.segmentationID", "4095 cannot stand beside type flat"},
		{`"type": "flat"`, "spec.physicalNetwork", "name the PhysicalNetwork that carries the network"},
		{`"type": "Flat", "physicalNetwork": "p"`, "spec.type", "is not known: write vlan or flat"},
		{n(`"mtu": 68`), "", ""},
		{n(`"mtu": 67`), "spec.mtu", "is out of range"},
		{n(`"mtu": -1`), "spec.mtu", "is out of range"},
		{n(`"mtu": 576, "subnets": [{"cidr": "10.0.0.0/24"}]`), "", ""},
		{n(`"mtu": 575, "subnets": [{"cidr": "10.0.0.0/24"}]`), "spec.mtu", "is too small for the IPv4 subnet"},
		{n(`"mtu": 68, "subnets": [{"cidr": "10.0.0.0/24"}]`), "spec.mtu", "is too small for the IPv4 subnet"},
		{n(`"mtu": 1280, "subnets": [{"cidr": "2001:db8::/64"}]`), "", ""},
		{n(`"mtu": 1279, "subnets": [{"cidr": "2001:db8::/64"}]`), "spec.mtu", "is too small for the IPv6 subnet"},
		{n(`"subnets": [{}]`), "spec.subnets[0].cidr", "is missing"},
		{n(`"subnets": [{"cidr": "8.0.0.0/7"}]`), "spec.subnets[0].cidr", "has a length of 7"},
		{n(`"subnets": [{"cidr": "127.1.0.0/24"}]`), "spec.subnets[0].cidr", "use a unicast block"},
		{n(`"subnets": [{"cidr": "10.0.0.0/24"}, {"cidr": "10.0.0.128/25"}]`), "spec.subnets[1].cidr", "overlaps spec.subnets[0]"},
		{subnet(`, "gateway": "10.0.1.1"`), "", ""},
		{subnet(`, "gateway": "10.0.0.0"`), "spec.subnets[0].gateway", "is the network address"},
		{subnet(`, "gateway": "10.0.0.255"`), "spec.subnets[0].gateway", "is the broadcast address"},
		{n(`"subnets": [{"cidr": "2001:db8::/64", "gateway": "2001:db8::"}]`), "spec.subnets[0].gateway", "subnet-router anycast"},
		{n(`"subnets": [{"cidr": "2001:db8::/64", "gateway": "2001:db8::ffff:ffff:ffff:ffff"}]`), "", ""},
		{subnet(`, "dhcpServer": "10.0.0.2"`), "", ""},
		{subnet(`, "dhcpServer": "10.0.0.1"`), "spec.subnets[0].dhcpServer", "is kept free for a gateway"},
		{subnet(`, "gateway": "10.0.0.9", "dhcpServer": "10.0.0.1"`), "", ""},
		{subnet(`, "gateway": "10.0.0.9", "dhcpServer": "10.0.0.9"`), "spec.subnets[0].dhcpServer", "is the gateway"},
		{subnet(`, "dhcpServer": "10.0.0.255"`), "spec.subnets[0].dhcpServer", "is the broadcast address"},
		{n(`"subnets": [{"cidr": "2001:db8::/64", "dhcpServer": "2001:db8::2"}]`), "spec.subnets[0].dhcpServer", "is for IPv4 subnets"},
		{subnet(`, "allocationPools": [{"start": "10.0.0.9", "end": "10.0.0.9"}, {"start": "10.0.0.10", "end": "10.0.0.20"}]`), "", ""},
		{subnet(`, "allocationPools": [{"end": "10.0.0.9"}]`), "spec.subnets[0].allocationPools[0].start", "is missing"},
		{subnet(`, "allocationPools": [{"start": "10.0.0.9", "end": "10.0.1.9"}]`), "spec.subnets[0].allocationPools[0].end", "is not in"},
		{subnet(`, "allocationPools": [{"start": "10.0.0.9", "end": "10.0.0.8"}]`), "spec.subnets[0].allocationPools[0]", "exchange them"},
		{subnet(`, "allocationPools": [{"start": "10.0.0.9", "end": "10.0.0.12"}, {"start": "10.0.0.12", "end": "10.0.0.20"}]`), "spec.subnets[0].allocationPools[1]", "overlaps"},
		{subnet(`, "allocationPools": [{"name": "gold", "start": "10.0.0.9", "end": "10.0.0.9"}]`), "spec.subnets[0].allocationPools[0].name", "only an external network has"},
		{n(`"addressMobility": "region"`), "", ""},
		{n(`"addressMobility": "hostGroup"`), "", ""},
		{n(`"addressMobility": "rack"`), "spec.addressMobility", "is not known: write region or hostGroup"},
		{external(``), "", ""},
		{external(`"ipv6": "routed"`), "", ""},
		{external(`"ipv6": "tunnel"`), "spec.external.ipv6", "is not known"},
		{n(`"external": {}`), "spec.subnets", "is missing"},
		{n(`"subnets": [{"cidr": "10.0.0.0/24"}], "external": {}`), "spec.subnets[0].gateway", "is missing"},
	})
}

func TestNetworkDHCPFaults(t *testing.T) {
	t.Parallel()
	n := func(s string) string { return `"type": "vlan", "physicalNetwork": "p", ` + s }
	only(t, KindNetwork, []fault{
		{n(`"dhcp": {"dnsServers": ["10.0.0.1", "10.0.0.1"]}`), "spec.dhcp.dnsServers[1]", "is given already"},
		{n(`"dhcp": {"ntpServers": ["0.0.0.0"]}`), "spec.dhcp.ntpServers[0]", "use a unicast address"},
		{n(`"dhcp": {"domain": "a..b"}`), "spec.dhcp.domain", "is no DNS name"},
		{n(`"dhcp": {"leaseTime": "1m"}`), "", ""},
		{n(`"dhcp": {"leaseTime": "8760h"}`), "", ""},
		{n(`"dhcp": {"leaseTime": "59s"}`), "spec.dhcp.leaseTime", "is out of range"},
		{n(`"dhcp": {"leaseTime": "8760h1s"}`), "spec.dhcp.leaseTime", "is out of range"},
		{n(`"dhcp": {"leaseTime": "90.5s"}`), "spec.dhcp.leaseTime", "use whole seconds"},
		{n(`"mtu": 1400, "dhcp": {"mtu": 1400}`), "", ""},
		{n(`"mtu": 1400, "dhcp": {"mtu": 1401}`), "spec.dhcp.mtu", "is above the network's MTU"},
		{n(`"dhcp": {"mtu": 67}`), "spec.dhcp.mtu", "is out of range"},
		{n(`"subnets": [{"cidr": "10.0.0.0/24"}], "dhcp": {"routes": [{"destination": "0.0.0.0/0", "nextHop": "10.0.0.9"}]}`), "", ""},
		{n(`"subnets": [{"cidr": "10.0.0.0/24"}], "dhcp": {"routes": [{"nextHop": "10.0.0.9"}]}`), "spec.dhcp.routes[0].destination", "is missing"},
		{n(`"subnets": [{"cidr": "10.0.0.0/24"}], "dhcp": {"routes": [{"destination": "2001:db8::/64", "nextHop": "10.0.0.9"}]}`), "spec.dhcp.routes[0].destination", "is not IPv4"},
		{n(`"subnets": [{"cidr": "10.0.0.0/24"}], "dhcp": {"routes": [{"destination": "224.0.0.0/8", "nextHop": "10.0.0.9"}]}`), "spec.dhcp.routes[0].destination", "no route leads there"},
		{n(`"subnets": [{"cidr": "10.0.0.0/24"}], "dhcp": {"routes": [{"destination": "10.9.0.0/24"}]}`), "spec.dhcp.routes[0].nextHop", "is missing"},
		{n(`"subnets": [{"cidr": "2001:db8::/64"}], "dhcp": {"routes": [{"destination": "10.9.0.0/24", "nextHop": "2001:db8::9"}]}`), "spec.dhcp.routes[0].nextHop", "is not IPv4"},
		{n(`"subnets": [{"cidr": "10.0.0.0/24"}], "dhcp": {"routes": [{"destination": "10.9.0.0/24", "nextHop": "10.0.1.9"}]}`), "spec.dhcp.routes[0].nextHop", "is in no subnet of the network"},
		{n(`"subnets": [{"cidr": "10.0.0.0/24"}], "dhcp": {"routes": [{"destination": "10.9.0.0/24", "nextHop": "10.0.0.9"}, {"destination": "10.9.0.0/24", "nextHop": "10.0.0.8"}]}`),
			"spec.dhcp.routes[1].destination", "is given already"},
	})
}

func TestExternalFaults(t *testing.T) {
	t.Parallel()
	x := func(s string) string {
		return `"type": "vlan", "physicalNetwork": "p", "subnets": [{"cidr": "10.0.0.0/24", "gateway": "10.0.0.254"}], "external": {` + s + `}`
	}
	limits := func(s string) string { return x(`"connectionLimits": {` + s + `}`) }
	blocks := func(s string) string { return x(`"ipv6": "routed", "routedPrefixes": [` + s + `]`) }
	const at = "spec.external.connectionLimits."
	only(t, KindNetwork, []fault{
		{limits(`"perRouter": 16`), "", ""},
		{limits(`"perRouter": 15`), at + "perRouter", "is out of range"},
		{limits(`"perRouter": 1048576`), "", ""},
		{limits(`"perRouter": 1048577`), at + "perRouter", "is out of range"},
		{limits(`"newPerSecond": 1`), "", ""},
		{limits(`"newPerSecond": -1`), at + "newPerSecond", "is out of range"},
		{limits(`"newPerSecond": 1048577`), at + "newPerSecond", "is out of range"},
		{limits(`"perRouter": 100000, "perDestination": 64512`), "", ""},
		{limits(`"perRouter": 100000, "perDestination": 64513`), at + "perDestination", "is out of range"},
		{limits(`"perDestination": -1`), at + "perDestination", "is out of range"},
		{limits(`"perRouter": 20, "perDestination": 20`), "", ""},
		{limits(`"perRouter": 20, "perDestination": 21`), at + "perDestination", "is above perRouter (20)"},
		{blocks(`{"cidr": "2001:db8::/32", "projects": ["alpha", "beta"]}, {"cidr": "2001:db8:1::/48"}`), "", ""},
		{x(`"routedPrefixes": [{"cidr": "2001:db8::/32"}]`), "spec.external.routedPrefixes", "is for external networks that route IPv6"},
		{blocks(`{}`), "spec.external.routedPrefixes[0].cidr", "is missing"},
		{blocks(`{"cidr": "10.0.0.0/8"}`), "spec.external.routedPrefixes[0].cidr", "is not IPv6"},
		{blocks(`{"cidr": "2001:db8::/32"}, {"cidr": "2001:db8::/32"}`), "spec.external.routedPrefixes[1].cidr", "is given already"},
		{blocks(`{"cidr": "2001:db8::/32", "projects": ["A"]}`), "spec.external.routedPrefixes[0].projects[0]", "is no name"},
		{blocks(`{"cidr": "2001:db8::/32", "projects": ["a", "a"]}`), "spec.external.routedPrefixes[0].projects[1]", "is given twice"},
	})
}

func TestRouterFaults(t *testing.T) {
	t.Parallel()
	only(t, KindRouter, []fault{
		{`"networks": ["a", "b"], "externalNetwork": "beta/x", "gateway": "centralized"`, "", ""},
		{`"networks": ["a"], "gateway": "anycast"`, "spec.gateway", "is not known"},
		{`"networks": ["a"], "externalNetwork": "X"`, "spec.externalNetwork", "is no name"},
		{`"networks": ["a"], "externalNetwork": "x/Y"`, "spec.externalNetwork", "is no network"},
		{``, "spec.networks", "is missing"},
		{`"networks": ["a", "A"]`, "spec.networks[1]", "is no name"},
		{`"networks": ["a", "b", "a"]`, "spec.networks[2]", "is given already by spec.networks[0]"},
		{`"networks": [` + names(24) + `]`, "", ""},
		{`"networks": [` + names(25) + `]`, "spec.networks", "has 25 items, at most 24"},
	})
}

// TestAddressPairFaults: an address or a prefix of either family, and a MAC.
func TestAddressPairFaults(t *testing.T) {
	t.Parallel()
	pairs := func(s string) string { return `"network": "n", "allowedAddressPairs": [` + s + `]` }
	one := func(s string) string { return pairs(`{"address": "` + s + `"}`) }
	mac := func(s string) string { return pairs(`{"address": "10.0.0.50", "mac": "` + s + `"}`) }
	const at = "spec.allowedAddressPairs[0]"
	only(t, KindPort, []fault{
		{one("10.0.0.50"), "", ""}, {one("10.0.0.64/28"), "", ""}, {one("10.0.0.64/32"), "", ""}, {one("2001:db8::5"), "", ""}, {one("2001:db8::/64"), "", ""},
		{one("10.0.0.300"), at + ".address", "is not an IPv4 or IPv6 address"},
		{one("10.0.0.0/33"), at + ".address", "is not a network in CIDR notation"},
		{one("fe80::1%eth0"), at + ".address", "carries a zone"},
		{one("10.0.0.65/28"), at + ".address", "has host bits set: write 10.0.0.64/28"},
		{one("2001:db8::1/64"), at + ".address", "has host bits set: write 2001:db8::/64"},
		{one("0.0.0.0/0"), at + ".address", "would allow every address"},
		{one("::/0"), at + ".address", "would allow every address"},
		{one("0.0.0.0"), at + ".address", "is reserved"}, {one("::"), at + ".address", "is reserved"},
		{one("127.0.0.1"), at + ".address", "loopback"}, {one("::1"), at + ".address", "reserved"},
		{one("224.0.0.18"), at + ".address", "multicast"}, {one("ff02::12"), at + ".address", "multicast"}, {one("255.255.255.255"), at + ".address", "reserved"},
		{one("169.254.169.254"), at + ".address", "link-local"}, {one("fe80::1"), at + ".address", "link-local"},
		{one("169.254.0.0/24"), at + ".address", "overlaps what is link-local"}, {one("169.252.0.0/14"), at + ".address", "overlaps what is link-local"},
		{one("fe00::/8"), at + ".address", "overlaps what is link-local"}, {one("128.0.0.0/1"), at + ".address", "overlaps what is"},
		{one(""), at + ".address", "is empty"}, {pairs(`{}`), at + ".address", "is missing"},
		{pairs(`{"address": "10.0.0.50"}, {"address": "10.0.0.50/32"}`), "spec.allowedAddressPairs[1]", "10.0.0.50 is given already by spec.allowedAddressPairs[0]"},
		{pairs(`{"address": "10.0.0.50"}, {"address": "10.0.0.50", "mac": "00:00:5e:00:01:33"}`), "", ""},
		{pairs(`{"address": "10.0.0.50"}, {"address": "10.0.0.50", "mac": "52:54:00:00:00:01"}`) + `, "mac": "52:54:00:00:00:01"`, "spec.allowedAddressPairs[1]", "is given already"},
		{mac("00:00:5e:00:01:33"), "", ""},
		{mac("01:00:5e:00:01:33"), at + ".mac", "is a multicast address"},
		{mac("00:00:00:00:00:00"), at + ".mac", "is the all-zero address"},
		{mac("02:57:45:46:54:01"), at + ".mac", "is the address of Weft's own servers"},
		{mac("02:57:45:46:54:02"), at + ".mac", "is the address of Weft's own routers"},
		{pairs(`{"address": "10.0.0.50", "ip": "10.0.0.51"}`), at + ".ip", "unknown field"},
	})
}

func names(n int) string {
	var list []string
	for i := range n {
		list = append(list, fmt.Sprintf("%q", fmt.Sprint("n", i)))
	}
	return strings.Join(list, ",")
}

func TestPortFaults(t *testing.T) {
	t.Parallel()
	p := func(s string) string { return `"network": "n", ` + s }
	only(t, KindPort, []fault{
		{`"network": "n"`, "", ""},
		{p(`"host": "h1", "migrateTo": "h2", "mac": "02:00:00:00:00:01", "addresses": ["10.0.0.5"], "device": "tap1", "interfaceID": "a_b.c-d", "hostname": "Web.example"`), "", ""},
		{`"host": "h1"`, "spec.network", "is missing"},
		{p(`"host": "H1"`), "spec.host", "is no name"},
		{p(`"migrateTo": "h2"`), "spec.migrateTo", "needs spec.host"},
		{p(`"host": "h1", "migrateTo": "h1"`), "spec.migrateTo", "is the host the guest runs on"},
		{p(`"host": "h1", "migrateTo": "H2"`), "spec.migrateTo", "is no name"},
		{p(`"mac": "02:57:45:46:54:01"`), "spec.mac", "is the address of Weft's own servers"},
		{p(`"mac": "02:57:45:46:54:02"`), "spec.mac", "is the address of Weft's own routers"},
		{p(`"mac": "03:00:00:00:00:01"`), "spec.mac", "multicast"},
		{p(`"addresses": ["10.0.0.5", "2001:db8::5", "10.0.0.5"]`), "spec.addresses[2]", "is given already by spec.addresses[0]"},
		{p(`"addresses": ["169.254.1.1"]`), "spec.addresses[0]", "use a unicast address"},
		{p(`"device": "lo"`), "spec.device", "is reserved by Linux"},
		{p(`"device": "."`), "spec.device", "is reserved by Linux"},
		{p(`"device": "all"`), "spec.device", "is reserved by Linux"},
		{p(`"device": "default"`), "spec.device", "is reserved by Linux"},
		{p(`"interfaceID": "-a"`), "spec.interfaceID", "is no interface id"},
		{p(`"interfaceID": "` + strings.Repeat("a", 64) + `"`), "", ""},
		{p(`"interfaceID": "` + strings.Repeat("a", 65) + `"`), "spec.interfaceID", "is no interface id"},
		{p(`"hostname": "a_b"`), "spec.hostname", "is no DNS name"},
		{p(`"hostname": "` + strings.Repeat("a", 64) + `"`), "spec.hostname", "is no DNS name"},
	})
}
