package planner

import (
	"slices"
	"strings"
	"testing"

	"weft/etcdschema"
	"weft/model"
	"weft/model/desired"
	"weft/reconcile/control/internal/fixture"
)

const managementSpec = `{"spec":{"role":"management","cidrs":["192.0.2.0/24","2001:db8:5::/64"]}}`

func physical(name string) model.ID {
	return model.ID{Project: model.ClusterProject, Kind: model.KindPhysicalNetwork, Name: name}
}

// TestNoNetworkOnManagement: in whatever order they are declared, no network is on a management network. What was accepted stays, and the
// neighbours go on.
func TestNoNetworkOnManagement(t *testing.T) {
	t.Parallel()
	red, control := fixture.Network("red"), physical("control")
	vlan := func(on, more string) string {
		return `{"spec":{"type":"vlan","physicalNetwork":"` + on + `","subnets":[{"cidr":"10.7.0.0/24"}]` + more + `}}`
	}
	const plain = `{"spec":{"vlanRanges":[{"minimum":5,"maximum":9}]}}`
	const onIt = "spec.physicalNetwork: PhysicalNetwork control has role management: no network can be on it"
	const used = "spec.role: Network alpha/red is on the physical network, and none can be on one with role management"
	runSteps(t, map[string][]step{
		"the role first": {
			{put: map[model.ID]string{control: managementSpec}, want: map[model.ID]string{control: "Accepted"}},
			{put: map[model.ID]string{red: vlan("control", "")}, want: map[model.ID]string{red: "Invalid|" + onIt, fixture.Blue: "Accepted"}},
			{put: map[model.ID]string{red: strings.Replace(vlan("control", ""), "vlan", "flat", 1)}, want: map[model.ID]string{red: "Invalid|" + onIt}},
			{
				put:  map[model.ID]string{control: plain},
				want: map[model.ID]string{control: "Accepted", red: "Accepted"},
			},
		},
		"the network first": {
			{put: map[model.ID]string{control: plain, red: vlan("control", "")}, want: map[model.ID]string{red: "Accepted"}, addr: map[model.ID]string{red: "5"}},
			{
				put:  map[model.ID]string{control: managementSpec},
				want: map[model.ID]string{control: "Invalid|" + used, red: "Accepted", fixture.Blue: "Accepted"}, addr: map[model.ID]string{red: "5"},
			},
			{remove: []model.ID{red}, want: map[model.ID]string{red: "gone", control: "Accepted"}},
		},
		"both at once": {
			{put: map[model.ID]string{control: managementSpec, red: vlan("control", "")}, want: map[model.ID]string{control: "Accepted", red: "Invalid|" + onIt}},
		},
		"another incarnation of the physical network": {
			{put: map[model.ID]string{control: plain, red: vlan("control", "")}, want: map[model.ID]string{red: "Accepted"}},
			{remove: []model.ID{control}},
			{put: map[model.ID]string{control: managementSpec}, want: map[model.ID]string{control: "Invalid|" + used, red: "Accepted"}},
		},
		"a network moves there and stays where it was": {
			{put: map[model.ID]string{control: managementSpec, red: vlan("physnet1", "")}, want: map[model.ID]string{red: "Accepted"}},
			{put: map[model.ID]string{red: vlan("control", "")}, want: map[model.ID]string{red: "Invalid|" + onIt}, addr: map[model.ID]string{red: "101"}},
		},
		"public and service carry networks of any type": {
			{
				put: map[model.ID]string{
					physical("street"): `{"spec":{"role":"public"}}`, physical("inside"): `{"spec":{"role":"service"}}`,
					red: strings.Replace(vlan("street", ""), "vlan", "flat", 1), fixture.Network("lime"): strings.Replace(strings.Replace(vlan("inside", ""), "vlan", "flat", 1), "10.7", "10.8", 1),
				},
				want: map[model.ID]string{red: "Accepted", fixture.Network("lime"): "Accepted"},
			},
		},
		"bad input leaves it as it was": {
			{put: map[model.ID]string{control: managementSpec}, want: map[model.ID]string{control: "Accepted"}},
			{put: map[model.ID]string{control: `{"spec":{"role":"management"}}`}, want: map[model.ID]string{control: "Invalid|spec.cidrs: are missing"}},
			{put: map[model.ID]string{red: vlan("control", "")}, want: map[model.ID]string{red: "Invalid|" + onIt}},
			{
				put:  map[model.ID]string{red: strings.Replace(vlan("physnet1", ""), "10.7.0.0/24", "192.0.2.64/26", 1)},
				want: map[model.ID]string{red: "Invalid|spec.subnets[0].cidr: 192.0.2.64/26 overlaps 192.0.2.0/24 of PhysicalNetwork control"},
			},
		},
	})
}

