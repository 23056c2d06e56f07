package linuxbridge_test

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"weft/hostnet/object"
	"weft/model"
	"weft/model/desired"
	"weft/reconcile/compile"
	"weft/reconcile/compile/linuxbridge"
)

const (
	groupWeb = "00000000-0000-4000-8000-0000000000a1"
	groupDB  = "00000000-0000-4000-8000-0000000000a2"
	router   = "00000000-0000-4000-8000-0000000000b1"
)

func number(n uint8) *uint8 { return &n }

func prefix(s string) netip.Prefix { return netip.MustParsePrefix(s) }

// filtered is the site with a security group on its port. The group names another one, which is not on the host.
func filtered() compile.Input {
	in := site()
	out, into, v4, v6 := model.DirectionEgress, model.DirectionIngress, model.FamilyIPv4, model.FamilyIPv6
	in.Config.Put(&desired.SecurityGroup{UID: groupWeb, Project: "alpha", Name: "web", Rules: []desired.SecurityGroupRule{
		{Direction: out, Family: v6},
		{Direction: into, Family: v4, Protocol: 6, Port: model.PortRange{First: 80, Last: 82}, RemoteCIDR: model.Prefix{Prefix: prefix("192.0.2.0/24")}},
		{Direction: into, Family: v4, Protocol: 1, ICMPType: number(8)}, {Direction: into, Family: v6, Protocol: 58, ICMPType: number(1), ICMPCode: number(4)},
		{Direction: into, Family: v4, RemoteGroup: groupDB}, {Direction: into, Family: v4, RemoteCIDR: model.Prefix{Prefix: prefix("0.0.0.0/0")}, Protocol: 47},
	}})
	members := []model.AddressBlock{{Prefix: prefix("10.1.0.9/32")}, {Prefix: prefix("fd00:1::/120")}}
	in.Config.Put(&desired.GroupMembers{UID: groupDB + "." + netUID + "-3", Group: groupDB, Network: netUID, Addresses: members})
	in.Config.Put(&desired.GroupMembers{UID: groupDB + "." + router + "-0", Group: groupDB, Router: router, Addresses: members})
	in.Config.Network(netUID).Router = router
	in.Config.Port(portUID).SecurityGroups = []string{groupWeb, groupDB}
	return in
}

// TestFilteredPort: a filtered port is not heard before its filter is in force, and the filter not before its groups and the tracking of its network.
// A group that is not here allows nothing.
func TestFilteredPort(t *testing.T) {
	t.Parallel()
	in := filtered()
	u := compiled(t, in, desired.KindPort, portUID)
	f, elements, port := find[*object.FilterPort](u), find[*object.PortSecurityElements](u), find[*object.BridgePort](u)
	web := compile.SecurityGroupNumber(groupWeb)
	if f == nil || f.Device != "tapweb" || !slices.Equal(f.Groups, []uint32{web}) {
		t.Fatalf("the filter is %+v", f)
	}
	bridge := linuxbridge.BridgeName(netUID)
	if !slices.Contains(f.DependsOn(), object.FilterGroupKey(web)) || !slices.Contains(f.DependsOn(), object.Key{Kind: object.KindFilterNetwork, Name: bridge}) {
		t.Errorf("the filter comes after %v", f.DependsOn())
	}
	if !slices.Contains(elements.DependsOn(), f.Key()) || !slices.Contains(port.DependsOn(), elements.Key()) {
		t.Errorf("port security lets the guest speak after %v, and it is joined after %v", elements.DependsOn(), port.DependsOn())
	}
	in.Config.Put(&desired.SecurityGroup{UID: groupDB, Project: "alpha", Name: "db"})
	if f := find[*object.FilterPort](compiled(t, in, desired.KindPort, portUID)); len(f.Groups) != 2 {
		t.Errorf("with the other group the filter is %+v", f)
	}
	in.Config.SecurityGroup(groupDB).Rules = []desired.SecurityGroupRule{{}}
	if f := find[*object.FilterPort](compiled(t, in, desired.KindPort, portUID)); !slices.Equal(f.Groups, []uint32{web}) {
		t.Errorf("the other group is refused, and the filter is %+v", f)
	}
}

