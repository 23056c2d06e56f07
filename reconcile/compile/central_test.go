package compile_test

import (
	"strings"
	"testing"

	"weft/hostnet/object"
	"weft/model"
	"weft/model/desired"
	"weft/reconcile/compile"
	"weft/reconcile/compile/internal/fixture"
)

// An error in a centralized router's hosts is reported, and nothing of the router is wired.
func TestCentralRefused(t *testing.T) {
	t.Parallel()
	for want, spoil := range map[string]func(*desired.CentralGateway){
		"not among its gateway hosts": func(g *desired.CentralGateway) { g.Peers = g.Peers[2:] },
		"listed twice or has no MAC":  func(g *desired.CentralGateway) { g.Peers[0].Node = "h2" },
		"not 10 bytes in hexadecimal": func(g *desired.CentralGateway) { g.Peers[0].Secret = "00" },
		"more than 3 gateway hosts": func(g *desired.CentralGateway) {
			g.Peers = append(g.Peers, desired.GatewayPeer{Node: "h3", MAC: fixture.MAC("fa:16:3e:ff:00:03")})
		},
		"reserved or no unicast":      func(g *desired.CentralGateway) { g.MAC = fixture.MAC(object.GatewayMAC.String()) },
		"watch each other is none of": func(g *desired.CentralGateway) { g.Watch = "other" },
	} {
		in := fixture.Central()
		spoil(in.Config.Router(fixture.RouterUID).Central)
		if u := compile.Compile(in, fixture.Key(desired.KindRouter, fixture.RouterUID)); !strings.Contains(u.Refused, want) || len(u.Objects) > 0 {
			t.Errorf("refused %q with %d objects, want %q", u.Refused, len(u.Objects), want)
		}
	}
}

// TestCentralFaults: more faults of a centralized router's hosts, and what is just within the bounds.
func TestCentralFaults(t *testing.T) {
	t.Parallel()
	g := func(change func(g *desired.CentralGateway)) func(compile.Input) {
		return func(in compile.Input) {
			in.Facts.Interfaces[compile.RouterInterfaceDevice(fixture.RouterUID, fixture.NetBlue)] = object.InterfaceFacts{Bridge: "br-int", OFPort: 25, Created: true}
			change(in.Config.Router(fixture.RouterUID).Central)
		}
	}
	fixture.AskAll(t, fixture.Central, fixture.Key(desired.KindRouter, fixture.RouterUID), []ask{
		{"as is", g(func(*desired.CentralGateway) {}), "", ""},
		{"a host without name", g(func(g *desired.CentralGateway) { g.Peers[0].Node = "" }), "", `gateway host "" is listed twice or has no MAC`},
		{"a host without MAC", g(func(g *desired.CentralGateway) { g.Peers[0].MAC = model.MAC{} }), "", `gateway host "h0" is listed twice or has no MAC`},
		{"a host with a group MAC", g(func(g *desired.CentralGateway) { g.Peers[0].MAC = model.MAC{1} }), "", `gateway host "h0" is listed twice or has no MAC`},
		{"a group MAC", g(func(g *desired.CentralGateway) { g.MAC = model.MAC{1} }), "", "its MAC 01:00:00:00:00:00 is reserved or no unicast"},
		{"no MAC", g(func(g *desired.CentralGateway) { g.MAC = model.MAC{} }), "", "is reserved or no unicast"},
		{"the server's MAC", g(func(g *desired.CentralGateway) { g.MAC = model.MAC(object.ServerMAC) }), "", "is reserved or no unicast"},
		{"a secret that is no number", g(func(g *desired.CentralGateway) { g.Peers[0].Secret = "zz" + fixture.SecretOf(0)[2:] }), "", "not 10 bytes in hexadecimal"},
		{"alone, watching nothing", g(func(g *desired.CentralGateway) { g.Peers, g.Watch = g.Peers[1:2], "" }), "", ""},
		{"watching a router interface", g(func(g *desired.CentralGateway) { g.Watch = fixture.NetBlue }), "waits for the BFD session", ""},
	})
}