// TestNobodyUsesManagementAddresses: guests are kept from the prefixes, so no network uses them itself, and no allowed address pair.
func TestNobodyUsesManagementAddresses(t *testing.T) {
	t.Parallel()
	red, web, control := fixture.Network("red"), fixture.Port("web"), physical("control")
	network := func(more string) string { return `{"spec":{"type":"vlan","physicalNetwork":"physnet1",` + more + `}}` }
	const clean = `"subnets":[{"cidr":"10.7.0.0/24"}]`
	const pair = `{"spec":{"network":"blue","host":"h1","allowedAddressPairs":[{"address":"192.0.0.0/16"}]}}`
	runSteps(t, map[string][]step{
		"the prefixes first": {
			{put: map[model.ID]string{control: managementSpec}},
			{
				put:  map[model.ID]string{red: network(`"subnets":[{"cidr":"192.0.0.0/16"}]`)},
				want: map[model.ID]string{red: "Invalid|spec.subnets[0].cidr: 192.0.0.0/16 overlaps 192.0.2.0/24 of PhysicalNetwork control, which has role management"},
			},
			{
				put:  map[model.ID]string{red: network(`"subnets":[{"cidr":"2001:db8:5::/112"}]`)},
				want: map[model.ID]string{red: "Invalid|2001:db8:5::/112 overlaps 2001:db8:5::/64"},
			},
			{
				put:  map[model.ID]string{red: network(`"subnets":[{"cidr":"10.7.0.0/24","gateway":"192.0.2.1"}]`)},
				want: map[model.ID]string{red: "Invalid|spec.subnets[0].gateway: 192.0.2.1/32 overlaps"},
			},
			{
				put:  map[model.ID]string{red: network(clean + `,"dhcp":{"dnsServers":["10.7.0.53","192.0.2.53"]}`)},
				want: map[model.ID]string{red: "Invalid|spec.dhcp.dnsServers[1]: 192.0.2.53/32 overlaps"},
			},
			{
				put:  map[model.ID]string{red: network(clean + `,"dhcp":{"ntpServers":["2001:db8:5::7"]}`)},
				want: map[model.ID]string{red: "Invalid|spec.dhcp.ntpServers[0]: 2001:db8:5::7/128 overlaps"},
			},
			{put: map[model.ID]string{web: pair}, want: map[model.ID]string{web: "Invalid|spec.allowedAddressPairs[0].address: 192.0.0.0/16 overlaps"}},
			{put: map[model.ID]string{red: network(clean)}, want: map[model.ID]string{red: "Accepted"}},
			{remove: []model.ID{control}, want: map[model.ID]string{control: "gone", web: "Pending|needs feature address-pairs"}},
		},
		"the subnet first": {
			{put: map[model.ID]string{red: network(`"subnets":[{"cidr":"192.0.2.0/25"}]`)}, want: map[model.ID]string{red: "Accepted"}},
			{
				put:  map[model.ID]string{control: managementSpec},
				want: map[model.ID]string{control: "Invalid|spec.cidrs: Network alpha/red uses addresses of them in spec.subnets[0].cidr (192.0.2.0/25)", red: "Accepted"},
			},
			{put: map[model.ID]string{red: network(clean)}, want: map[model.ID]string{red: "Accepted", control: "Accepted"}},
		},
		"the server first": {
			{put: map[model.ID]string{red: network(clean + `,"dhcp":{"dnsServers":["192.0.2.53"]}`)}},
			{put: map[model.ID]string{control: managementSpec}, want: map[model.ID]string{control: "Invalid|Network alpha/red uses addresses of them in spec.dhcp.dnsServers[0]"}},
			{put: map[model.ID]string{red: network(clean)}, want: map[model.ID]string{red: "Accepted", control: "Accepted"}},
		},
		"the pair first": {
			{put: map[model.ID]string{web: pair}, want: map[model.ID]string{web: "Pending|needs feature address-pairs"}},
			{put: map[model.ID]string{control: managementSpec}, want: map[model.ID]string{control: "Invalid|Port alpha/web uses addresses of them in spec.allowedAddressPairs[0].address"}},
			{remove: []model.ID{web}, want: map[model.ID]string{control: "Accepted"}},
		},
		"more prefixes": {
			{put: map[model.ID]string{control: managementSpec, red: network(clean)}, want: map[model.ID]string{control: "Accepted", red: "Accepted"}},
			{
				put:  map[model.ID]string{control: strings.Replace(managementSpec, "192.0.2.0/24", "10.0.0.0/8", 1)},
				want: map[model.ID]string{control: "Invalid|spec.cidrs: Network alpha/blue uses addresses of them", red: "Accepted"},
			},
		},
	})
}

