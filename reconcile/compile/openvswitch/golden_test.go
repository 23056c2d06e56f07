package openvswitch_test

import (
	"flag"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"weft/hostnet/object"
	"weft/model"
	"weft/model/desired"
	"weft/reconcile/compile"
	"weft/reconcile/compile/internal/fixture"
)

func TestCentralGolden(t *testing.T) {
	t.Parallel()
	in := fixture.Central()
	for name, k := range map[string]desired.Key{
		"central_router": fixture.Key(desired.KindRouter, fixture.RouterUID), "central_external": fixture.Key(desired.KindNetwork, fixture.NetPublic),
		"central_floating": fixture.Key(desired.KindFloatingIP, fixture.FloatWeb), "central_network": fixture.Key(desired.KindNetwork, fixture.NetRed),
		"central_port": fixture.Key(desired.KindPort, fixture.PortWeb),
	} {
		golden(t, name, fixture.Text(compile.Compile(in, k)))
	}
}

var update = flag.Bool("update", false, "rewrite the golden files")

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name+".txt")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs from the golden file; look at the difference after running with -update\n%s", path, got)
	}
}

func TestCompileGolden(t *testing.T) {
	t.Parallel()
	in := fixture.Plain()
	for name, k := range map[string]desired.Key{
		"host": fixture.Key(desired.KindHost, fixture.HostUID), "network": fixture.Key(desired.KindNetwork, fixture.NetRed),
		"port_created": fixture.Key(desired.KindPort, fixture.PortWeb), "port_adopted": fixture.Key(desired.KindPort, fixture.PortDB),
		"port_standby": fixture.Key(desired.KindPort, fixture.PortMove), "port_waiting": fixture.Key(desired.KindPort, fixture.PortBlue),
		"port_gone": fixture.Key(desired.KindPort, "gone"),
	} {
		golden(t, name, fixture.Text(compile.Compile(in, k)))
	}
}

func TestRouterGolden(t *testing.T) {
	t.Parallel()
	in := fixture.Routed()
	for name, k := range map[string]desired.Key{
		"router": fixture.Key(desired.KindRouter, fixture.RouterUID), "external": fixture.Key(desired.KindNetwork, fixture.NetPublic), "floating": fixture.Key(desired.KindFloatingIP, fixture.FloatWeb),
		"floating_forwards": fixture.Key(desired.KindFloatingIP, fixture.FloatFwd), "neighbors": fixture.Key(desired.KindNeighbors, fixture.ShardRed),
		"port_routed": fixture.Key(desired.KindPort, fixture.PortWeb), "network_routed": fixture.Key(desired.KindNetwork, fixture.NetRed),
	} {
		golden(t, name, fixture.Text(compile.Compile(in, k)))
	}
}

// An external network with several subnets of a family: what each of them needs in addition.
func TestExternalSubnets(t *testing.T) {
	t.Parallel()
	in := fixture.Routed()
	n := in.Config.Network(fixture.NetPublic)
	for _, s := range []struct{ cidr, gateway string }{{"10.8.0.0/24", "10.8.0.1"}, {"10.7.0.0/24", ""}, {"fd00:8::/64", "fd00:8::1"},
		{"10.6.0.7/32", "192.0.2.1"}, {"10.6.0.8/32", "192.0.2.1"}, {"fd00:6::8/128", "fe80::1"}} {
		sub := desired.Subnet{CIDR: model.Prefix{Prefix: netip.MustParsePrefix(s.cidr)}}
		if s.gateway != "" {
			sub.Gateway = fixture.Address(s.gateway)
		}
		n.Subnets = append(n.Subnets, sub)
	}
	u := compile.Compile(in, fixture.Key(desired.KindNetwork, fixture.NetPublic))
	var b strings.Builder
	for _, o := range u.Objects {
		switch o.(type) {
		case *object.Route, *object.Rule:
			fmt.Fprintf(&b, "%s %+v\n", o.Key(), o)
		}
	}
	golden(t, "external_subnets", b.String())
}

// TestGatewaysOnTheLink: no guest may have the link-local address of a router that exists. A namespace whose own subnet has its gateway
// outside reaches it on the link first.
func TestGatewaysOnTheLink(t *testing.T) {
	t.Parallel()
	in := fixture.Routed()
	n := in.Config.Network(fixture.NetPublic)
	n.Subnets[0].Gateway, n.Subnets[1].Gateway = fixture.Address("192.0.2.1"), fixture.Address("fe80::1")
	n.Gateway.NextHops = []model.Address{fixture.Address("192.0.2.1"), fixture.Address("fe80::1")}
	u := compile.Compile(in, fixture.Key(desired.KindNetwork, fixture.NetPublic))
	var b strings.Builder
	for _, o := range u.Objects {
		switch o := o.(type) {
		case *object.Route:
			fmt.Fprintf(&b, "%s %+v\n", o.Key(), o)
		case *object.FlowSet:
			for _, f := range o.Flows {
				if text := f.String(); strings.Contains(text, "fe80::1 ") {
					fmt.Fprintln(&b, text)
				}
			}
		}
	}
	golden(t, "gateways_on_link", b.String())
}
