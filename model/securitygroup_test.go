package model

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestSecurityGroupFaults(t *testing.T) {
	t.Parallel()
	in := func(s string) string { return `"rules": [{"direction": "ingress"` + s + `}]` }
	const at = "spec.rules[0]."
	only(t, KindSecurityGroup, []fault{
		{``, "", ""},
		{`"description": "Web servers – №1", "rules": [{"direction": "egress", "description": "all out"}]`, "", ""},
		{`"description": "a\u001b[2J"`, "spec.description", "control characters"},
		{in(`, "description": "a\u0000"`), at + "description", "control characters"},
		{`"rules": [{}]`, at + "direction", "is missing: write ingress or egress"},
		{`"rules": [{"direction": "in"}]`, at + "direction", "is not known"},
		{in(`, "family": "ipv4"`), at + "family", "is not known: write IPv4 or IPv6"},
		{in(`, "protocol": "tcp", "port": "80"`), "", ""},
		{in(`, "protocol": "sctp", "port": 80, "family": "IPv6"`), "", ""},
		{in(`, "protocol": "udp", "port": "1-65535", "remoteCIDR": "2001:db8::/32"`), "", ""},
		{in(`, "protocol": 47`), "", ""},
		{in(`, "protocol": "255"`), "", ""},
		{in(`, "protocol": "256"`), at + "protocol", "is not known"},
		{in(`, "protocol": 0`), at + "protocol", "is not known"},
		{in(`, "protocol": "047"`), at + "protocol", "is not known"},
		{in(`, "protocol": "TCP"`), at + "protocol", "is not known"},
		{in(`, "protocol": 6`), at + "protocol", "has a name: write tcp"},
		{in(`, "protocol": 58`), at + "protocol", "has a name: write icmpv6"},
		{in(`, "port": 80`), at + "port", "needs a protocol with ports"},
		{in(`, "protocol": "icmp", "port": 80`), at + "port", "needs a protocol with ports"},
		{in(`, "protocol": 47, "port": 80`), at + "port", "needs a protocol with ports"},
		{in(`, "protocol": "tcp", "port": "80-79"`), at + "port", "begins above its end"},
		{in(`, "protocol": "tcp", "port": 0`), at + "port", "is no port"},
		{in(`, "protocol": "icmp", "icmpType": 8, "icmpCode": 0`), "", ""},
		{in(`, "protocol": "icmpv6", "icmpType": 255`), "", ""},
		{in(`, "protocol": "icmp", "icmpType": 256`), at + "icmpType", "is out of range"},
		{in(`, "protocol": "icmp", "icmpCode": 0`), at + "icmpCode", "needs icmpType"},
		{in(`, "protocol": "tcp", "icmpType": 8`), at + "icmpType", "needs protocol icmp or icmpv6"},
		{in(`, "icmpType": 8`), at + "icmpType", "needs protocol icmp or icmpv6"},
		{in(`, "protocol": "icmpv6", "icmpType": 135`), at + "icmpType", "neighbour discovery"},
		{in(`, "protocol": "icmp", "icmpType": 135`), "", ""},
		{in(`, "protocol": "icmp", "family": "IPv6"`), at + "protocol", "is a protocol of IPv4"},
		{in(`, "protocol": "icmpv6", "family": "IPv4"`), at + "protocol", "is a protocol of IPv6"},
		{in(`, "remoteCIDR": "0.0.0.0/0"`), "", ""},
		{in(`, "remoteCIDR": "10.0.0.1/24"`), at + "remoteCIDR", "10.0.0.0/24"},
		{in(`, "remoteCIDR": "10.0.0.0/24", "family": "IPv6"`), at + "remoteCIDR", "is no prefix of IPv6"},
		{in(`, "remoteCIDR": "::/0", "family": "IPv4"`), at + "remoteCIDR", "is no prefix of IPv4"},
		{in(`, "remoteCIDR": "::/0", "protocol": "icmp"`), at + "remoteCIDR", "is of another family than icmp"},
		{in(`, "remoteCIDR": "10.0.0.0/8", "protocol": "icmpv6"`), at + "remoteCIDR", "is of another family than icmpv6"},
		{in(`, "remoteGroup": "web"`), "", ""},
		{in(`, "remoteGroup": "Web"`), at + "remoteGroup", "is no name"},
		{in(`, "remoteGroup": "other/web"`), at + "remoteGroup", "is no name"},
		{in(`, "remoteGroup": "web", "remoteCIDR": "10.0.0.0/8"`), at + "remoteGroup", "cannot stand beside remoteCIDR"},
		{`"rules": [{"direction": "egress"}, {"direction": "ingress"}, {"direction": "egress", "description": "again"}]`, "spec.rules[2]", "allows what spec.rules[0] allows"},
		{`"rules": [{"direction": "egress", "remoteCIDR": "10.0.0.0/8"}, {"direction": "egress", "remoteCIDR": "10.0.0.0/8", "family": "IPv4"}]`, "spec.rules[1]", "allows what"},
		{`"rules": [{"direction": "egress", "family": "IPv4"}, {"direction": "egress", "family": "IPv6"}]`, "", ""},
	})
	only(t, KindPort, []fault{
		{`"network": "n", "securityGroups": ["web", "default"]`, "", ""},
		{`"network": "n", "securityGroups": ["web", "web"]`, "spec.securityGroups[1]", "is given twice"},
		{`"network": "n", "securityGroups": ["beta/web"]`, "spec.securityGroups[0]", "is no name"},
	})
	only(t, KindProject, []fault{
		{`"defaultSecurityGroup": "default"`, "", ""},
		{`"defaultSecurityGroup": "De"`, "spec.defaultSecurityGroup", "is no name"},
	})
}