// TestFilterOnlyWhereItIsUsed: without filtered ports nothing is tracked, and the kernel need not be able to.
func TestFilterOnlyWhereItIsUsed(t *testing.T) {
	t.Parallel()
	in := filtered()
	if find[*object.BridgeFilter](compiled(t, in, desired.KindHost, hostUID)) == nil {
		t.Error("the host has no rules for its filtered port")
	}
	n := find[*object.FilterNetwork](compiled(t, in, desired.KindNetwork, netUID))
	if n == nil || n.Bridge != linuxbridge.BridgeName(netUID) || n.Zone == 0 || n.Router != compile.ScopeNumber(router) {
		t.Errorf("the network is tracked as %+v", n)
	}
	in = site()
	if find[*object.BridgeFilter](compiled(t, in, desired.KindHost, hostUID)) != nil || find[*object.FilterNetwork](compiled(t, in, desired.KindNetwork, netUID)) != nil ||
		find[*object.FilterPort](compiled(t, in, desired.KindPort, portUID)) != nil {
		t.Error("there is a filter although no port has security groups")
	}
}

// TestPortsAreNotCompiledForARule: a rule that comes or goes concerns its group alone, not the ports that have the group.
func TestPortsAreNotCompiledForARule(t *testing.T) {
	t.Parallel()
	in := filtered()
	in.Index = compile.NewIndex(in.Config, in.Facts)
	for _, k := range in.Config.Keys() {
		in.Index.Compiled(compile.Compile(in, k))
	}
	group := *in.Config.SecurityGroup(groupWeb)
	group.Rules = group.Rules[1:]
	in.Config.Put(&group)
	if dirty := in.Index.Update(in.Config, group.Key()); !slices.Equal(dirty, []desired.Key{group.Key()}) {
		t.Errorf("compiled again: %v", dirty)
	}
}

// TestFilterRules: each field of a rule, as the kernel's connections have it.
func TestFilterRules(t *testing.T) {
	t.Parallel()
	g := find[*object.FilterGroup](compiled(t, filtered(), desired.KindSecurityGroup, groupWeb))
	want := []object.FilterRule{
		{IPv6: true},
		{Ingress: true, Protocol: 6, Ports: true, First: 80, Last: 82, Remote: prefix("192.0.2.0/24")},
		{Ingress: true, Protocol: 1, Ports: true, First: 0x800, Last: 0x8ff}, {Ingress: true, IPv6: true, Protocol: 58, Ports: true, First: 0x104, Last: 0x104},
		{Ingress: true, Group: compile.SecurityGroupNumber(groupDB)}, {Ingress: true, Protocol: 47},
	}
	if g == nil || !slices.Equal(g.Rules, want) || g.Version != object.FilterVersion(want) || g.Number != compile.SecurityGroupNumber(groupWeb) {
		t.Errorf("the group is %+v, expected the rules %+v", g, want)
	}
}

// TestFilterMembers: of a network by its bridge, of a router by its number.
func TestFilterMembers(t *testing.T) {
	t.Parallel()
	for uid, want := range map[string]object.FilterMembers{
		groupDB + "." + netUID + "-3": {Bridge: linuxbridge.BridgeName(netUID), Shard: 3},
		groupDB + "." + router + "-0": {Router: compile.ScopeNumber(router)},
	} {
		m := find[*object.FilterMembers](compiled(t, filtered(), desired.KindGroupMembers, uid))
		if m == nil || m.Group != compile.SecurityGroupNumber(groupDB) || m.Bridge != want.Bridge || m.Router != want.Router || m.Shard != want.Shard ||
			!slices.Equal(m.Members, []netip.Prefix{prefix("10.1.0.9/32"), prefix("fd00:1::/120")}) {
			t.Errorf("%s is %+v, expected %+v with both members", uid, m, want)
		}
	}
}

// TestHostThatCannotFilter: its filtered ports are refused and mute, with the reason. Others are as ever.
func TestHostThatCannotFilter(t *testing.T) {
	t.Parallel()
	in := filtered()
	in.Index = compile.NewIndex(in.Config, in.Facts)
	port := desired.Key{Kind: desired.KindPort, UID: portUID}
	for _, k := range in.Config.Keys() {
		in.Index.Compiled(compile.Compile(in, k))
	}
	facts := *in.Facts
	facts.NoBridgeFilter = "the kernel lacks it"
	in.Facts = &facts
	if dirty := in.Index.Observe(in.Facts, nil); !slices.Equal(dirty, []desired.Key{port}) {
		t.Errorf("compiled again: %v", dirty)
	}
	if u := compile.Compile(in, port); len(u.Objects) > 0 || !strings.Contains(u.Refused, "the kernel lacks it") {
		t.Errorf("the filtered port: %q, %v", u.Refused, u.Objects)
	}
	in.Config.Port(portUID).SecurityGroups = nil
	in.Index = nil
	if u := compile.Compile(in, port); u.Refused != "" || find[*object.BridgePort](u) == nil {
		t.Errorf("a port without groups: %q, %v", u.Refused, u.Objects)
	}
}
