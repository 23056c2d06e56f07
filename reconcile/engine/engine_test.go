package engine

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"weft/etcdschema"
	"weft/hostnet/object"
	"weft/model"
	"weft/model/desired"
	"weft/reconcile/compile"
)

// bubble runs a test in a bubble of its own, with a host that has ports tap1…tapN of network 1 wired.
func bubble(t *testing.T, ports int, fn func(b *bed)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := newBed(t)
		items := []desired.Item{hostItem(), networkItem(1)}
		for i := range ports {
			b.host.Plug(fmt.Sprint("tap", i+1))
			items = append(items, portItem(i+1, 1))
		}
		b.etcd.put(items...)
		b.start()
		b.settle(time.Second)
		b.converged()
		fn(b)
	})
}

func TestPortIsWiredAndReported(t *testing.T) {
	t.Parallel()
	bubble(t, 0, func(b *bed) {
		b.host.Plug("tap1")
		b.etcd.put(portItem(1, 1))
		b.settle(time.Millisecond)
		b.converged()
		if got := b.node(); got.ProcessedRevision != b.etcd.revision || got.Exceptions != 0 || got.Ports != 1 {
			b.t.Fatalf("reported %+v", got)
		}
		if b.ready != 1 {
			b.t.Fatalf("ready was said %d times", b.ready)
		}
	})
}

// TestChangesDoNotReadAllFacts: what a port's change costs does not grow with what the host holds.
func TestChangesDoNotReadAllFacts(t *testing.T) {
	t.Parallel()
	bubble(t, 3, func(b *bed) {
		before := b.host.FactsRead()
		b.host.Plug("tap4")
		b.etcd.put(portItem(4, 1))
		b.settle(time.Millisecond)
		b.etcd.drop(portKey(1))
		b.settle(time.Millisecond)
		if after := b.host.FactsRead(); after != before {
			b.t.Errorf("all facts of a driver were read %d times", after-before)
		}
		b.converged()
	})
}

func TestPortWaitsForItsDevice(t *testing.T) {
	t.Parallel()
	bubble(t, 1, func(b *bed) {
		b.etcd.put(portItem(2, 1))
		b.settle(time.Millisecond)
		if x := b.exception(portUID(2)); x.State != etcdschema.ExceptionPending || !strings.Contains(x.Reason, "tap2") {
			b.t.Fatalf("reported %+v", x)
		}
		b.host.LateOFPorts(true)
		b.host.Plug("tap2")
		b.settle(time.Second)
		if x := b.exception(portUID(2)); !strings.Contains(x.Reason, "OpenFlow port number") {
			b.t.Fatalf("reported %+v", x)
		}
		b.host.GiveOFPorts()
		b.settle(time.Second)
		b.converged()
		if n := b.node(); n.Exceptions != 0 || len(n.Repaired) != 0 {
			b.t.Fatalf("reported %+v", n)
		}
	})
}

func TestRestartAdoptsWithoutWriting(t *testing.T) {
	t.Parallel()
	bubble(t, 3, func(b *bed) {
		before := b.writes()
		b.restart()
		b.settle(time.Second)
		b.converged()
		if got := b.writes(); got != before {
			b.t.Fatalf("%d writes after a restart with nothing to do", got-before)
		}
	})
}

func TestOnlyTheChangeIsTouched(t *testing.T) {
	t.Parallel()
	bubble(t, 20, func(b *bed) {
		b.host.Plug("tap21")
		b.settle(time.Second)
		before := b.host.Calls()
		b.etcd.put(portItem(21, 1))
		b.settle(time.Second)
		b.converged()
		// port, its flows, link, DHCP, announcement; the network's flood list
		if got := b.host.Calls() - before; got > 8 {
			b.t.Fatalf("%d changes for one port beside 20 others", got)
		}
	})
}

func TestPortGoes(t *testing.T) {
	t.Parallel()
	bubble(t, 2, func(b *bed) {
		b.etcd.drop(portKey(1))
		b.settle(time.Second)
		b.converged()
		if n := b.node(); n.Ports != 1 || n.Held != "" {
			b.t.Fatalf("reported %+v", n)
		}
	})
}

func TestStandbyIsMuteAtOnce(t *testing.T) {
	t.Parallel()
	bubble(t, 2, func(b *bed) {
		p := portItem(1, 1)
		p.State = desired.StateStandby
		b.etcd.put(p)
		b.settle(time.Millisecond)
		b.converged()
		flows := object.Key{Kind: object.KindFlowSet, Name: object.FlowSetName("br-int", compile.Cookie(portUID(1), compile.FeaturePort))}
		if _, there := b.host.Objects()[flows]; there {
			b.t.Fatal("a standby port still has its flows")
		}
	})
}

