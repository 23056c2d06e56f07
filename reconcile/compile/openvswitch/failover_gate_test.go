package openvswitch_test

import (
	"slices"
	"strings"
	"testing"

	"weft/hostnet/object"
	"weft/model/desired"
	"weft/reconcile/compile"
	"weft/reconcile/compile/internal/fixture"
	"weft/reconcile/compile/openvswitch"
)

// flowsOf are the texts of the flows of a result's set.
func flowsOf(u compile.Result, feature string) (texts []string) {
	for _, o := range u.Objects {
		if set, ok := o.(*object.FlowSet); ok && set.Feature == feature {
			for _, f := range set.Flows {
				texts = append(texts, f.String())
			}
		}
	}
	return texts
}

// TestTheFirstHostHasNoFailoverGate: nobody has precedence over the first host. Its interfaces are open as soon as it is known what the
// sessions mean.
func TestTheFirstHostHasNoFailoverGate(t *testing.T) {
	t.Parallel()
	first := func() compile.Input {
		in := fixture.Central()
		g := in.Config.Router(fixture.RouterUID).Central
		g.Peers[0], g.Peers[1] = g.Peers[1], g.Peers[0]
		return in
	}
	in := first()
	u := compile.Compile(in, fixture.Key(desired.KindRouter, fixture.RouterUID))
	if u.Gateway == nil || !u.Gateway.Active || u.Gateway.Reason != "it comes before all hosts that are heard" {
		t.Errorf("its role is %+v", u.Gateway)
	}
	want := []string{
		"table=0 priority=100 in_port=20,dl_src=fa:16:3e:cc:00:01,vlan_tci=0x0/0x1fff → reg6:=0x14 metadata:=0xaaaaaaaa00004000 goto:20",
		"table=20 priority=100 metadata=0xaaaaaaaa00004000,dl_dst=fa:16:3e:cc:00:01 → output:20",
	}
	if got := flowsOf(u, openvswitch.FeatureRouterInterface(fixture.NetRed)); !slices.Equal(got, want) {
		t.Errorf("the interface on red has\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	flood := strings.Join(flowsOf(compile.Compile(in, fixture.Key(desired.KindNetwork, fixture.NetRed)), openvswitch.FeatureNetwork), "\n")
	if !strings.Contains(flood, "output:5 output:6 output:20 goto:50") {
		t.Errorf("group frames of red go to\n%s", flood)
	}
	in = first()
	fixture.Interface(in, openvswitch.SessionDevice(fixture.NetPublic, "h2"), func(i *object.InterfaceFacts) { i.Session.Converged = false })
	u = compile.Compile(in, fixture.Key(desired.KindRouter, fixture.RouterUID))
	if want := `waits to know whether host "h2" is there`; u.Gateway.Active || u.Gateway.Reason != want || !strings.Contains(u.Pending, want) {
		t.Errorf("its role is %+v, pending %q", u.Gateway, u.Pending)
	}
}

// TestASessionThatCannotBeReliedOn closes the failover gate.
func TestASessionThatCannotBeReliedOn(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(i *object.InterfaceFacts){
		"on another bridge":  func(i *object.InterfaceFacts) { i.Bridge = "br-ex" },
		"without a number":   func(i *object.InterfaceFacts) { i.OFPort = 0 },
		"nothing known":      func(i *object.InterfaceFacts) { i.Session = object.SessionFacts{Up: true, Converged: true} },
		"a number of no use": func(i *object.InterfaceFacts) { i.OFPort = 0xff00 },
	} {
		in := fixture.Central()
		fixture.Interface(in, openvswitch.SessionDevice(fixture.NetPublic, "h2"), change)
		u := compile.Compile(in, fixture.Key(desired.KindRouter, fixture.RouterUID))
		if !strings.Contains(u.Pending, `waits for the BFD session with host "h2"`) || u.Gateway.Active || len(flowsOf(u, openvswitch.FeatureRouterInterface(fixture.NetRed))) > 0 {
			t.Errorf("%s: pending %q, role %+v", name, u.Pending, u.Gateway)
		}
	}
}

// What a router may do on a host depends on which hosts are heard. To be mute it needs no knowledge; to send it must know the state
// of the others.
func TestFailoverGate(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name        string
		before      object.SessionFacts // with h0, which has precedence
		after       object.SessionFacts // with h2, which has no precedence
		flows, told bool                // the router interfaces have flows; they are announced
	}{
		{"heard by both", object.SessionFacts{Known: true, Up: true, Converged: true}, object.SessionFacts{Known: true, Up: true, Converged: true}, true, false},
		{"who comes before is gone", object.SessionFacts{Known: true, Converged: true}, object.SessionFacts{Known: true, Up: true, Converged: true}, true, true},
		{"nobody is left", object.SessionFacts{Known: true, Converged: true}, object.SessionFacts{Known: true, Converged: true}, true, true},
		{"who comes before may be there", object.SessionFacts{Known: true}, object.SessionFacts{Known: true, Converged: true}, false, false},
		{"who comes after may be active", object.SessionFacts{Known: true, Converged: true}, object.SessionFacts{Known: true}, false, false},
		{"a session is not there", object.SessionFacts{}, object.SessionFacts{Known: true, Converged: true}, false, false},
	} {
		in := fixture.Central()
		for node, s := range map[string]object.SessionFacts{"h0": c.before, "h2": c.after} {
			device := openvswitch.SessionDevice(fixture.NetPublic, node)
			i := in.Facts.Interfaces[device]
			i.Session = s
			in.Facts.Interfaces[device] = i
		}
		u := compile.Compile(in, fixture.Key(desired.KindRouter, fixture.RouterUID))
		kinds := fixture.KindsOf(u)
		if got := slices.Contains(kinds, object.KindFlowSet); got != c.flows {
			t.Errorf("%s: the router interfaces have flows: %v, pending %q", c.name, got, u.Pending)
		}
		f := compile.Compile(in, fixture.Key(desired.KindFloatingIP, fixture.FloatWeb))
		for _, got := range []bool{slices.Contains(kinds, object.KindAnnouncement), slices.Contains(fixture.KindsOf(f), object.KindAnnouncement), u.Gateway != nil && u.Gateway.Active} {
			if got != c.told {
				t.Errorf("%s: announced or active: %v; %+v", c.name, got, u.Gateway)
			}
		}
		flood := fixture.Text(compile.Compile(in, fixture.Key(desired.KindNetwork, fixture.NetRed)))
		if got := strings.Contains(flood, "live(30,20)"); got != c.flows {
			t.Errorf("%s: the router interface behind its gate is in the flood list: %v", c.name, got)
		}
	}
}

// TestTheActiveHostAnnouncesItselfAfterEachMeeting: a host that is heard again may have been active meanwhile, and have announced
// itself. One that falls silent changes nothing.
func TestTheActiveHostAnnouncesItselfAfterEachMeeting(t *testing.T) {
	t.Parallel()
	announced := func(after object.SessionFacts) (all []string) {
		in := fixture.Central()
		fixture.Interface(in, openvswitch.SessionDevice(fixture.NetPublic, "h0"), func(i *object.InterfaceFacts) { i.Session = object.SessionFacts{Known: true, Converged: true, Ups: 1} })
		fixture.Interface(in, openvswitch.SessionDevice(fixture.NetPublic, "h2"), func(i *object.InterfaceFacts) { i.Session = after })
		for _, o := range compile.Compile(in, fixture.Key(desired.KindRouter, fixture.RouterUID)).Objects {
			if a, ok := o.(*object.Announcement); ok {
				all = append(all, a.Key().Name+" "+a.Occasion)
			}
		}
		return all
	}
	first := announced(object.SessionFacts{Known: true, Up: true, Converged: true, Ups: 1})
	if silent := announced(object.SessionFacts{Known: true, Converged: true, Ups: 1}); len(first) < 2 || !slices.Equal(first, silent) {
		t.Errorf("while h2 is heard %v, and when it falls silent %v", first, silent)
	}
	again := announced(object.SessionFacts{Known: true, Up: true, Converged: true, Ups: 2})
	for i := range first {
		if again[i] == first[i] {
			t.Errorf("%s is not announced again when h2 is heard again", again[i])
		}
	}
}
