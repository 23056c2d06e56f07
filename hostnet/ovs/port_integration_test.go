//go:build integration

package ovs

import (
	"strings"
	"testing"

	"weft/hostnet/object"
)

// portOrders are all flags of ovs-ofctl mod-port except "down", which follows the link.
var portOrders = []string{"no-receive", "no-forward", "no-flood", "no-packet-in", "no-stp", "no-receive-stp"}

func TestPortConfigurationIsSeenAndTakenOff(t *testing.T) {
	t.Parallel()
	b := newWatchedTestbed(t)
	b.veth("tap1")
	b.veth("eth1")
	uplink := &object.Uplink{OwnerUID: hostUID, Bridge: "br-int", Device: "eth1", PhysicalNetwork: "physnet1"}
	session := &object.Session{OwnerUID: hostUID, Bridge: "br-int", Device: "wb1", PeerDevice: "wc1",
		Local: object.MAC{2, 0, 0, 0, 0, 1}, Remote: object.MAC{2, 0, 0, 0, 0, 2}}
	b.must(create(guest("tap1")), create(uplink), create(session))
	b.frags("nx-match")
	for port, want := range map[string]object.Object{"tap1": guest("tap1"), "eth1": uplink, "wb1": session, "wc1": session, "br-int": ourBridge()} {
		for _, order := range portOrders {
			same(t, want, b.observe(want.Key()))
			from := b.seen()
			b.flows("br-int", "mod-port", port, order, "-OOpenFlow10") // later versions have fewer flags
			b.await(from, port+" "+order, b.drifted(want))
			diff := want.Diff(b.observe(want.Key()))
			if len(diff) != 1 || !strings.HasSuffix(diff[0].Observed, order) {
				t.Errorf("%s %s: differs by %v", port, order, diff)
			}
			b.must(object.Change{Op: object.Update, Desired: want, Observed: b.observe(want.Key())})
			same(t, want, b.observe(want.Key()))
		}
	}
	b.frags("nx-match")
}

// frags checks the fragment mode, because listening to ports sends it too.
func (b *testbed) frags(want string) {
	b.t.Helper()
	if got := strings.TrimSpace(b.flows("br-int", "get-frags")); got != want {
		b.t.Errorf("fragments are handled as %q, want %q", got, want)
	}
}

func TestPortConfigurationIsReadAtASync(t *testing.T) {
	t.Parallel()
	b := newTestbed(t)
	b.sync()
	b.must(create(ourBridge()))
	b.veth("tap1")
	b.must(create(guest("tap1")))
	b.flows("br-int", "mod-port", "tap1", "no-receive")
	same(t, guest("tap1"), b.observe(guest("tap1").Key())) // nobody listens
	b.sync()
	o := b.observe(guest("tap1").Key())
	if o == nil || o.(*object.OVSPort).Config != "no-receive" {
		t.Fatalf("observed %+v", o)
	}
	b.must(object.Change{Op: object.Update, Desired: guest("tap1"), Observed: o})
	same(t, guest("tap1"), b.observe(guest("tap1").Key()))
	if out := b.flows("br-int", "show"); strings.Contains(out, "NO_RECV") {
		t.Errorf("the port still has it:\n%s", out)
	}
}
