package openvswitch_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"weft/hostnet/object"
	"weft/model"
	"weft/model/desired"
	"weft/reconcile/compile"
	"weft/reconcile/compile/internal/fixture"
)

const (
	groupWeb = "00000000-0000-4000-8000-0000000000a1"
	groupDB  = "00000000-0000-4000-8000-0000000000a2"
	// theRouter joins the network of the filtered port. rivalRouter has the same number.
	theRouter, rivalRouter = "router-40461", "router-53322"
)

func number(n uint8) *uint8 { return &n }

// webRules are rules of each kind.
func webRules() []desired.SecurityGroupRule {
	in, out, v4, v6 := model.DirectionIngress, model.DirectionEgress, model.FamilyIPv4, model.FamilyIPv6
	return []desired.SecurityGroupRule{
		{Direction: out, Family: v4}, {Direction: out, Family: v6},
		{Direction: in, Family: v4, Protocol: 6, Port: model.PortRange{First: 80, Last: 82}},
		{Direction: in, Family: v4, Protocol: 6, Port: model.PortRange{First: 80, Last: 81}, RemoteCIDR: model.Prefix{Prefix: netip.MustParsePrefix("0.0.0.0/0")}},
		{Direction: in, Family: v6, Protocol: 17, Port: model.PortRange{First: 53, Last: 53}, RemoteCIDR: model.Prefix{Prefix: netip.MustParsePrefix("fd00:1::/64")}},
		{Direction: in, Family: v4, Protocol: 1, ICMPType: number(8), ICMPCode: number(0)},
		{Direction: in, Family: v6, Protocol: 47},
		{Direction: in, Family: v4, RemoteGroup: groupWeb}, {Direction: in, Family: v4, Protocol: 6, Port: model.PortRange{First: 5432, Last: 5432}, RemoteGroup: groupDB},
		{Direction: out, Family: v4, Protocol: 6, RemoteGroup: groupDB},
	}
}

// filtered is the fixture with security groups on two ports of a network.
func filtered() compile.Input {
	in := fixture.Plain()
	in.Config.Put(&desired.SecurityGroup{UID: groupWeb, Project: "alpha", Name: "web", Rules: webRules()})
	in.Config.Put(&desired.SecurityGroup{UID: groupDB, Project: "alpha", Name: "db"})
	in.Config.Put(&desired.GroupMembers{UID: groupDB + "." + fixture.NetRed + "-3", Group: groupDB, Network: fixture.NetRed, Addresses: []model.AddressBlock{
		{Prefix: netip.MustParsePrefix("10.1.0.9/32")}, {Prefix: netip.MustParsePrefix("fd00:1::/120")}}})
	in.Config.Put(&desired.GroupMembers{UID: groupDB + "." + theRouter + "-0", Group: groupDB, Router: theRouter, Addresses: []model.AddressBlock{
		{Prefix: netip.MustParsePrefix("10.2.0.9/32")}, {Prefix: netip.MustParsePrefix("fd00:2::9/128")}}})
	in.Config.Network(fixture.NetRed).Router = theRouter
	in.Config.Port(fixture.PortWeb).SecurityGroups = []string{groupWeb, groupDB}
	return in
}

func TestFilteredGolden(t *testing.T) {
	t.Parallel()
	in := filtered()
	for name, k := range map[string]desired.Key{
		"filtered_port": fixture.Key(desired.KindPort, fixture.PortWeb), "filtered_network": fixture.Key(desired.KindNetwork, fixture.NetRed),
		"security_group": fixture.Key(desired.KindSecurityGroup, groupWeb), "security_group_empty": fixture.Key(desired.KindSecurityGroup, groupDB),
		"group_members_router": fixture.Key(desired.KindGroupMembers, groupDB+"."+theRouter+"-0"),
		"group_members":        fixture.Key(desired.KindGroupMembers, groupDB+"."+fixture.NetRed+"-3"),
	} {
		golden(t, name, fixture.Text(compile.Compile(in, k)))
	}
}

// TestRoutersWithTheSameNumber: the members of one of them are refused, so that they do not count for the other's packets.
func TestRoutersWithTheSameNumber(t *testing.T) {
	t.Parallel()
	in := filtered()
	uid := groupDB + "." + rivalRouter + "-0"
	in.Config.Put(&desired.GroupMembers{UID: uid, Group: groupDB, Router: rivalRouter, Addresses: []model.AddressBlock{{Prefix: netip.MustParsePrefix("10.3.0.9/32")}}})
	k := fixture.Key(desired.KindGroupMembers, uid)
	if r := compile.Compile(in, k); len(r.Objects) > 0 || !strings.Contains(fixture.Text(r), "waits for the network") {
		t.Errorf("no network here is on the router, and it has\n%s", fixture.Text(r))
	}
	for n := range in.Config.Networks() { // the rival's network is the one with a filtered port here
		n.Router = theRouter
	}
	in.Config.Network(fixture.NetRed).Router = rivalRouter
	if text := fixture.Text(compile.Compile(in, fixture.Key(desired.KindNetwork, fixture.NetRed))); strings.Contains(text, "reg2:=") || !strings.Contains(text, "track(") {
		t.Errorf("packets of the rival's network count for the first router:\n%s", text)
	}
	if r := compile.Compile(in, k); len(r.Objects) > 0 || !strings.Contains(fixture.Text(r), "have the same number") {
		t.Errorf("the rival has\n%s", fixture.Text(r))
	}
	first := fixture.Key(desired.KindGroupMembers, groupDB+"."+theRouter+"-0")
	if r := compile.Compile(in, first); len(r.Objects) != 1 {
		t.Errorf("the first router's members are not in force:\n%s", fixture.Text(r))
	}
}

