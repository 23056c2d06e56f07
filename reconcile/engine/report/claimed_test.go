package report

import (
	"net/netip"
	"reflect"
	"testing"

	"weft/etcdschema"
	"weft/model"
	"weft/model/desired"
)

// A router's IPv6 prefixes are reported where they are routed, whether the exit is the host's or the router's own.
func TestRoutedPrefixesAreReported(t *testing.T) {
	t.Parallel()
	iface := desired.RouterInterface{Network: "n1", Addresses: []netip.Prefix{netip.MustParsePrefix("10.0.0.1/24"), netip.MustParsePrefix("2001:db8:a::1/64")}}
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
		r := &desired.Router{UID: "r1", Project: "alpha", Name: "edge", External: "x1", Interfaces: []desired.RouterInterface{iface}, Central: c.central}
		got, told := Claimed(desired.NewNodeConfig(&desired.Network{UID: "x1", Gateway: c.host}, r), r.Key())
		want := etcdschema.ClaimedReport{For: "Router alpha/edge", Network: "x1", Prefixes: []netip.Prefix{netip.MustParsePrefix("2001:db8:a::/64")}}
		if !c.told {
			want = etcdschema.ClaimedReport{}
		}
		if told != c.told || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v", c.name, got)
		}
	}
}

// What a node uses without a port or a centralized router of its own is reported with its owner, and only while it is used.
func TestClaimedValuesAreReported(t *testing.T) {
	t.Parallel()
	address := model.Address{Addr: netip.MustParseAddr("192.0.2.7")}
	host := &desired.Host{UID: "h", Name: "h1", RouterMAC: model.MAC{0xfa, 0x16, 0x3e, 0, 0, 1}}
	outside := &desired.Network{UID: "x1", Gateway: &desired.NodeGateway{Addresses: []netip.Prefix{netip.PrefixFrom(address.Addr, 24)}}}
	floating := &desired.FloatingIP{UID: "f1", Project: "alpha", Name: "web", Network: "x1", Address: address}
	all := desired.NewNodeConfig(host, outside, floating, &desired.Network{UID: "inside"},
		&desired.Network{UID: "empty", Gateway: &desired.NodeGateway{}}, &desired.Port{UID: "p1"}, &desired.Neighbors{UID: "inside-0"})
	for k, want := range map[desired.Key]etcdschema.ClaimedReport{
		host.Key():     {For: "Host h1", MAC: host.RouterMAC},
		outside.Key():  {For: "Host h1", Owner: "h", Network: "x1", Addresses: []model.Address{address}},
		floating.Key(): {For: "FloatingIP alpha/web", Network: "x1", Addresses: []model.Address{address}},
		{Kind: desired.KindNetwork, UID: "inside"}:     {},
		{Kind: desired.KindNetwork, UID: "empty"}:      {},
		{Kind: desired.KindPort, UID: "p1"}:            {},
		{Kind: desired.KindNeighbors, UID: "inside-0"}: {},
		{Kind: desired.KindFloatingIP, UID: "gone"}:    {},
	} {
		if got, told := Claimed(all, k); told != (want.For != "") || !reflect.DeepEqual(got, want) {
			t.Errorf("%v: %+v", k, got)
		}
	}
	if got, told := Claimed(desired.NewNodeConfig(&desired.Host{UID: "plain", Name: "h2"}), desired.Key{Kind: desired.KindHost, UID: "plain"}); told {
		t.Errorf("a host without a MAC of its own: %+v", got)
	}
	if got, told := Claimed(desired.NewNodeConfig(outside), outside.Key()); told {
		t.Errorf("an external network without the host: %+v", got)
	}
}