func TestArrivalIsReportedAtOnce(t *testing.T) {
	t.Parallel()
	bubble(t, 2, func(b *bed) {
		report := func() etcdschema.PortReport {
			return read[etcdschema.BucketReport](b, etcdschema.ActualBucket(node, etcdschema.Bucket(portUID(1)))).Ports[portUID(1)]
		}
		p := portItem(1, 1)
		p.State, p.Migration = desired.StateStandby, 7
		b.host.Announce("tap1") // nobody waits for it yet
		b.etcd.put(p)
		b.settle(time.Second)
		b.host.Announce("tap2") // another guest
		b.settle(time.Second)
		b.converged()
		if got := report(); got.Arrived != 0 || got.State != desired.StateStandby {
			b.t.Fatalf("before it arrives, reported %+v", got)
		}
		b.host.Announce("tap1")
		b.settle(time.Millisecond)
		if got := report(); got.Arrived != 7 {
			b.t.Fatalf("after it has, reported %+v", got)
		}
		active := portItem(1, 1)
		b.etcd.put(active)
		b.settle(time.Second)
		b.converged()
		if got := report(); got.Arrived != 0 || got.State != desired.StateActive {
			b.t.Fatalf("active, reported %+v", got)
		}
	})
}

func TestDriftIsRepairedAndCounted(t *testing.T) {
	t.Parallel()
	bubble(t, 2, func(b *bed) {
		flows := object.Key{Kind: object.KindFlowSet, Name: object.FlowSetName("br-int", compile.Cookie(portUID(1), compile.FeaturePort))}
		alien := &object.FlowSet{Bridge: "br-int", Cookie: 0x99, Flows: []object.Flow{{Table: 0, Priority: 9}}}
		for i, damage := range []func(){
			func() { b.host.Damage(flows) },
			func() { b.host.Alter(alien) },
			func() { b.host.Alter(&object.Link{Name: "tap1", MTU: 1500}) },
			func() { b.host.Damage(object.Key{Kind: object.KindOVSPort, Name: "tap1"}) },
			func() { b.host.Damage(object.Key{Kind: object.KindBridge, Name: "br-int"}) },
			func() { b.host.RestartSwitch() },
			func() { // its repair fails at first, and counts when it succeeds
				b.host.FailKey(object.Key{Kind: object.KindLink, Name: "tap1"}, errors.New("injected"))
				b.host.Alter(&object.Link{Name: "tap1", MTU: 1300})
			},
		} {
			before := repairs(b.node())
			damage()
			b.settle(time.Second)
			b.converged()
			if repairs(b.node()) == before {
				b.t.Errorf("damage %d was repaired and not counted", i)
			}
		}
		replaced := *b.host.Objects()[object.Key{Kind: object.KindOVSPort, Name: "tap1"}].(*object.OVSPort)
		replaced.Attachment = object.AttachmentLost
		before := repairs(b.node())
		b.host.Alter(&replaced)
		b.settle(time.Second)
		b.converged()
		if repairs(b.node()) != before {
			b.t.Error("a device that was made again was counted as drift")
		}
		foreign := &object.OVSPort{Bridge: "br-int", Device: "vnet7", InterfaceID: "someone-else"}
		b.host.Alter(foreign)
		b.settle(2 * time.Minute)
		if b.host.Objects()[foreign.Key()] == nil {
			b.t.Error("somebody else's port was removed")
		}
	})
}

func repairs(n etcdschema.NodeReport) (sum uint64) {
	for _, v := range n.Repaired {
		sum += v
	}
	return sum
}

func TestSweepFindsWhatNoEventTold(t *testing.T) {
	t.Parallel()
	bubble(t, 2, func(b *bed) {
		k := object.Key{Kind: object.KindFlowSet, Name: object.FlowSetName("br-int", compile.Cookie(portUID(2), compile.FeaturePort))}
		b.host.AlterSilently(k, nil)
		b.settle(time.Second)
		if b.difference() == "" {
			b.t.Fatal("a silent change was seen without a sweep")
		}
		b.settle(3 * time.Minute)
		b.converged()
	})
}

func TestUndeclaredNodeHoldsNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBed(t)
		b.start()
		b.settle(5 * time.Second)
		if n := b.node(); n.Held != "" {
			t.Errorf("a node without a slice reports %q", n.Held)
		}
		b.stop()
	})
}

// Whoever restores an old etcd needs to know what the node uses besides its ports.
func TestOwnAndFloatingAddressesAreReported(t *testing.T) {
	t.Parallel()
	bubble(t, 2, func(b *bed) {
		claimed := func(uid string) etcdschema.ClaimedReport {
			return read[etcdschema.BucketReport](b, etcdschema.ActualBucket(node, etcdschema.Bucket(uid))).Claimed[uid]
		}
		host, external, floating := hostItem(), externalItem(), floatingItem(1, 1)
		b.etcd.put(networkItem(1), external, routerItem(1), floating)
		b.settle(time.Second)
		b.converged()
		want := map[string]etcdschema.ClaimedReport{
			host.UID: {For: "Host h1", MAC: host.RouterMAC},
			external.UID: {For: "Host h1", Owner: host.UID, Network: external.UID,
				Addresses: []model.Address{{Addr: external.Gateway.Addresses[0].Addr()}}},
			floating.UID: {For: "FloatingIP alpha/floating1", Network: external.UID, Addresses: []model.Address{floating.Address}},
		}
		for uid, w := range want {
			if got := claimed(uid); !reflect.DeepEqual(got, w) {
				b.t.Errorf("%s: reported %+v, expected %+v", uid, got, w)
			}
		}
		b.etcd.drop(floating.Key())
		b.settle(time.Second)
		if got := claimed(floating.UID); got.For != "" {
			b.t.Errorf("gone, and reported %+v", got)
		}
	})
}
