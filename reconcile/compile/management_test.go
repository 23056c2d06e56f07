package compile_test

import (
	"net/netip"
	"slices"
	"testing"

	"weft/hostnet/object"
	"weft/model"
	"weft/model/desired"
	"weft/reconcile/compile"
	"weft/reconcile/compile/internal/fixture"
)

// closed is an input whose host keeps its guests from these prefixes.
func closed(in compile.Input, prefixes ...string) compile.Input {
	for _, p := range prefixes {
		in.Config.Host().ManagementCIDRs = append(in.Config.Host().ManagementCIDRs, model.Prefix{Prefix: netip.MustParsePrefix(p)})
	}
	return in
}

// TestRoutersAreKeptFromManagement: each namespace with a translation has the prefixes, whether its router is distributed or centralized.
func TestRoutersAreKeptFromManagement(t *testing.T) {
	t.Parallel()
	want := []netip.Prefix{netip.MustParsePrefix("192.168.0.0/24"), netip.MustParsePrefix("2001:db8:5::/64")}
	for name, fresh := range map[string]func() compile.Input{"distributed": fixture.AllPlugged, "centralized": fixture.Central} {
		for _, in := range []compile.Input{fresh(), closed(fresh(), "192.168.0.0/24", "2001:db8:5::/64")} {
			tables := 0
			for _, k := range in.Config.Keys() {
				for _, o := range compile.Compile(in, k).Objects {
					table, is := o.(*object.NATTable)
					if !is {
						continue
					}
					tables++
					if closed := in.Config.Host().ManagementCIDRs != nil; closed != slices.Equal(table.Management, want) || !closed && table.Management != nil {
						t.Errorf("%s: %s has %v", name, table.Key(), table.Management)
					}
				}
			}
			if tables != 2 {
				t.Errorf("%s: %d tables", name, tables)
			}
		}
	}
}

// TestManagementFaults: a prefix that cannot be closed is reported, and the others are closed.
func TestManagementFaults(t *testing.T) {
	t.Parallel()
	host := fixture.Key(desired.KindHost, fixture.HostUID)
	of := func(prefixes ...string) func(compile.Input) {
		return func(in compile.Input) { closed(in, prefixes...) }
	}
	fixture.AskAll(t, fixture.Plain, host, []ask{
		{"none", func(compile.Input) {}, "", ""},
		{"of both families", of("192.168.0.0/24", "2001:db8:5::/64", "203.0.113.9/32"), "", ""},
		{"no prefix", func(in compile.Input) { in.Config.Host().ManagementCIDRs = []model.Prefix{{}} }, "", "prefix invalid Prefix of a management network is not in canonical form"},
		{"host bits", of("192.168.0.1/24"), "", "prefix 192.168.0.1/24 of a management network is not in canonical form: guests are not kept from it"},
		{"everything", of("0.0.0.0/0"), "", "is too large"},
		{"a mapped one", of("::ffff:192.168.0.0/120"), "", "is not in canonical form"},
		{"link-local", of("169.254.0.0/16"), "", "touches 169.254.0.0/16"},
		{"link-local of IPv6", of("fe80::/64"), "", "touches fe80::/10"},
		{"groups", of("ff02::/16"), "", "touches ff00::/8"},
		{"what routers use", of("fd00::/8"), "", "touches fd00:5745:4654::/64"},
		{"twice", of("192.168.0.0/16", "192.168.7.0/24"), "", "prefix 192.168.7.0/24 of a management network overlaps another one"},
		{"too many", func(in compile.Input) {
			for i := range model.MaxManagementPrefixes + 1 {
				a := netip.AddrFrom4([4]byte{192, 168, byte(i), 0})
				in.Config.Host().ManagementCIDRs = append(in.Config.Host().ManagementCIDRs, model.Prefix{Prefix: netip.PrefixFrom(a, 24)})
			}
		}, "", "prefix 192.168.64.0/24 of a management network is one too many"},
	})
	in := closed(fixture.AllPlugged(), "169.254.0.0/16", "192.168.0.0/24")
	table := fixture.First[*object.NATTable](compile.Compile(in, fixture.Key(desired.KindRouter, fixture.RouterUID)))
	if want := []netip.Prefix{netip.MustParsePrefix("192.168.0.0/24")}; !slices.Equal(table.Management, want) {
		t.Errorf("beside a wrong prefix the router has %v", table.Management)
	}
}

// TestManagementInterfaceIsNoPort: no port gets the host's interface on a management network, by its name or by the iface-id of an interface
// of Open vSwitch.
func TestManagementInterfaceIsNoPort(t *testing.T) {
	t.Parallel()
	manage := func(device string) func(compile.Input) {
		return func(in compile.Input) { in.Config.Host().ManagementInterfaces = []string{"eth7", device} }
	}
	fixture.AskAll(t, fixture.Plain, fixture.Key(desired.KindPort, fixture.PortWeb), []ask{
		{"another device", manage("eth0"), "", ""},
		{"its device", manage("tapweb"), "", "device tapweb is the host's own on a management network"},
	})
	fixture.AskAll(t, fixture.Plain, fixture.Key(desired.KindPort, fixture.PortDB), []ask{
		{"an adopted interface", manage("vnet7"), "", "device vnet7 is the host's own on a management network"},
	})
}
