package compile_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"weft/hostnet/object"
	"weft/model/desired"
	"weft/reconcile/compile"
	"weft/reconcile/compile/openvswitch"
)

// central is the fixture routed with the router centralized on h0, h1 (this host) and h2. Its sessions exist, and are up and
// settled.
func central() compile.Input {
	in := routed()
	r := in.Config.Router(routerUID)
	public := in.Config.Network(netPublic)
	r.Central = &desired.CentralGateway{MAC: mac("fa:16:3e:cc:00:01"), External: public.Gateway, Watch: netPublic, Peers: []desired.GatewayPeer{
		{Node: "h0", MAC: mac("fa:16:3e:ff:00:00"), Secret: secretOf(0)}, {Node: "h1", MAC: mac("fa:16:3e:ff:00:01"), Secret: secretOf(1)},
		{Node: "h2", MAC: mac("fa:16:3e:ff:00:02"), Secret: secretOf(2)}}}
	public.Gateway = nil
	for _, n := range []string{netRed, netBlue, netPublic} {
		in.Config.Network(n).CentralMAC = r.Central.MAC
	}
	plug := func(device string, ofport uint32, s object.SessionFacts) {
		in.Facts.Interfaces[device] = object.InterfaceFacts{Bridge: "br-int", OFPort: ofport, Created: true, Session: s}
	}
	plug(compile.CentralLegDevice(routerUID, netPublic), 22, object.SessionFacts{})
	for i, node := range []string{"h0", "h2"} {
		device := openvswitch.SessionDevice(netPublic, node)
		plug(device, uint32(30+i), object.SessionFacts{Known: true, Up: true, Settled: true})
		plug("wq"+device[2:], uint32(40+i), object.SessionFacts{})
	}
	return in
}

// secretOf is the session secret of the n-th gateway host.
func secretOf(n int) string { return fmt.Sprintf("%02x0102030405060708ff", n) }

// sessionWords are the flows of the session with h0 in words: the host's packets to it, and those that are accepted from it.
func sessionWords(t *testing.T, in compile.Input) (out, back string) {
	t.Helper()
	for _, o := range compile.Compile(in, key(desired.KindNetwork, netPublic)).Objects {
		if f, ok := o.(*object.FlowSet); ok && f.Feature == openvswitch.FeatureSession("h0") {
			return f.Flows[0].String(), f.Flows[1].String()
		}
	}
	t.Fatal("there is no session with h0")
	return "", ""
}

// A packet is accepted from another host only as that host sends it, with or without a secret.
func TestSessionMarks(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name      string
		spoil     func(g *desired.CentralGateway)
		say, hear string
	}{
		{"with secrets", func(*desired.CentralGateway) {}, "→ ip_src:=2.1.2.3 ip_dst:=5.5.6.7 udp_src:=51455 metadata:=",
			"nw_src=1.1.2.3,nw_dst=5.5.6.7,nw_ttl=255,nw_frag=no,udp_src=51455,udp_dst=3784 → ip_src:=169.254.1.1 ip_dst:=169.254.1.0 output:40"},
		{"without", func(g *desired.CentralGateway) {
			for i := range g.Peers {
				g.Peers[i].Secret = ""
			}
		}, "udp_dst=3784 → metadata:=", "nw_src=169.254.1.1,nw_dst=169.254.1.0,nw_ttl=255,nw_frag=no,udp_dst=3784 → output:40"},
	} {
		in := central()
		c.spoil(in.Config.Router(routerUID).Central)
		out, back := sessionWords(t, in)
		if !strings.Contains(out, c.say) || !strings.Contains(back, c.hear) {
			t.Errorf("%s:\n%s\n%s", c.name, out, back)
		}
	}
}

