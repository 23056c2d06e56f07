package report

import (
	"net/netip"
	"slices"
	"testing"

	"weft/model/desired"
)

// A router's IPv6 prefixes are reported where they are routed, whether the exit is the host's or the router's own.
func TestRoutedPrefixesAreReported(t *testing.T) {
	t.Parallel()
	leg := desired.RouterLeg{Network: "n1", Addresses: []netip.Prefix{netip.MustParsePrefix("10.0.0.1/24"), netip.MustParsePrefix("2001:db8:a::1/64")}}
	routed, translated := &desired.NodeGateway{RoutedIPv6: true}, &desired.NodeGateway{}
	for _, c := range []struct {
		name    string
		host    *desired.NodeGateway
		central *desired.CentralGateway
		told    bool
	}{
		{"distributed", routed, nil, true},
		{"distributed, translated", translated, nil, false},
		{"centralized", nil, &desired.CentralGateway{External: routed}, true},
		{"centralized, leads nowhere", routed, &desired.CentralGateway{}, false},
		{"no way out yet", nil, nil, false},
	} {
		s := &desired.Slice{Networks: map[string]*desired.Network{"x1": {UID: "x1", Gateway: c.host}}}
		r := &desired.Router{UID: "r1", Project: "alpha", Name: "edge", External: "x1", Legs: []desired.RouterLeg{leg}, Central: c.central}
		got := prefixesOf(s, r)
		want := []netip.Prefix{netip.MustParsePrefix("2001:db8:a::/64")}
		if !c.told {
			want = nil
		}
		if !slices.Equal(got.Prefixes, want) || got.For != "Router alpha/edge" || got.Network != "x1" {
			t.Errorf("%s: %+v", c.name, got)
		}
	}
}