// TestMostRulesOfAGroup: the bounds of groups and rules.
func TestMostRulesOfAGroup(t *testing.T) {
	t.Parallel()
	longest(t, []longestSpec{
		{KindSecurityGroup, 256, "spec.rules", func(n int) string {
			return `"rules": ` + list(`{"direction": "ingress", "protocol": "tcp", "port": 1%03d}`)(n)
		}},
		{KindPort, 10, "spec.securityGroups", func(n int) string { return `"network": "n", "securityGroups": ` + list(`"g%d"`)(n) }},
	})
	groups := func(n int) string { return `"rules": ` + list(`{"direction": "ingress", "remoteGroup": "g%d"}`)(n) }
	only(t, KindSecurityGroup, []fault{{groups(16), "", ""}, {groups(17), "spec.rules[16].remoteGroup", "at most 16"}, {groups(40), "spec.rules[16].remoteGroup", "at most 16"}})
}

// TestRuleFamilies: which families a rule is about, when it does not say so.
func TestRuleFamilies(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		rule SecurityGroupRule
		want string
	}{
		{SecurityGroupRule{}, "IPv4 IPv6"},
		{SecurityGroupRule{Protocol: IPProtocolTCP}, "IPv4 IPv6"},
		{SecurityGroupRule{Family: FamilyIPv6}, "IPv6"},
		{SecurityGroupRule{Protocol: IPProtocolICMP}, "IPv4"},
		{SecurityGroupRule{Protocol: IPProtocolICMPv6}, "IPv6"},
		{SecurityGroupRule{RemoteCIDR: prefix("10.0.0.0/8")}, "IPv4"},
		{SecurityGroupRule{RemoteCIDR: prefix("::/0")}, "IPv6"},
		{SecurityGroupRule{RemoteGroup: "web"}, "IPv4 IPv6"},
	} {
		var got []string
		for _, f := range c.rule.Families() {
			got = append(got, string(f))
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%+v is about %v, want %s", c.rule, got, c.want)
		}
	}
}

// genSecurityGroup draws a valid group.
func genSecurityGroup(t *rapid.T) *SecurityGroupSpec {
	s := &SecurityGroupSpec{Description: rapid.SampledFrom([]string{"", "no", "Web: №1"}).Draw(t, "description")}
	for i := range rapid.IntRange(0, 6).Draw(t, "rules") {
		r := SecurityGroupRule{Direction: rapid.SampledFrom([]Direction{DirectionIngress, DirectionEgress}).Draw(t, "direction"), Description: fmt.Sprint(i)}
		r.Family = rapid.SampledFrom([]Family{"", FamilyIPv4, FamilyIPv6}).Draw(t, "family")
		r.Protocol = rapid.SampledFrom([]IPProtocol{"", IPProtocolTCP, IPProtocolUDP, "47"}).Draw(t, "protocol")
		if r.Protocol.HasPorts() && rapid.Bool().Draw(t, "ported") {
			first := rapid.Uint16Range(1, 65535).Draw(t, "first")
			r.Port = PortRange{first, rapid.Uint16Range(first, 65535).Draw(t, "last")}
		}
		switch rapid.IntRange(0, 3).Draw(t, "remote") {
		case 0:
			r.RemoteGroup = genLabel().Draw(t, "remote group")
		case 1:
			cidr := rapid.SampledFrom([]string{"10.0.0.0/8", "2001:db8::/32", "0.0.0.0/0"}).Draw(t, "remote cidr")
			if p := prefix(cidr); r.Family.Of(p.Addr()) {
				r.RemoteCIDR = p
			}
		case 2:
			code := rapid.Uint8().Draw(t, "code")
			kind := rapid.Uint8Range(0, 100).Draw(t, "type")
			r.Protocol, r.Port, r.ICMPType, r.ICMPCode = IPProtocolICMP, PortRange{}, &kind, &code
			if r.Family == FamilyIPv6 {
				r.Protocol = IPProtocolICMPv6
			}
		}
		if !slices.ContainsFunc(s.Rules, r.same) {
			s.Rules = append(s.Rules, r)
		}
	}
	return s
}