// Two routers are on the same hosts, and one of them also on a third host that does not support secrets. The two hosts still use
// their secrets, whichever router comes first. Both sides of a session use the same.
func TestSessionMarksOfTwoRouters(t *testing.T) {
	t.Parallel()
	for _, uid := range []string{"00000000-0000-4000-8000-000000000001", "ffffffff-0000-4000-8000-000000000001"} {
		in := central()
		want, wantBack := sessionWords(t, in)
		other := *in.Config.Router(routerUID)
		g := *other.Central
		g.Peers = slices.Clone(g.Peers)
		for i := range g.Peers {
			g.Peers[i].Secret = ""
		}
		g.Peers[2].Node = "h9"
		other.UID, other.Central, other.Legs = uid, &g, nil
		in.Config.Put(&other)
		in.Index = nil
		if out, back := sessionWords(t, in); out != want || back != wantBack {
			t.Errorf("beside router %s:\n%s\n%s\nwant\n%s\n%s", uid, out, back, want, wantBack)
		}
	}
}

func TestCentralGolden(t *testing.T) {
	t.Parallel()
	in := central()
	for name, k := range map[string]desired.Key{
		"central_router": key(desired.KindRouter, routerUID), "central_external": key(desired.KindNetwork, netPublic),
		"central_floating": key(desired.KindFloatingIP, floatWeb), "central_network": key(desired.KindNetwork, netRed),
		"central_port": key(desired.KindPort, portWeb),
	} {
		golden(t, name, text(compile.Compile(in, k)))
	}
}

// What a router may do on a host depends on which hosts are heard. To be mute it needs no knowledge; to send it must know the state
// of the others.
func TestCentralGate(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name        string
		before      object.SessionFacts // with h0, which has precedence
		after       object.SessionFacts // with h2, which has no precedence
		flows, told bool                // the legs have flows; they are announced
	}{
		{"heard by both", object.SessionFacts{Known: true, Up: true, Settled: true}, object.SessionFacts{Known: true, Up: true, Settled: true}, true, false},
		{"who comes before is gone", object.SessionFacts{Known: true, Settled: true}, object.SessionFacts{Known: true, Up: true, Settled: true}, true, true},
		{"nobody is left", object.SessionFacts{Known: true, Settled: true}, object.SessionFacts{Known: true, Settled: true}, true, true},
		{"who comes before may be there", object.SessionFacts{Known: true}, object.SessionFacts{Known: true, Settled: true}, false, false},
		{"who comes after may be active", object.SessionFacts{Known: true, Settled: true}, object.SessionFacts{Known: true}, false, false},
		{"a session is not there", object.SessionFacts{}, object.SessionFacts{Known: true, Settled: true}, false, false},
	} {
		in := central()
		for node, s := range map[string]object.SessionFacts{"h0": c.before, "h2": c.after} {
			device := openvswitch.SessionDevice(netPublic, node)
			i := in.Facts.Interfaces[device]
			i.Session = s
			in.Facts.Interfaces[device] = i
		}
		u := compile.Compile(in, key(desired.KindRouter, routerUID))
		kinds := kindsOf(u)
		if got := slices.Contains(kinds, object.KindFlowSet); got != c.flows {
			t.Errorf("%s: the legs have flows: %v, pending %q", c.name, got, u.Pending)
		}
		f := compile.Compile(in, key(desired.KindFloatingIP, floatWeb))
		for _, got := range []bool{slices.Contains(kinds, object.KindAnnouncement), slices.Contains(kindsOf(f), object.KindAnnouncement), u.Gateway != nil && u.Gateway.Active} {
			if got != c.told {
				t.Errorf("%s: announced or active: %v; %+v", c.name, got, u.Gateway)
			}
		}
		flood := text(compile.Compile(in, key(desired.KindNetwork, netRed)))
		if got := strings.Contains(flood, "live(30,20)"); got != c.flows {
			t.Errorf("%s: the leg behind its gate is in the flood list: %v", c.name, got)
		}
	}
}

func kindsOf(u compile.Unit) (kinds []object.Kind) {
	for _, o := range u.Objects {
		kinds = append(kinds, o.Key().Kind)
	}
	return kinds
}

