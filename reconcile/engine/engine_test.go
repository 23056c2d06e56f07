package engine

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"weft/etcdschema"
	"weft/hostnet/object"
	"weft/model"
	"weft/model/desired"
)

func TestPortIsWiredAndReported(t *testing.T) {
	t.Parallel()
	wired(t, 0, func(b *testbed) {
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

// TestChangesDoNotReadAllFacts: the cost of a port's change does not grow with what the host has.
func TestChangesDoNotReadAllFacts(t *testing.T) {
	t.Parallel()
	wired(t, 3, func(b *testbed) {
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
	wired(t, 1, func(b *testbed) {
		b.etcd.put(portItem(2, 1))
		b.settle(time.Millisecond)
		if x := b.exception(portUID(2)); x.State != etcdschema.ExceptionPending || !strings.Contains(x.Reason, "tap2") {
			b.t.Fatalf("reported %+v", x)
		}
		b.host.LateOFPorts(true)
		b.host.Plug("tap2")
		b.settle(time.Second)
		if x := b.exception(portUID(2)); strings.Contains(x.Reason, "OpenFlow port number") != b.ovs() {
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
	wired(t, 3, func(b *testbed) {
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
	wired(t, 20, func(b *testbed) {
		b.host.Plug("tap21")
		b.settle(time.Second)
		before := b.host.Calls()
		b.etcd.put(portItem(21, 1))
		b.settle(time.Second)
		b.converged()
		// bridge or OVS port, meter, protection, link, silent device, DHCP, metadata, announcement; the network's flood list
		if got := b.host.Calls() - before; got > 10 {
			b.t.Fatalf("%d changes for one port beside 20 others", got)
		}
	})
}

func TestPortGoes(t *testing.T) {
	t.Parallel()
	wired(t, 2, func(b *testbed) {
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
	wired(t, 2, func(b *testbed) {
		p := portItem(1, 1)
		p.State = desired.StateStandby
		b.etcd.put(p)
		b.settle(time.Millisecond)
		b.converged()
		if _, there := b.host.Objects()[b.protection(1)]; there {
			b.t.Fatal("a standby port may still speak")
		}
		if _, there := b.host.Objects()[b.place("tap1")]; !there {
			b.t.Fatal("a standby port is not in its place")
		}
	})
}

func TestActivationIsReportedAtOnce(t *testing.T) {
	t.Parallel()
	wired(t, 2, func(b *testbed) {
		report := func() etcdschema.PortReport {
			return read[etcdschema.BucketReport](b, etcdschema.ActualBucket(node, etcdschema.Bucket(portUID(1)))).Ports[portUID(1)]
		}
		p := portItem(1, 1)
		p.State, p.Migration = desired.StateStandby, 7
		b.host.Announce("tap1") // nobody expects it yet
		b.etcd.put(p)
		b.settle(time.Second)
		b.host.Announce("tap2") // another guest
		b.settle(time.Second)
		b.converged()
		if got := report(); got.Activated != 0 || got.State != desired.StateStandby {
			b.t.Fatalf("before it arrives, reported %+v", got)
		}
		b.host.Announce("tap1")
		b.settle(time.Millisecond)
		if got := report(); got.Activated != 7 {
			b.t.Fatalf("after it has, reported %+v", got)
		}
		active := portItem(1, 1)
		b.etcd.put(active)
		b.settle(time.Second)
		b.converged()
		if got := report(); got.Activated != 0 || got.State != desired.StateActive {
			b.t.Fatalf("active, reported %+v", got)
		}
	})
}

func TestDriftIsRepairedAndCounted(t *testing.T) {
	t.Parallel()
	wired(t, 2, func(b *testbed) {
		for i, damage := range []func(){
			func() { b.host.Damage(b.protection(1)) },
			func() { b.host.Alter(b.alien(0x99)) },
			func() { b.host.Alter(&object.Link{Name: "tap1", MTU: 1500}) },
			func() { b.host.Damage(b.place("tap1")) },
			func() { b.host.Damage(b.base()) },
			b.worst,
			func() { // its repair fails at first, and is counted when it succeeds
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
		foreign := b.stranger("vnet7")
		b.settle(2 * time.Minute)
		if b.host.Objects()[foreign] == nil {
			b.t.Error("what is somebody else's was removed")
		}
	})
}

// TestReplacedDeviceIsNoDrift: the switch must open a device again that a hypervisor made again.
func TestReplacedDeviceIsNoDrift(t *testing.T) {
	t.Parallel()
	wiredOVS(t, 2, func(b *testbed) {
		replaced := *b.host.Objects()[b.place("tap1")].(*object.OVSPort)
		replaced.Attachment = object.AttachmentLost
		before := repairs(b.node())
		b.host.Alter(&replaced)
		b.settle(time.Second)
		b.converged()
		if repairs(b.node()) != before {
			b.t.Error("a device that was made again was counted as drift")
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
	wired(t, 2, func(b *testbed) {
		b.host.AlterSilently(b.protection(2), nil)
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
	onEach(t, func(b *testbed) {
		b.start()
		b.settle(5 * time.Second)
		if n := b.node(); n.Held != "" {
			b.t.Errorf("a node without a node config reports %q", n.Held)
		}
	})
}

// After a restore of an old etcd the controllers need to know what the node uses besides its ports.
func TestOwnAndFloatingAddressesAreReported(t *testing.T) {
	t.Parallel()
	wired(t, 2, func(b *testbed) {
		claimed := func(uid string) etcdschema.ClaimedReport {
			return read[etcdschema.BucketReport](b, etcdschema.ActualBucket(node, etcdschema.Bucket(uid))).Claimed[uid]
		}
		host, external, floating := b.hostItem(), externalItem(), floatingItem(1, 1)
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