// TestPortRangesBecomeBlocks: the flows of a range match its ports, each once, and no others.
func TestPortRangesBecomeBlocks(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		first := rapid.Uint16Range(1, 65535).Draw(t, "first")
		last := rapid.Uint16Range(first, 65535).Draw(t, "last")
		in := filtered()
		in.Config.SecurityGroup(groupWeb).Rules = []desired.SecurityGroupRule{
			{Direction: model.DirectionIngress, Family: model.FamilyIPv4, Protocol: 6, Port: model.PortRange{First: first, Last: last}}}
		matched := map[uint16]int{}
		flows := 0
		for _, f := range fixture.First[*object.FlowSet](compile.Compile(in, fixture.Key(desired.KindSecurityGroup, groupWeb))).Flows {
			if m := f.Match; f.Table == 63 && m.Frag != object.FragLater {
				flows++
				for port := range 65536 {
					if uint16(port)&m.ConnDst.Mask == m.ConnDst.Value {
						matched[uint16(port)]++
					}
				}
			}
		}
		if flows > 30 || len(matched) != int(last-first)+1 {
			t.Fatalf("%d flows match %d ports of %d to %d", flows, len(matched), first, last)
		}
		for port, n := range matched {
			if n != 1 || port < first || port > last {
				t.Fatalf("port %d is matched %d times, the range is %d to %d", port, n, first, last)
			}
		}
	})
}

// TestGroupFramesAreJudgedOnceForEachSet: a network with many filtered ports looks the rules up once for ports with the same groups.
func TestGroupFramesAreJudgedOnceForEachSet(t *testing.T) {
	t.Parallel()
	in := filtered()
	for i := range 200 {
		p := fixture.Port(fmt.Sprintf("%08x-0000-4000-8000-000000000077", i), fixture.NetRed, fmt.Sprintf("tap-many-%d", i), 1, 20+i)
		p.SecurityGroups = []string{groupDB}
		in.Config.Put(p)
		in.Facts.Links[p.Device] = object.LinkFacts{Index: 1000 + i}
		in.Facts.Interfaces[p.Device] = object.InterfaceFacts{Bridge: "br-int", OFPort: uint32(1000 + i), Created: true, OwnerUID: p.UID, InterfaceID: p.InterfaceID}
	}
	var lookups, outputs int
	for _, f := range fixture.First[*object.FlowSet](compile.Compile(in, fixture.Key(desired.KindNetwork, fixture.NetRed))).Flows {
		text := f.String()
		if f.Table == 20 && strings.Contains(text, "resubmit:62") {
			lookups += strings.Count(text, "resubmit:")
		}
		if f.Table == 68 {
			outputs = max(outputs, strings.Count(text, "output:"))
		}
	}
	if lookups > 10 || outputs < 200 {
		t.Errorf("a group frame needs %d lookups, and reaches %d guests", lookups, outputs)
	}
}

// TestBadGroupsAreRefused: whatever arrives in desired state, a group is in force whole or not at all, and its neighbours are not touched.
func TestBadGroupsAreRefused(t *testing.T) {
	t.Parallel()
	in, v4, v6 := model.DirectionIngress, model.FamilyIPv4, model.FamilyIPv6
	cidr := func(s string) model.Prefix { return model.Prefix{Prefix: netip.MustParsePrefix(s)} }
	for _, c := range []struct {
		rule desired.SecurityGroupRule
		why  string
	}{
		{desired.SecurityGroupRule{Family: v4}, "has no direction"},
		{desired.SecurityGroupRule{Direction: in}, "has no family"},
		{desired.SecurityGroupRule{Direction: in, Family: v4, Port: model.PortRange{First: 80, Last: 80}}, "has ports that its protocol does not have"},
		{desired.SecurityGroupRule{Direction: in, Family: v4, Protocol: 6, Port: model.PortRange{First: 80, Last: 79}}, "has ports that"},
		{desired.SecurityGroupRule{Direction: in, Family: v4, Protocol: 6, Port: model.PortRange{Last: 79}}, "has ports that"},
		{desired.SecurityGroupRule{Direction: in, Family: v4, Protocol: 6, ICMPType: number(1)}, "ICMP type or code"},
		{desired.SecurityGroupRule{Direction: in, Family: v4, Protocol: 1, ICMPCode: number(1)}, "ICMP type or code"},
		{desired.SecurityGroupRule{Direction: in, Family: v6, Protocol: 1}, "protocol of the other family"},
		{desired.SecurityGroupRule{Direction: in, Family: v4, Protocol: 58}, "protocol of the other family"},
		{desired.SecurityGroupRule{Direction: in, Family: v4, RemoteCIDR: cidr("fd00::/8")}, "other family"},
		{desired.SecurityGroupRule{Direction: in, Family: v4, RemoteCIDR: cidr("10.0.0.1/8")}, "not in canonical form"},
		{desired.SecurityGroupRule{Direction: in, Family: v6, RemoteCIDR: cidr("::ffff:10.0.0.0/104")}, "not in canonical form"},
		{desired.SecurityGroupRule{Direction: in, Family: v4, RemoteCIDR: cidr("10.0.0.0/8"), RemoteGroup: groupDB}, "names a group and a prefix"},
	} {
		input := filtered()
		g := input.Config.SecurityGroup(groupWeb)
		g.Rules = append(g.Rules, c.rule)
		got := compile.Compile(input, fixture.Key(desired.KindSecurityGroup, groupWeb))
		if len(got.Objects) > 0 || !strings.HasPrefix(got.Refused, "rule 11 ") || !strings.Contains(got.Refused, c.why) {
			t.Errorf("%+v: %v, %d objects", c.rule, got.Refused, len(got.Objects))
		}
	}
}