// An error in a centralized router's hosts is reported, and nothing of the router is wired.
func TestCentralRefused(t *testing.T) {
	t.Parallel()
	for want, spoil := range map[string]func(*desired.CentralGateway){
		"not among its gateway hosts": func(g *desired.CentralGateway) { g.Peers = g.Peers[2:] },
		"listed twice or has no MAC":  func(g *desired.CentralGateway) { g.Peers[0].Node = "h2" },
		"not 10 bytes in hexadecimal": func(g *desired.CentralGateway) { g.Peers[0].Secret = "00" },
		"more than 3 gateway hosts": func(g *desired.CentralGateway) {
			g.Peers = append(g.Peers, desired.GatewayPeer{Node: "h3", MAC: mac("fa:16:3e:ff:00:03")})
		},
		"reserved or no unicast":      func(g *desired.CentralGateway) { g.MAC = mac(object.GatewayMAC.String()) },
		"watch each other is none of": func(g *desired.CentralGateway) { g.Watch = "other" },
	} {
		in := central()
		spoil(in.Config.Router(routerUID).Central)
		if u := compile.Compile(in, key(desired.KindRouter, routerUID)); !strings.Contains(u.Refused, want) || len(u.Objects) > 0 {
			t.Errorf("refused %q with %d objects, want %q", u.Refused, len(u.Objects), want)
		}
	}
}

// A changed session concerns its network, the routers whose hosts watch each other there, and their networks and floating
// addresses.
func TestSessionConcerns(t *testing.T) {
	t.Parallel()
	in := central()
	got := fmt.Sprint(byDevice(in, openvswitch.SessionDevice(netPublic, "h0")))
	for _, k := range []desired.Key{key(desired.KindNetwork, netPublic), key(desired.KindNetwork, netRed), key(desired.KindRouter, routerUID),
		key(desired.KindFloatingIP, floatWeb)} {
		if !strings.Contains(got, fmt.Sprint(k)) {
			t.Errorf("%v is not concerned: %s", k, got)
		}
	}
	in.Config.Router(routerUID).External, in.Config.Router(routerUID).Central.External = "", nil
	in.Config.Router(routerUID).Central.Watch = netRed
	in.Index = nil
	if u := compile.Compile(in, key(desired.KindNetwork, netRed)); !slices.Contains(kindsOf(u), object.KindSession) {
		t.Errorf("without external network the first leg's has no sessions: %s", text(u))
	}
}

// TestTheActiveHostAnnouncesItselfAfterEachMeeting: a host that is heard again may have been active meanwhile, and have announced
// itself. One that falls silent changes nothing.
func TestTheActiveHostAnnouncesItselfAfterEachMeeting(t *testing.T) {
	t.Parallel()
	announced := func(after object.SessionFacts) (all []string) {
		in := central()
		iface(in, openvswitch.SessionDevice(netPublic, "h0"), func(i *object.InterfaceFacts) { i.Session = object.SessionFacts{Known: true, Settled: true, Ups: 1} })
		iface(in, openvswitch.SessionDevice(netPublic, "h2"), func(i *object.InterfaceFacts) { i.Session = after })
		for _, o := range compile.Compile(in, key(desired.KindRouter, routerUID)).Objects {
			if a, ok := o.(*object.Announcement); ok {
				all = append(all, a.Key().Name+" "+a.Occasion)
			}
		}
		return all
	}
	first := announced(object.SessionFacts{Known: true, Up: true, Settled: true, Ups: 1})
	if silent := announced(object.SessionFacts{Known: true, Settled: true, Ups: 1}); len(first) < 2 || !slices.Equal(first, silent) {
		t.Errorf("while h2 is heard %v, and when it falls silent %v", first, silent)
	}
	again := announced(object.SessionFacts{Known: true, Up: true, Settled: true, Ups: 2})
	for i := range first {
		if again[i] == first[i] {
			t.Errorf("%s is not announced again when h2 is heard again", again[i])
		}
	}
}
