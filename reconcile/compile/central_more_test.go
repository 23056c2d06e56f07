package compile_test

import (
	"slices"
	"strings"
	"testing"

	"weft/hostnet/object"
	"weft/model"
	"weft/model/desired"
	"weft/reconcile/compile"
	"weft/reconcile/compile/openvswitch"
)

// flowsOf are the texts of the flows of a unit's set.
func flowsOf(u compile.Unit, feature string) (texts []string) {
	for _, o := range u.Objects {
		if set, ok := o.(*object.FlowSet); ok && set.Feature == feature {
			for _, f := range set.Flows {
				texts = append(texts, f.String())
			}
		}
	}
	return texts
}

// TestTheFirstHostHasNoGate: nobody has precedence over the first host. Its legs are open as soon as it is known what the sessions
// mean.
func TestTheFirstHostHasNoGate(t *testing.T) {
	t.Parallel()
	first := func() compile.Input {
		in := central()
		g := in.Config.Router(routerUID).Central
		g.Peers[0], g.Peers[1] = g.Peers[1], g.Peers[0]
		return in
	}
	in := first()
	u := compile.Compile(in, key(desired.KindRouter, routerUID))
	if u.Gateway == nil || !u.Gateway.Active || u.Gateway.Reason != "it comes before all hosts that are heard" {
		t.Errorf("its role is %+v", u.Gateway)
	}
	want := []string{
		"table=0 priority=100 in_port=20,dl_src=fa:16:3e:cc:00:01,vlan_tci=0x0/0x1fff → reg6:=0x14 metadata:=0xaaaaaaaa00004000 goto:20",
		"table=20 priority=100 metadata=0xaaaaaaaa00004000,dl_dst=fa:16:3e:cc:00:01 → output:20",
	}
	if got := flowsOf(u, openvswitch.FeatureLeg(netRed)); !slices.Equal(got, want) {
		t.Errorf("the leg on red has\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	flood := strings.Join(flowsOf(compile.Compile(in, key(desired.KindNetwork, netRed)), openvswitch.FeatureNetwork), "\n")
	if !strings.Contains(flood, "output:5 output:6 output:20 goto:50") {
		t.Errorf("group frames of red go to\n%s", flood)
	}
	in = first()
	iface(in, openvswitch.SessionDevice(netPublic, "h2"), func(i *object.InterfaceFacts) { i.Session.Settled = false })
	u = compile.Compile(in, key(desired.KindRouter, routerUID))
	if want := `waits to know whether host "h2" is there`; u.Gateway.Active || u.Gateway.Reason != want || !strings.Contains(u.Pending, want) {
		t.Errorf("its role is %+v, pending %q", u.Gateway, u.Pending)
	}
}

// TestASessionThatCannotBeReliedOn closes the gate.
func TestASessionThatCannotBeReliedOn(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(i *object.InterfaceFacts){
		"on another bridge":  func(i *object.InterfaceFacts) { i.Bridge = "br-ex" },
		"without a number":   func(i *object.InterfaceFacts) { i.OFPort = 0 },
		"nothing known":      func(i *object.InterfaceFacts) { i.Session = object.SessionFacts{Up: true, Settled: true} },
		"a number of no use": func(i *object.InterfaceFacts) { i.OFPort = 0xff00 },
	} {
		in := central()
		iface(in, openvswitch.SessionDevice(netPublic, "h2"), change)
		u := compile.Compile(in, key(desired.KindRouter, routerUID))
		if !strings.Contains(u.Pending, `waits for the BFD session with host "h2"`) || u.Gateway.Active || len(flowsOf(u, openvswitch.FeatureLeg(netRed))) > 0 {
			t.Errorf("%s: pending %q, role %+v", name, u.Pending, u.Gateway)
		}
	}
}

// TestCentralFaults: more faults of a centralized router's hosts, and what is just within the bounds.
func TestCentralFaults(t *testing.T) {
	t.Parallel()
	g := func(change func(g *desired.CentralGateway)) func(compile.Input) {
		return func(in compile.Input) {
			in.Facts.Interfaces[compile.LegDevice(routerUID, netBlue)] = object.InterfaceFacts{Bridge: "br-int", OFPort: 25, Created: true}
			change(in.Config.Router(routerUID).Central)
		}
	}
	all(t, central, key(desired.KindRouter, routerUID), []ask{
		{"as is", g(func(*desired.CentralGateway) {}), "", ""},
		{"a host without name", g(func(g *desired.CentralGateway) { g.Peers[0].Node = "" }), "", `gateway host "" is listed twice or has no MAC`},
		{"a host without MAC", g(func(g *desired.CentralGateway) { g.Peers[0].MAC = model.MAC{} }), "", `gateway host "h0" is listed twice or has no MAC`},
		{"a host with a group MAC", g(func(g *desired.CentralGateway) { g.Peers[0].MAC = model.MAC{1} }), "", `gateway host "h0" is listed twice or has no MAC`},
		{"a group MAC", g(func(g *desired.CentralGateway) { g.MAC = model.MAC{1} }), "", "its MAC 01:00:00:00:00:00 is reserved or no unicast"},
		{"no MAC", g(func(g *desired.CentralGateway) { g.MAC = model.MAC{} }), "", "is reserved or no unicast"},
		{"the server's MAC", g(func(g *desired.CentralGateway) { g.MAC = model.MAC(object.ServerMAC) }), "", "is reserved or no unicast"},
		{"a secret that is no number", g(func(g *desired.CentralGateway) { g.Peers[0].Secret = "zz" + secretOf(0)[2:] }), "", "not 10 bytes in hexadecimal"},
		{"alone, watching nothing", g(func(g *desired.CentralGateway) { g.Peers, g.Watch = g.Peers[1:2], "" }), "", ""},
		{"watching a leg", g(func(g *desired.CentralGateway) { g.Watch = netBlue }), "waits for the BFD session", ""},
	})
}

// TestSessionsWait: a session has its ports at once, and flows when the ports have numbers and the uplink works.
func TestSessionsWait(t *testing.T) {
	t.Parallel()
	wire := "wq" + openvswitch.SessionDevice(netPublic, "h0")[2:]
	const waits = `waits for an OpenFlow port number of the BFD session with host "h0", or for the uplink`
	all(t, central, key(desired.KindNetwork, netPublic), []ask{
		{"as is", func(compile.Input) {}, "", ""},
		{"no number", func(in compile.Input) { iface(in, wire, func(i *object.InterfaceFacts) { i.OFPort = 0 }) }, waits, ""},
		{"no uplink", func(in compile.Input) { in.Config.Host().Uplinks = nil }, waits, ""},
		{"no router MAC", func(in compile.Input) { in.Config.Host().RouterMAC = model.MAC{} }, "waits for the host's router MAC", ""},
		{"the router is refused", func(in compile.Input) {
			in.Config.Router(routerUID).Central.MAC = model.MAC{}
			in.Config.Host().RouterMAC = model.MAC{} // nobody needs it then
		}, "", ""},
	})
	in := central()
	delete(in.Facts.Interfaces, wire)
	var sessions, flows int
	for _, o := range compile.Compile(in, key(desired.KindNetwork, netPublic)).Objects {
		switch o := o.(type) {
		case *object.Session:
			sessions++
		case *object.FlowSet:
			if strings.HasPrefix(o.Feature, "session/") {
				flows++
			}
		}
	}
	if sessions != 2 || flows != 1 {
		t.Errorf("%d sessions, %d of them with flows; want 2 and 1", sessions, flows)
	}
}
