package engine

import (
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"weft/etcdschema"
	"weft/hostnet/object"
	"weft/model"
	"weft/model/desired"
	"weft/reconcile/compile/openvswitch"
)

// centralItem is a router of networks 1 and 3. The host with the name before this one has precedence.
func centralItem() *desired.Router {
	r := routerItem(1)
	r.Central = &desired.CentralGateway{MAC: model.MAC{0xfa, 0x16, 0x3e, 0xcc, 0, 1}, Watch: networkUID(3),
		External: &desired.NodeGateway{Addresses: []netip.Prefix{netip.MustParsePrefix("10.3.0.9/16")},
			NextHops: []model.Address{{Addr: netip.MustParseAddr("10.3.0.254")}}},
		Peers: []desired.GatewayPeer{{Node: "h0", MAC: model.MAC{0xfa, 0x16, 0x3e, 0xff, 0, 0}}, {Node: node, MAC: model.MAC{0xfa, 0x16, 0x3e, 0xff, 0, 1}}}}
	return r
}

// TestGatewayFollowsItsSession: a centralized router is standby while the host before this one is heard, and active when it is not.
// What the switch finds out about the session is neither drift nor a failure.
func TestGatewayFollowsItsSession(t *testing.T) {
	t.Parallel()
	wiredOVS(t, 1, func(b *testbed) {
		inside, outside := networkItem(1), networkItem(3)
		inside.CentralMAC, outside.CentralMAC = centralItem().Central.MAC, centralItem().Central.MAC
		b.etcd.put(inside, outside, centralItem())
		b.settle(time.Second)
		session := openvswitch.SessionDevice(networkUID(3), "h0")
		if b.host.Objects()[object.Key{Kind: object.KindSession, Name: session}] == nil {
			b.t.Fatalf("there is no session: %+v", b.exception(centralItem().UID))
		}
		report := func() etcdschema.GatewayReport {
			return read[etcdschema.BucketReport](b, etcdschema.ActualBucket(node, etcdschema.Bucket(centralItem().UID))).Gateways[centralItem().UID]
		}
		for _, up := range []bool{true, false, true} {
			b.host.Meet(session, up)
			b.settle(time.Second)
			b.converged()
			want := etcdschema.GatewayActive
			if up {
				want = etcdschema.GatewayStandby
			}
			if r := report(); r.State != want {
				b.t.Errorf("the other host is heard: %v, reported %+v", up, r)
			}
		}
		b.host.Damage(object.Key{Kind: object.KindSession, Name: session})
		b.settle(time.Second)
		b.host.Meet(session, true)
		b.settle(time.Second)
		b.converged()
		if n := b.node(); repairs(n) == 0 || report().State != etcdschema.GatewayStandby {
			b.t.Errorf("somebody's deletion: %+v, %+v", n, report())
		}
	})
}

// TestCentralRouterNeedsOpenVSwitch: a bridge host says so, and does everything else.
func TestCentralRouterNeedsOpenVSwitch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newTestbed(t, model.DriverBridge)
		b.wire(1)
		b.etcd.put(networkItem(1), networkItem(3), centralItem())
		b.settle(time.Second)
		if x := b.exception(centralItem().UID); x.Reason == "" {
			t.Error("nothing is reported")
		}
		if x := b.exception(portUID(1)); x.Reason != "" {
			t.Errorf("a port has %+v", x)
		}
	})
}
