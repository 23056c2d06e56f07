package openvswitch_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"weft/hostnet/object"
	"weft/model"
	"weft/model/desired"
	"weft/reconcile/compile"
	"weft/reconcile/compile/internal/fixture"
	"weft/reconcile/compile/openvswitch"
)

// TestSessionsWait: a session has its ports at once, and flows when the ports have numbers and the uplink works.
func TestSessionsWait(t *testing.T) {
	t.Parallel()
	peerDevice := "wq" + openvswitch.SessionDevice(fixture.NetPublic, "h0")[2:]
	const waits = `waits for an OpenFlow port number of the BFD session with host "h0", or for the uplink`
	fixture.AskAll(t, fixture.Central, fixture.Key(desired.KindNetwork, fixture.NetPublic), []ask{
		{"as is", func(compile.Input) {}, "", ""},
		{"no number", func(in compile.Input) {
			fixture.Interface(in, peerDevice, func(i *object.InterfaceFacts) { i.OFPort = 0 })
		}, waits, ""},
		{"no uplink", func(in compile.Input) { in.Config.Host().Uplinks = nil }, waits, ""},
		{"no router MAC", func(in compile.Input) { in.Config.Host().RouterMAC = model.MAC{} }, "waits for the host's router MAC", ""},
		{"the router is refused", func(in compile.Input) {
			in.Config.Router(fixture.RouterUID).Central.MAC = model.MAC{}
			in.Config.Host().RouterMAC = model.MAC{} // nobody needs it then
		}, "", ""},
	})
	in := fixture.Central()
	delete(in.Facts.Interfaces, peerDevice)
	var sessions, flows int
	for _, o := range compile.Compile(in, fixture.Key(desired.KindNetwork, fixture.NetPublic)).Objects {
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

// sessionWords are the flows of the session with h0 in words: the host's packets to it, and those that are accepted from it.
func sessionWords(t *testing.T, in compile.Input) (out, back string) {
	t.Helper()
	for _, o := range compile.Compile(in, fixture.Key(desired.KindNetwork, fixture.NetPublic)).Objects {
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
		in := fixture.Central()
		c.spoil(in.Config.Router(fixture.RouterUID).Central)
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
		in := fixture.Central()
		want, wantBack := sessionWords(t, in)
		other := *in.Config.Router(fixture.RouterUID)
		g := *other.Central
		g.Peers = slices.Clone(g.Peers)
		for i := range g.Peers {
			g.Peers[i].Secret = ""
		}
		g.Peers[2].Node = "h9"
		other.UID, other.Central, other.Interfaces = uid, &g, nil
		in.Config.Put(&other)
		in.Index = nil
		if out, back := sessionWords(t, in); out != want || back != wantBack {
			t.Errorf("beside router %s:\n%s\n%s\nwant\n%s\n%s", uid, out, back, want, wantBack)
		}
	}
}

// A changed session concerns its network, the routers whose hosts watch each other there, and their networks and floating
// addresses.
func TestSessionConcerns(t *testing.T) {
	t.Parallel()
	in := fixture.Central()
	got := fmt.Sprint(fixture.ByDevice(in, openvswitch.SessionDevice(fixture.NetPublic, "h0")))
	for _, k := range []desired.Key{fixture.Key(desired.KindNetwork, fixture.NetPublic), fixture.Key(desired.KindNetwork, fixture.NetRed), fixture.Key(desired.KindRouter, fixture.RouterUID),
		fixture.Key(desired.KindFloatingIP, fixture.FloatWeb)} {
		if !strings.Contains(got, fmt.Sprint(k)) {
			t.Errorf("%v is not concerned: %s", k, got)
		}
	}
	in.Config.Router(fixture.RouterUID).External, in.Config.Router(fixture.RouterUID).Central.External = "", nil
	in.Config.Router(fixture.RouterUID).Central.Watch = fixture.NetRed
	in.Index = nil
	if u := compile.Compile(in, fixture.Key(desired.KindNetwork, fixture.NetRed)); !slices.Contains(fixture.KindsOf(u), object.KindSession) {
		t.Errorf("without external network the network of the first router interface has no sessions: %s", fixture.Text(u))
	}
}
