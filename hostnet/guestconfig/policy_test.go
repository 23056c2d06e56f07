package guestconfig

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestPolicyOfEachFamily: a family has a policy where it has an address and a way out, and there alone.
func TestPolicyOfEachFamily(t *testing.T) {
	t.Parallel()
	toEverything := func(everything, via string) Route {
		return Route{Destination: netip.MustParsePrefix(everything), Gateway: netip.MustParseAddr(via)}
	}
	for _, c := range []struct {
		name string
		nic  NIC
		want []string
	}{
		{"both", NIC{Addresses: prefixes("10.2.0.5/24", "2001:db8:2::5/64"), Gateways: addresses("10.2.0.1", "2001:db8:2::1")},
			[]string{"10.2.0.5: 10.2.0.0/24, 0.0.0.0/0 via 10.2.0.1", "2001:db8:2::5: 2001:db8:2::/64, fe80::/64, ::/0 via 2001:db8:2::1"}},
		{"IPv4 only", NIC{Addresses: prefixes("10.2.0.5/24"), Gateways: addresses("10.2.0.1", "fe80::1")},
			[]string{"10.2.0.5: 10.2.0.0/24, 0.0.0.0/0 via 10.2.0.1"}},
		{"no gateway of IPv4", NIC{Addresses: prefixes("10.2.0.5/24", "2001:db8:2::5/64"), Gateways: addresses("fe80::1")},
			[]string{"2001:db8:2::5: 2001:db8:2::/64, fe80::/64, ::/0 via fe80::1"}},
		{"no gateway", NIC{Addresses: prefixes("10.2.0.5/24", "2001:db8:2::5/64")}, nil},
		{"single addresses", NIC{Addresses: prefixes("10.9.0.1/32", "2001:db8:9::1/128"), Gateways: addresses("192.0.2.1", "fe80::1")},
			[]string{"10.9.0.1: 0.0.0.0/0 via 192.0.2.1 on the link", "2001:db8:9::1: fe80::/64, ::/0 via fe80::1"}},
		{"two addresses of a subnet, and another subnet", NIC{Addresses: prefixes("10.2.0.5/24", "10.2.0.6/24", "10.4.0.5/24"), Gateways: addresses("10.2.0.1")},
			[]string{"10.2.0.5 10.2.0.6 10.4.0.5: 10.2.0.0/24, 10.4.0.0/24, 0.0.0.0/0 via 10.2.0.1"}},
		{"the network's own default route", NIC{Addresses: prefixes("10.2.0.5/24"), Routes: []Route{toEverything("0.0.0.0/0", "10.2.0.9")}},
			[]string{"10.2.0.5: 10.2.0.0/24, 0.0.0.0/0 via 10.2.0.9"}},
		{"a gateway comes before it", NIC{Addresses: prefixes("10.2.0.5/24"), Gateways: addresses("10.2.0.1"), Routes: []Route{toEverything("0.0.0.0/0", "10.2.0.9")}},
			[]string{"10.2.0.5: 10.2.0.0/24, 0.0.0.0/0 via 10.2.0.1"}},
		{"asks by DHCP", NIC{DHCP: true, Addresses: prefixes("10.2.0.5/24", "2001:db8:2::5/64"), Gateways: addresses("10.2.0.1", "fe80::1")},
			[]string{"10.2.0.5: 10.2.0.0/24, 0.0.0.0/0 via 10.2.0.1 on the link", "2001:db8:2::5: 2001:db8:2::/64, fe80::/64, ::/0 via fe80::1"}},
	} {
		g := Guest{NICs: []NIC{{}, c.nic}}
		if got := policyTexts(g.policies(1)); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, expected %q", c.name, got, c.want)
		}
		if first := (Guest{NICs: []NIC{c.nic}}).policies(0); first != nil {
			t.Errorf("%s: the first NIC has the policies %v", c.name, first)
		}
	}
}

func policyTexts(list []policy) (texts []string) {
	for _, p := range list {
		var routes []string
		for _, r := range p.routes {
			text := r.to.String()
			if r.via.IsValid() {
				text += " via " + r.via.String()
			}
			if r.outside {
				text += " on the link"
			}
			routes = append(routes, text)
		}
		texts = append(texts, strings.Trim(fmt.Sprint(p.from), "[]")+": "+strings.Join(routes, ", "))
	}
	return texts
}