// TestHostsAreToldOfManagement: every host is told all prefixes, once each, and its own interfaces there, which are no uplinks. A change
// writes each host once: two items and their heads, beside the accepted physical network.
func TestHostsAreToldOfManagement(t *testing.T) {
	t.Parallel()
	s := newSim(t)
	s.putAll(fixture.RegionIntent())
	for _, node := range []string{"h1", "h2"} {
		s.feature(node, desired.Features()...)
	}
	s.put(fixture.Port("web"), `{"spec":{"network":"blue","host":"h1"}}`)
	s.put(physical("control"), `{"spec":{"vlanRanges":[{"minimum":5,"maximum":9}]}}`)
	s.put(fixture.HostH1, `{"spec":{"physicalNetworks":[{"name":"physnet1","interface":"eth1"},{"name":"control","interface":"eth0"}]}}`)
	s.settle()
	item := func(host model.ID) *desired.Host {
		h, ok := fixture.ItemOn[*desired.Host](s.cache(), host.Name, host)
		if !ok {
			t.Fatalf("%s has no item of its own", host)
		}
		return h
	}
	uplinks := func() (names []string) {
		for _, u := range item(fixture.HostH1).Uplinks {
			names = append(names, u.Interface)
		}
		return names
	}
	if got := uplinks(); !slices.Equal(got, []string{"eth1", "eth0"}) || item(fixture.HostH1).ManagementCIDRs != nil {
		t.Fatalf("without a role h1 has uplinks %v and %v", got, item(fixture.HostH1).ManagementCIDRs)
	}
	s.wrote(t, "the role management", 5, func() { s.put(physical("control"), managementSpec) })
	s.check()
	if got := item(fixture.HostH1); !slices.Equal(uplinks(), []string{"eth1"}) || !slices.Equal(got.ManagementInterfaces, []string{"eth0"}) {
		t.Errorf("h1 has uplinks %v, and as interfaces of management networks %v", uplinks(), got.ManagementInterfaces)
	}
	told := func(host model.ID, want ...string) {
		t.Helper()
		var got []string
		for _, p := range item(host).ManagementCIDRs {
			got = append(got, p.String())
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s is told %v, expected %v", host, got, want)
		}
	}
	told(fixture.HostH1, "192.0.2.0/24", "2001:db8:5::/64")
	told(fixture.HostH2, "192.0.2.0/24", "2001:db8:5::/64")
	s.put(physical("backup"), `{"spec":{"role":"management","cidrs":["192.0.2.128/25","198.51.0.0/16","192.0.2.0/25"]}}`)
	s.put(physical("more"), `{"spec":{"role":"management","cidrs":["198.51.100.0/24","192.0.2.0/24"]}}`)
	s.settle()
	s.check()
	told(fixture.HostH2, "192.0.2.0/24", "198.51.0.0/16", "2001:db8:5::/64")
	s.remove(physical("control"))
	s.remove(physical("more"))
	s.put(fixture.HostH1, `{"spec":{"physicalNetworks":[{"name":"physnet1","interface":"eth1"}]}}`)
	s.settle()
	s.check()
	told(fixture.HostH1, "192.0.2.0/25", "192.0.2.128/25", "198.51.0.0/16")
}

