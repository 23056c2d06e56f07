package engine

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"weft/etcdschema"
	"weft/hostnet/object"
	"weft/model/desired"
	"weft/reconcile/compile"
)

func TestFailureHarmsNobodyElseAndIsRetried(t *testing.T) {
	t.Parallel()
	wired(t, 1, func(b *testbed) {
		b.host.Plug("tap2")
		b.host.Plug("tap3")
		refused := errors.New("no space left")
		b.host.FailKey(b.place("tap2"), refused, refused, refused)
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
		onEach(t, func(b *testbed) {
			b.host.Plug("tap1")
			b.host.Plug("tap2")
			b.host.FailCall(n, fmt.Errorf("injected failure %d", n))
			b.etcd.put(b.hostItem(), networkItem(1), portItem(1, 1), portItem(2, 1))
			b.start()
			b.settle(5 * time.Second)
			b.converged()
			b.host.FailCall(n%6+1, errors.New("injected failure of a removal"))
			b.etcd.drop(portKey(1))
			b.settle(5 * time.Second)
			b.converged()
			if r := b.node(); r.Exceptions != 0 {
				b.t.Errorf("call %d: reported %+v", n, r)
			}
		})
	}
}

func TestBadItemsHarmNobody(t *testing.T) {
	t.Parallel()
	wired(t, 1, func(b *testbed) {
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
		if b.host.Objects()[b.place("tap1")] == nil {
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
	onEach(t, func(b *testbed) {
		b.config.Compile = func(in compile.Input, k desired.Key) compile.Result {
			if k == portKey(2) {
				panic("hostile value")
			}
			return compile.Compile(in, k)
		}
		b.host.Plug("tap1")
		b.start()
		b.etcd.put(b.hostItem(), networkItem(1), portItem(1, 1), portItem(2, 1))
		b.settle(time.Second)
		if x := b.exception(portUID(2)); !strings.Contains(x.Reason, "internal error") {
			b.t.Errorf("reported %+v", x)
		}
		if x := b.exception(portUID(1)); x.Reason != "" {
			b.t.Errorf("its neighbour has %+v", x)
		}
	})
}

func TestFightIsSlowedDownAloneAndNamed(t *testing.T) {
	t.Parallel()
	wired(t, 2, func(b *testbed) {
		flows := b.protection(1)
		good := b.host.Objects()[object.Key{Kind: object.KindLink, Name: "tap1"}]
		fixed := func(k object.Key, o object.Object) bool {
			have, there := b.host.Objects()[k]
			return there && len(o.Diff(have)) == 0
		}
		before := b.writes()
		for range 600 { // for a minute, ten times a second
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

// staleDriver is a driver that has lost its monitor.
type staleDriver struct {
	Driver
	why string
}

func (d *staleDriver) Stale() string { return d.why }

func TestPlanSaysWhenItIsNotComplete(t *testing.T) {
	t.Parallel()
	wired(t, 1, func(b *testbed) {
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
		waits("driver " + b.engine.host.drivers[0].Name() + ": the flow monitor is not in place")
		monitor("")
		links := b.driver(object.KindLink)
		links.FailSync(errors.New("netlink is out of memory"))
		b.etcd.order("resync")
		b.settle(time.Millisecond)
		waits("driver rtnl: the host is to be read afresh: netlink is out of memory")
		links.FailSync(nil)
		b.settle(time.Minute)
		waits("")
		b.etcd.outage(true)
		b.restart()
		waits("etcd has not answered yet")
		b.settle(5 * time.Second)
		waits("")
	})
}

// TestPlanKnowsWhatNoEventHasToldYet: whoever changes a device and then reads the plan sees what that change entails.
func TestPlanKnowsWhatNoEventHasToldYet(t *testing.T) {
	t.Parallel()
	wired(t, 1, func(b *testbed) {
		b.etcd.put(portItem(2, 1))
		b.settle(time.Second)
		b.host.LateEvents(true)
		b.host.Plug("tap2")
		p, err := b.engine.Propose(b.t.Context())
		if err != nil || p.Waits != "" || !p.Plan.Empty() {
			b.t.Fatalf("%+v, %v", p, err)
		}
		guest, plugged := b.host.Objects()[object.Key{Kind: object.KindLink, Name: "tap2"}].(*object.Link)
		if !plugged || !guest.Up {
			b.t.Fatalf("nothing is to be done, and the guest's device is %+v", guest)
		}
		b.host.LateEvents(false)
		b.settle(time.Second)
		b.converged()
	})
}

func TestDriverThatCannotReadTheHost(t *testing.T) {
	t.Parallel()
	onEach(t, func(b *testbed) {
		b.host.Plug("tap1")
		b.host.Alter(&object.OVSPort{OwnerUID: "old", Bridge: "br-int", Device: "tap9"})
		b.host.Alter(&object.LinuxBridge{OwnerUID: "old", Name: "wfb9"})
		d := b.driver(b.base().Kind)
		d.FailSync(errors.New("somebody is not there"))
		b.etcd.put(b.hostItem(), networkItem(1), portItem(1, 1))
		b.start()
		b.settle(time.Minute)
		if guest := b.host.Objects()[object.Key{Kind: object.KindLink, Name: "tap1"}].(*object.Link); b.ready != 0 || guest.Up {
			b.t.Fatalf("ready %d, the guest's device %+v", b.ready, guest)
		}
		if n := b.host.Writes()[d.Name()]; n != 0 {
			b.t.Fatalf("%d writes of what nobody has read", n)
		}
		uid := networkUID(1)
		if b.ovs() {
			uid = hostUID
		}
		if x := b.exception(uid); !strings.Contains(x.Reason, "somebody is not there") {
			b.t.Fatalf("reported %+v", x)
		}
		d.FailSync(nil)
		b.settle(2 * time.Minute) // the sweep finds what other drivers have
		b.converged()
		if b.ready != 1 {
			b.t.Fatal("not ready")
		}
	})
}