// TestAnyGuestsPolicies: whatever NICs a guest has, a table has one way out, and no renderer lets the first NIC have a rule or another NIC
// have a default route without a table.
func TestAnyGuestsPolicies(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		g := Guest{InstanceID: "id", Project: "alpha", Name: "any", Hostname: "any"}
		dhcp := rapid.Bool().Draw(t, "dhcp")
		for i := range rapid.IntRange(1, 5).Draw(t, "NICs") {
			g.NICs = append(g.NICs, anyNIC(t, i, dhcp))
		}
		tables := map[int]int{}
		for i := range g.NICs {
			for _, p := range g.policies(i) {
				checkPolicy(t, g.NICs[i], p)
				if owner, ok := tables[p.table]; ok && owner != i {
					t.Fatalf("NICs %d and %d share table %d", owner, i, p.table)
				}
				tables[p.table] = i
			}
		}
		if len(g.policies(0)) > 0 {
			t.Fatalf("the first NIC has policies")
		}
		checkInterfaces(t, string(Interfaces(g)[0].Data))
		for i, f := range Networkd(g) {
			checkNetworkd(t, i, string(f.Data))
		}
	})
}

func anyNIC(t *rapid.T, i int, dhcp bool) NIC {
	n := NIC{ID: fmt.Sprint(i), MAC: mac(fmt.Sprintf("fa:16:3e:00:00:%02x", i)), DHCP: dhcp}
	for k := range rapid.IntRange(0, 2).Draw(t, "IPv4 addresses") {
		bits := rapid.SampledFrom([]int{24, 30, 31, 32}).Draw(t, "bits")
		n.Addresses = append(n.Addresses, netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i), byte(k), 5}), bits))
	}
	for k := range rapid.IntRange(0, 2).Draw(t, "IPv6 addresses") {
		bits := rapid.SampledFrom([]int{64, 127, 128}).Draw(t, "bits")
		n.Addresses = append(n.Addresses, netip.PrefixFrom(netip.MustParseAddr(fmt.Sprintf("2001:db8:%x:%x::5", i, k)), bits))
	}
	if v4 := rapid.SampledFrom([]string{"", "192.0.2.1", fmt.Sprintf("10.%d.0.4", i)}).Draw(t, "IPv4 gateway"); v4 != "" {
		n.Gateways = append(n.Gateways, netip.MustParseAddr(v4))
	}
	if v6 := rapid.SampledFrom([]string{"", "fe80::1", fmt.Sprintf("2001:db8:%x::4", i)}).Draw(t, "IPv6 gateway"); v6 != "" {
		n.Gateways = append(n.Gateways, netip.MustParseAddr(v6))
	}
	if rapid.Bool().Draw(t, "own default routes") {
		n.Routes = append(n.Routes, Route{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParseAddr(fmt.Sprintf("10.%d.0.9", i))})
	}
	return n
}

// checkPolicy: each address of the family is in a rule, each subnet is on the link, and the last route of all is the way out.
func checkPolicy(t *rapid.T, n NIC, p policy) {
	if p.table <= 100 || p.table >= 253 || p.priority <= 0 || p.priority >= 32766 {
		t.Fatalf("table %d, priority %d", p.table, p.priority)
	}
	for _, a := range n.Addresses {
		if a.Addr().Is4() != p.v4 {
			continue
		}
		if !slices.Contains(p.from, a.Addr()) {
			t.Fatalf("no rule for %s in %v", a, p)
		}
		if !a.IsSingleIP() && !slices.ContainsFunc(p.routes, func(r route) bool { return r.to == a.Masked() && !r.via.IsValid() }) {
			t.Fatalf("no route to the subnet of %s in %v", a, p)
		}
	}
	for i, r := range p.routes {
		if r.to.Addr().Is4() != p.v4 || r.isDefault() != (i == len(p.routes)-1) {
			t.Fatalf("route %d of %v is %v", i, p, r)
		}
	}
}

// checkInterfaces reads the commands of each interface.
func checkInterfaces(t *rapid.T, text string) {
	name := ""
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if rest, ok := strings.CutPrefix(line, "iface "); ok {
			name, _, _ = strings.Cut(rest, " ")
		}
		policed := strings.Contains(line, " table ") || strings.Contains(line, " lookup ")
		if name == "weft0" && policed {
			t.Fatalf("the first NIC has %q", line)
		}
		if name != "weft0" && strings.Contains(line, "route replace default") && !policed {
			t.Fatalf("%s has %q", name, line)
		}
	}
}

// checkNetworkd reads the sections of a NIC's file.
func checkNetworkd(t *rapid.T, i int, text string) {
	for section := range strings.SplitSeq(text, "\n\n") {
		policed := strings.Contains(section, "Table=")
		if i == 0 && policed {
			t.Fatalf("the first NIC has %q", section)
		}
		if i > 0 && (strings.Contains(section, "Destination=0.0.0.0/0\n") || strings.Contains(section, "Destination=::/0\n")) && !policed {
			t.Fatalf("NIC %d has %q", i, section)
		}
	}
}