// TestHostWithoutTheFeatureSaysSo: a host that cannot keep its guests away is told nothing and is Pending, and its guests go on.
func TestHostWithoutTheFeatureSaysSo(t *testing.T) {
	t.Parallel()
	s := newSim(t)
	s.putAll(fixture.RegionIntent())
	s.feature("h1", desired.Baseline()...)
	s.feature("h2", desired.Features()...)
	s.put(fixture.Port("web"), `{"spec":{"network":"blue","host":"h1"}}`)
	s.settle()
	if got := s.reasons(fixture.HostH1); got != "" {
		t.Errorf("without a management network h1 says %q", got)
	}
	s.put(physical("control"), managementSpec)
	s.settle()
	s.check()
	if cond := s.condition(fixture.HostH1); cond.Phase != etcdschema.PhasePending || !strings.Contains(s.reasons(fixture.HostH1), "needs feature management, which the host does not have") {
		t.Errorf("h1 is %s and says %q", cond.Phase, s.reasons(fixture.HostH1))
	}
	if got := s.reasons(fixture.HostH2); got != "" {
		t.Errorf("h2 says %q", got)
	}
	if h, _ := fixture.ItemOn[*desired.Host](s.cache(), "h1", fixture.HostH1); h == nil || h.ManagementCIDRs != nil || !fixture.Placed(s.cache(), "h1", "web") {
		t.Errorf("h1 has %+v", h)
	}
	s.feature("h1", desired.Features()...)
	s.settle()
	s.check()
	if h, _ := fixture.ItemOn[*desired.Host](s.cache(), "h1", fixture.HostH1); len(h.ManagementCIDRs) != 2 || s.reasons(fixture.HostH1) != "" {
		t.Errorf("after the upgrade h1 has %+v and says %q", h, s.reasons(fixture.HostH1))
	}
}

// TestManagementPrefixesAreBounded: all management networks have a bounded number of prefixes, and one that would have more is refused.
func TestManagementPrefixesAreBounded(t *testing.T) {
	t.Parallel()
	s := newSim(t)
	s.putAll(fixture.RegionIntent())
	spec := func(third string) string {
		var list []string
		for i := range model.MaxManagementCIDRs {
			list = append(list, `"172.16.`+third+`.`+[]string{"0", "16", "32", "48", "64", "80", "96", "112", "128", "144", "160", "176", "192", "208", "224", "240"}[i]+`/28"`)
		}
		return `{"spec":{"role":"management","cidrs":[` + strings.Join(list, ",") + `]}}`
	}
	for _, third := range []string{"1", "2", "3", "4", "5"} {
		s.put(physical("m"+third), spec(third))
		s.settle()
	}
	s.check()
	for i, third := range []string{"1", "2", "3", "4", "5"} {
		got := s.reasons(physical("m" + third))
		if i < 4 && got != "" || i == 4 && !strings.Contains(got, "80 prefixes of all management networks are too many: hosts take 64") {
			t.Errorf("m%s says %q", third, got)
		}
	}
	s.remove(physical("m1"))
	s.settle()
	s.check()
	if got := s.reasons(physical("m5")); got != "" {
		t.Errorf("after m1 is gone m5 says %q", got)
	}
}
