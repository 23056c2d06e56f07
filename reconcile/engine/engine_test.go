package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"weft/etcdschema"
	"weft/hostnet/object"
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
			func() { b.host.Unplug("tap1"); b.settle(time.Second); b.host.Plug("tap1") },
		} {
			before := repairs(b.node())
			damage()
			b.settle(time.Second)
			b.converged()
			if repairs(b.node()) == before {
				b.t.Errorf("damage %d was repaired and not counted", i)
			}
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

func TestFailureHarmsNobodyElseAndIsRetried(t *testing.T) {
	t.Parallel()
	bubble(t, 1, func(b *bed) {
		b.host.Plug("tap2")
		b.host.Plug("tap3")
		refused := errors.New("no space left")
		b.host.FailKey(object.Key{Kind: object.KindOVSPort, Name: "tap2"}, refused, refused, refused)
		b.etcd.put(portItem(2, 1), portItem(3, 1))
		b.settle(10 * time.Millisecond)
		x := b.exception(portUID(2))
		if x.State != etcdschema.ExceptionFailed || !strings.Contains(x.Reason, "no space left") {
			b.t.Fatalf("reported %+v", x)
		}
		if x := b.exception(portUID(3)); x.Reason != "" {
			b.t.Fatalf("its neighbour has %+v", x)
		}
		if n := b.node(); n.ProcessedRevision != b.etcd.revision {
			b.t.Fatalf("processed %d of %d", n.ProcessedRevision, b.etcd.revision)
		}
		b.settle(2 * time.Second)
		b.converged()
		if x := b.exception(portUID(2)); x.Reason != "" {
			b.t.Fatalf("still %+v", x)
		}
	})
}

// TestEveryFailureInjected lets each single change of a wiring fail once.
func TestEveryFailureInjected(t *testing.T) {
	t.Parallel()
	for n := 1; n <= 24; n++ {
		synctest.Test(t, func(t *testing.T) {
			b := newBed(t)
			b.host.Plug("tap1")
			b.host.Plug("tap2")
			b.host.FailCall(n, fmt.Errorf("injected failure %d", n))
			b.etcd.put(hostItem(), networkItem(1), portItem(1, 1), portItem(2, 1))
			b.start()
			b.settle(5 * time.Second)
			b.converged()
			b.host.FailCall(n%6+1, errors.New("injected failure of a removal"))
			b.etcd.drop(portKey(1))
			b.settle(5 * time.Second)
			b.converged()
			if r := b.node(); r.Exceptions != 0 {
				t.Errorf("call %d: reported %+v", n, r)
			}
		})
	}
}

func TestBadItemsHarmNobody(t *testing.T) {
	t.Parallel()
	bubble(t, 1, func(b *bed) {
		key := func(kind, uid string) string { return "desired/" + node + "/" + kind + "/" + uid }
		b.etcd.write(true, map[string][]byte{
			key("port", portUID(1)): []byte(`{"uid":`),
			key("port", portUID(5)): []byte(`{"uid":"another"}`),
			key("teapot", "r1"):     []byte(`{}`),
		})
		b.settle(time.Second)
		for _, uid := range []string{portUID(1), portUID(5), "r1"} {
			if x := b.exception(uid); x.State != etcdschema.ExceptionFailed {
				b.t.Errorf("%s: reported %+v", uid, x)
			}
		}
		if x := b.exception("r1"); !strings.Contains(x.Reason, "newer weftd") {
			b.t.Errorf("an unknown kind: reported %+v", x)
		}
		if b.host.Objects()[object.Key{Kind: object.KindOVSPort, Name: "tap1"}] == nil {
			b.t.Error("the last good state of a port went with its malformed value")
		}
		b.etcd.put(portItem(1, 1))
		b.etcd.drop(portKey(5), desired.Key{Kind: "teapot", UID: "r1"})
		b.settle(time.Second)
		b.converged()
		if n := b.node(); n.Exceptions != 0 {
			b.t.Errorf("reported %+v", n)
		}
	})
}

func TestPanicWhileCompilingIsOneItemsFailure(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBed(t)
		b.config.Compile = func(in compile.Input, k desired.Key) compile.Unit {
			if k == portKey(2) {
				panic("hostile value")
			}
			return compile.Compile(in, k)
		}
		b.host.Plug("tap1")
		b.start()
		b.etcd.put(hostItem(), networkItem(1), portItem(1, 1), portItem(2, 1))
		b.settle(time.Second)
		if x := b.exception(portUID(2)); !strings.Contains(x.Reason, "internal error") {
			t.Errorf("reported %+v", x)
		}
		if x := b.exception(portUID(1)); x.Reason != "" {
			t.Errorf("its neighbour has %+v", x)
		}
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

func TestForeignDeleteIsHeld(t *testing.T) {
	t.Parallel()
	bubble(t, 3, func(b *bed) {
		key := etcdschema.DesiredKey(node, portKey(1)).String()
		value := b.etcd.values[key]
		b.etcd.write(false, map[string][]byte{key: nil})
		b.settle(time.Second)
		if n := b.node(); n.Held != "" {
			b.t.Fatalf("held at once: %+v", n)
		}
		b.settle(5 * time.Second)
		if n := b.node(); !strings.Contains(n.Held, "head") {
			b.t.Fatalf("reported %+v", n)
		}
		if b.host.Objects()[object.Key{Kind: object.KindOVSPort, Name: "tap1"}] == nil {
			b.t.Fatal("a port went that no head says is gone")
		}
		b.etcd.write(false, map[string][]byte{key: value})
		b.settle(time.Second)
		b.converged()
		if n := b.node(); n.Held != "" {
			b.t.Fatalf("still held: %+v", n)
		}
		b.etcd.write(false, map[string][]byte{key: nil})
		b.settle(5 * time.Second)
		b.etcd.order("accept")
		b.settle(time.Second)
		if b.host.Objects()[object.Key{Kind: object.KindOVSPort, Name: "tap1"}] != nil {
			b.t.Fatal("an accepted removal was not carried out")
		}
	})
}

func TestMassDeleteIsHeldUntilAccepted(t *testing.T) {
	t.Parallel()
	bubble(t, 12, func(b *bed) {
		var keys []desired.Key
		for i := range 12 {
			keys = append(keys, portKey(i+1))
		}
		before := b.host.Calls()
		for i := 0; i < 12; i += 4 { // in pieces, as controllers cut transactions
			b.etcd.drop(keys[i : i+4]...)
		}
		b.settle(time.Minute)
		if got := len(b.engine.slice.slice.Ports); got != 12 || b.host.Calls() != before {
			b.t.Fatalf("%d ports are left of 12, %d changes", got, b.host.Calls()-before)
		}
		if n := b.node(); !strings.Contains(n.Held, "12 of 12") {
			b.t.Fatalf("reported %+v", n)
		}
		b.restart() // the hold outlives the process
		b.settle(time.Minute)
		if n := b.node(); n.Held == "" || n.Ports != 12 {
			b.t.Fatalf("after a restart: %+v", n)
		}
		b.etcd.put(portItem(1, 1)) // a part of it comes back, and others may be added
		b.settle(time.Second)
		b.etcd.order("accept")
		b.settle(time.Second)
		b.converged()
		if n := b.node(); n.Held != "" || n.Ports != 1 {
			b.t.Fatalf("after the accept: %+v", n)
		}
		b.etcd.put(portItem(2, 1), portItem(3, 1))
		b.settle(time.Second)
		b.etcd.drop(portKey(2), portKey(3)) // few, and what was accepted does not count again
		b.settle(time.Second)
		if n := b.node(); n.Held != "" || n.Ports != 1 {
			b.t.Fatalf("two ports soon after the accept: %+v", n)
		}
	})
}

// TestPortsThatComeAndGoAreNoMassDelete has short-lived guests one after the other on a host with few others.
func TestPortsThatComeAndGoAreNoMassDelete(t *testing.T) {
	t.Parallel()
	bubble(t, 2, func(b *bed) {
		for i := range 3 * brakePorts {
			b.host.Plug(fmt.Sprint("tap", 10+i))
			b.etcd.put(portItem(10+i, 1))
			b.settle(100 * time.Millisecond)
			b.etcd.drop(portKey(10 + i))
			b.settle(100 * time.Millisecond)
		}
		b.converged()
		if n := b.node(); n.Held != "" || n.Ports != 2 {
			b.t.Fatalf("reported %+v", n)
		}
	})
}

func TestOldEtcdIsHeld(t *testing.T) {
	t.Parallel()
	bubble(t, 3, func(b *bed) {
		b.settle(5 * time.Second) // the state file is written
		b.stop()
		restored := newMemoryEtcd()
		restored.cluster = 8
		restored.put(hostItem(), networkItem(1), portItem(1, 1))
		good := b.etcd
		b.etcd = restored
		b.host.Restart()
		b.start()
		b.settle(time.Minute)
		n := b.node()
		if !strings.Contains(n.Held, "older") || n.Ports != 3 || n.ClusterID != "7" || n.EtcdRevision != good.revision {
			b.t.Fatalf("reported %+v", n)
		}
		if len(restored.actual) != etcdschema.Buckets+1 {
			b.t.Fatalf("%d keys of the report were written", len(restored.actual))
		}
		restored.put(portItem(2, 1), portItem(3, 1)) // the controllers rebuild what was lost
		b.settle(time.Minute)
		b.converged()
		if n := b.node(); n.Held != "" || n.ClusterID != "8" || n.ProcessedRevision != restored.revision {
			b.t.Fatalf("after it was restored: %+v", n)
		}
	})
}

func TestWorksFromDiskWhileEtcdIsAway(t *testing.T) {
	t.Parallel()
	bubble(t, 3, func(b *bed) {
		b.settle(5 * time.Second)
		b.etcd.outage(true)
		before := b.writes()
		b.restart()
		b.settle(10 * time.Second)
		if b.ready != 2 {
			b.t.Fatal("never ready without etcd")
		}
		if got := b.writes(); got != before {
			b.t.Fatalf("%d writes", got-before)
		}
		b.host.Damage(object.Key{Kind: object.KindOVSPort, Name: "tap2"})
		b.settle(time.Second)
		b.converged()
		b.etcd.outage(false)
		b.settle(10 * time.Second)
		b.converged()
	})
}

func TestGuestsAreServedFromDiskAtOnce(t *testing.T) {
	t.Parallel()
	bubble(t, 3, func(b *bed) {
		b.settle(5 * time.Second)
		b.etcd.outage(true)
		b.host.Damage(object.Key{Kind: object.KindLink, Name: "tap3"})
		b.host.Alter(&object.Link{Name: "tap1", MTU: 1400})
		before := b.writes()
		b.restart() // no time passes
		for dev, want := range map[string]bool{"tap1": true, "tap2": true, "tap3": false} {
			if _, served := b.host.Objects()[object.Key{Kind: object.KindDHCPBinding, Name: dev}]; served != want {
				b.t.Errorf("%s is served: %v, want %v", dev, served, want)
			}
		}
		if _, told := b.host.Objects()[object.Key{Kind: object.KindAnnouncement, Name: portUID(1)}]; told {
			b.t.Error("an old slice was announced to the physical network")
		}
		if got := b.writes() - before; got != 0 || b.ready != 1 {
			b.t.Errorf("%d writes, ready %d: the host itself waits for etcd, or for CacheAfter", got, b.ready)
		}
		b.host.Plug("tap3")
		b.settle(time.Second)
		if _, served := b.host.Objects()[object.Key{Kind: object.KindDHCPBinding, Name: "tap3"}]; !served {
			b.t.Error("a guest that comes meanwhile is not served")
		}
		b.etcd.outage(false)
		b.settle(time.Second)
		b.converged()
		if n := b.node(); len(n.Repaired) != 0 {
			b.t.Errorf("counted as drift: %v", n.Repaired)
		}
	})
}

func TestFightIsSlowedDownAloneAndNamed(t *testing.T) {
	t.Parallel()
	bubble(t, 2, func(b *bed) {
		flows := object.Key{Kind: object.KindFlowSet, Name: object.FlowSetName("br-int", compile.Cookie(portUID(1), compile.FeaturePort))}
		good := b.host.Objects()[object.Key{Kind: object.KindLink, Name: "tap1"}]
		fixed := func(k object.Key, o object.Object) bool {
			have, there := b.host.Objects()[k]
			return there && len(o.Diff(have)) == 0
		}
		before := b.writes()
		for range 600 { // a minute of it, ten times a second
			b.host.Alter(&object.Link{Name: "tap1", MTU: 1300})
			b.settle(100 * time.Millisecond)
		}
		if n := b.writes() - before; n < 5 || n > 14 {
			b.t.Errorf("%d repairs in a minute", n)
		}
		if x := b.exception(portUID(1)); x.State != etcdschema.ExceptionPending || !strings.Contains(x.Reason, "somebody else (fake[1]) keeps changing link/tap1") {
			b.t.Errorf("reported %+v", x)
		}
		if x := b.exception(portUID(2)); x.Reason != "" {
			b.t.Errorf("another port: %+v", x)
		}
		second := b.host.Objects()[object.Key{Kind: object.KindLink, Name: "tap2"}]
		b.host.Alter(&object.Link{Name: "tap2", MTU: 1300})
		b.settle(time.Millisecond)
		if !fixed(object.Key{Kind: object.KindLink, Name: "tap2"}, second) {
			b.t.Error("another object waits")
		}
		set := b.host.Objects()[flows]
		for range 20 {
			b.host.Damage(flows)
			b.settle(time.Millisecond)
			if !fixed(flows, set) {
				b.t.Fatal("protection waits")
			}
		}
		b.settle(time.Minute)
		b.converged()
		if !fixed(object.Key{Kind: object.KindLink, Name: "tap1"}, good) || b.exception(portUID(1)).Reason != "" {
			b.t.Errorf("not over when it is: %+v", b.exception(portUID(1)))
		}
	})
}

// staleDriver is a driver whose monitor is lost.
type staleDriver struct {
	Driver
	why string
}

func (d *staleDriver) Stale() string { return d.why }

func TestPlanSaysWhenItIsNotComplete(t *testing.T) {
	t.Parallel()
	bubble(t, 1, func(b *bed) {
		waits := func(want string) {
			b.t.Helper()
			p, err := b.engine.Propose(b.t.Context())
			if err != nil {
				b.t.Fatal(err)
			}
			var text strings.Builder
			_ = p.WriteText(&text) // a strings.Builder does not fail
			if (want == "") != (p.Waits == "") || !strings.Contains(p.Waits, want) ||
				strings.Contains(text.String(), "nothing to do") != (want == "") {
				b.t.Fatalf("waits for %q, want %q:\n%s", p.Waits, want, text.String())
			}
		}
		waits("")
		monitor := func(why string) {
			b.t.Helper()
			err := b.engine.between(b.t.Context(), func(context.Context) {
				d := b.engine.host.drivers[0]
				if s, ok := d.Driver.(*staleDriver); ok {
					s.why = why
					return
				}
				d.Driver = &staleDriver{d.Driver, why}
			})
			if err != nil {
				b.t.Fatal(err)
			}
		}
		monitor("the flow monitor is not in place")
		waits("driver ovs: the flow monitor is not in place")
		monitor("")
		b.host.Drivers()[1].FailSync(errors.New("netlink is out of memory"))
		b.etcd.order("resync")
		b.settle(time.Millisecond)
		waits("driver rtnl: the host is to be read afresh: netlink is out of memory")
		b.host.Drivers()[1].FailSync(nil)
		b.settle(time.Minute)
		waits("")
		b.etcd.outage(true)
		b.restart()
		waits("etcd has not answered yet")
		b.settle(5 * time.Second)
		waits("")
	})
}

func TestDamagedStateFileIsIgnored(t *testing.T) {
	t.Parallel()
	for name, damage := range map[string]func([]byte) []byte{
		"cut":     func(b []byte) []byte { return b[:len(b)/2] },
		"flipped": func(b []byte) []byte { b[len(b)/2] ^= 1; return b },
		"empty":   func([]byte) []byte { return nil },
		"newer":   func(b []byte) []byte { return []byte(strings.Replace(string(b), `"version":1`, `"version":2`, 1)) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bubble(t, 1, func(b *bed) {
				b.settle(5 * time.Second)
				b.stop()
				path := filepath.Join(b.dir, stateFileName)
				data, err := os.ReadFile(path)
				if err != nil {
					b.t.Fatal(err)
				}
				if _, err := readState(path); err != nil {
					b.t.Fatal(err)
				}
				if err := os.WriteFile(path, damage(data), 0o600); err != nil {
					b.t.Fatal(err)
				}
				if _, err := readState(path); err == nil {
					b.t.Fatal("a damaged file was taken")
				}
				b.host.Restart()
				b.start()
				b.settle(time.Second)
				b.converged()
			})
		})
	}
}

func TestDriverThatCannotReadTheHost(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBed(t)
		b.host.Plug("tap1")
		b.host.Alter(&object.OVSPort{OwnerUID: "old", Bridge: "br-int", Device: "tap9"})
		b.host.Drivers()[0].FailSync(errors.New("ovsdb-server is not there"))
		b.etcd.put(hostItem(), networkItem(1), portItem(1, 1))
		b.start()
		b.settle(time.Minute)
		if b.ready != 0 || b.writes() != 0 {
			t.Fatalf("ready %d, %d writes", b.ready, b.writes())
		}
		if x := b.exception(hostItem().UID); !strings.Contains(x.Reason, "ovsdb-server") {
			t.Fatalf("reported %+v", x)
		}
		b.host.Drivers()[0].FailSync(nil)
		b.settle(time.Minute)
		b.converged()
		if b.ready != 1 {
			t.Fatal("not ready")
		}
	})
}
