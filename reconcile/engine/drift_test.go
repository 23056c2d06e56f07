package engine

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"weft/hostnet/object"
	"weft/model"
	"weft/model/desired"
	"weft/reconcile/compile"
)

// A hypervisor that stops, starts and moves guests does its work. This is no drift.
func TestHypervisorsWorkIsNoDrift(t *testing.T) {
	t.Parallel()
	vnet := func(n int) string { return fmt.Sprint("vnet", n) }
	for _, c := range []struct {
		name string
		on   []model.Driver
		work func(b *testbed)
	}{
		{"a tap goes and comes back", backends, func(b *testbed) { b.host.Unplug("tap1"); b.settle(time.Second); b.host.Plug("tap1") }},
		{"a tap is made again at once", backends, func(b *testbed) { b.host.Unplug("tap1"); b.host.Plug("tap1") }},
		{"an interface comes back with another name", backends[:1], func(b *testbed) {
			b.host.PlugOVS("br-int", vnet(1), portUID(1))
			b.settle(time.Second)
			b.host.UnplugOVS(vnet(1))
			b.settle(time.Second)
			b.host.PlugOVS("br-int", vnet(2), portUID(1))
		}},
		{"an interface is made again at once", backends[:1], func(b *testbed) {
			b.host.PlugOVS("br-int", vnet(1), portUID(1))
			b.settle(time.Second)
			b.host.UnplugOVS(vnet(1))
			b.host.PlugOVS("br-int", vnet(1), portUID(1))
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			onEach(t, func(b *testbed) {
				if !slices.Contains(c.on, b.backend) { // such a host has no such object
					return
				}
				b.wire(2)
				for range 5 { // often enough for a fight, if it were drift
					c.work(b)
					b.settle(time.Second)
					b.converged()
					b.host.UnplugOVS(vnet(1))
					b.host.UnplugOVS(vnet(2))
					b.settle(time.Second)
				}
				if n := repairs(b.node()); n != 0 {
					b.t.Errorf("%d repairs counted: %v", n, b.node().Repaired)
				}
				b.host.Alter(&object.Link{Name: "tap2", MTU: 1300})
				b.settle(time.Second)
				if repairs(b.node()) != 1 {
					b.t.Errorf("somebody's change beside it: %v", b.node().Repaired)
				}
			})
		})
	}
}

// The side effects of our own change are ours, whoever learns of them from the kernel.
func TestWhatAChangeTakesWithItIsNoDrift(t *testing.T) {
	t.Parallel()
	onEach(t, func(b *testbed) {
		b.config.Compile = macByName
		b.host.Plug("tap1")
		b.etcd.put(b.hostItem(), networkItem(1), externalItem(), portItem(1, 1), routerItem(1), neighborsItem(1, 3))
		b.start()
		b.settle(time.Second)
		b.converged()
		for n := range 6 {
			r := routerItem(1)
			r.Name = strings.Repeat("x", n+1)
			b.etcd.put(r)
			b.settle(time.Second)
			b.converged()
		}
		if n := repairs(b.node()); n != 0 {
			b.t.Errorf("%d repairs counted: %v", n, b.node().Repaired)
		}
		// What somebody else removes afterwards counts.
		for k := range b.host.Objects() {
			if k.Kind == object.KindRoute && strings.HasSuffix(k.Name, "0.0.0.0/0") || k.Kind == object.KindNeighbor {
				b.host.Damage(k)
				b.settle(time.Minute)
			}
		}
		b.converged()
		if n := b.node().Repaired["netns"]; n != 5 {
			b.t.Errorf("two routes and three neighbors were taken away, %d repairs counted", n)
		}
	})
}

// macByName gives a router's first device a MAC that depends on the router's name. Devices are then made anew with each new name.
func macByName(in compile.Input, k desired.Key) compile.Result {
	u := compile.Compile(in, k)
	if r := in.Config.Router(k.UID); k.Kind == desired.KindRouter && r != nil {
		for i, o := range u.Objects {
			if v, ok := o.(*object.Veth); ok {
				other := *v
				other.MAC = object.MAC{2, 0, 0, 0, 0, byte(len(r.Name))}
				u.Objects[i] = &other
			}
		}
	}
	return u
}

// Only damage is drift, whatever else happens, in whatever order.
func TestIntentAndHypervisorsAloneRepairNothing(t *testing.T) {
	t.Parallel()
	harmless := []int{putPort, putStandby, dropPort, putNetwork, putRouter, dropRouter, putFloating, dropFloating,
		putNeighbors, putExternal, dropExternal, plug, unplug, plugOVS, late, outage, comeBack, passTime}
	rapid.Check(t, func(r *rapid.T) {
		n := rapid.IntRange(1, 25).Draw(r, "length")
		sequence := make([]happening, n)
		for i := range sequence {
			sequence[i] = happening{rapid.SampledFrom(harmless).Draw(r, "what"), rapid.IntRange(1, 4).Draw(r, "a"),
				rapid.IntRange(1, 30).Draw(r, "b")}
		}
		on, why := rapid.SampledFrom(backends).Draw(r, "backend"), ""
		synctest.Test(t, func(t *testing.T) {
			b := newTestbed(t, on)
			b.config.Compile = macByName
			b.etcd.put(b.hostItem(), networkItem(1), networkItem(2))
			b.start()
			for _, h := range sequence {
				b.happen(h)
				synctest.Wait()
			}
			b.etcd.outage(false)
			b.host.GiveOFPorts()
			b.settle(time.Minute)
			if n := b.node(); repairs(n) != 0 {
				why = fmt.Sprintf("repairs counted: %v", n.Repaired)
			}
			b.stop()
		})
		if why != "" {
			r.Fatal(why)
		}
	})
}

// A change that fails because a hypervisor has removed the device meanwhile is no refusal.
func TestOvertakenChangeIsNoRefusal(t *testing.T) {
	t.Parallel()
	onEach(t, func(b *testbed) {
		var log bytes.Buffer
		b.config.Logger = slog.New(slog.NewTextHandler(&log, nil))
		b.etcd.put(b.hostItem(), networkItem(1), portItem(1, 1), portItem(2, 1))
		b.start()
		b.settle(time.Second)
		b.host.Vanishing("tap1") // it disappears when its first change is tried
		b.host.Plug("tap1")
		b.host.FailKey(b.place("tap2"), fmt.Errorf("no space left"))
		b.host.Plug("tap2")
		b.settle(time.Second)
		b.stop()
		text := log.String()
		if strings.Contains(text, "refused a change\" object="+b.place("tap1").String()) || !strings.Contains(text, "object="+b.place("tap2").String()) ||
			!strings.Contains(text, `for="Port alpha/port2"`) {
			b.t.Errorf("logged:\n%s", text)
		}
	})
}

// A host may carry out a repair after its driver has stopped waiting. It counts as a repair nevertheless.
func TestRepairThatWasSlowIsCounted(t *testing.T) {
	t.Parallel()
	wired(t, 1, func(b *testbed) {
		b.settle(2 * deviceSettles)
		key := object.Key{Kind: object.KindLink, Name: "tap1"}
		right := b.host.Objects()[key]
		b.host.FailKey(key, errors.New("slow"), errors.New("slow"), errors.New("slow"), errors.New("slow"))
		b.host.Alter(&object.Link{Name: "tap1", MTU: 1300})
		b.settle(50 * time.Millisecond)
		if n := repairs(b.node()); n != 0 {
			b.t.Fatalf("%d repairs counted before there was one", n)
		}
		b.host.Alter(right)
		b.settle(time.Minute)
		b.converged()
		if n := repairs(b.node()); n != 1 {
			b.t.Errorf("%d repairs counted, expected the slow one: %v", n, b.node().Repaired)
		}
	})
}

// Somebody changes two objects of which one depends on the other. The repair of the first, before the change of the second is
// known, does not explain the second.
func TestARepairTakesNothingAlong(t *testing.T) {
	t.Parallel()
	onEach(t, func(b *testbed) {
		b.host.Plug("tap1")
		b.etcd.put(b.hostItem(), networkItem(1), externalItem(), portItem(1, 1), routerItem(1), neighborsItem(1, 3))
		b.start()
		b.settle(2 * deviceSettles)
		b.converged()
		route, addresses := routeOnAddresses(b.t, b.host.Objects())
		b.host.AlterSilently(route, nil)
		changed := *addresses
		changed.Prefixes = changed.Prefixes[:len(changed.Prefixes)-1]
		b.host.Alter(&changed)
		b.settle(time.Minute)
		b.converged()
		if n := b.node().Repaired["netns"]; n != 2 {
			b.t.Errorf("addresses of a device and a route were changed, %d repairs counted: %v", n, b.node().Repaired)
		}
	})
}

// routeOnAddresses finds a route, and the addresses that it depends on.
func routeOnAddresses(t testing.TB, objects map[object.Key]object.Object) (object.Key, *object.Addresses) {
	t.Helper()
	for k, o := range objects {
		r, ok := o.(*object.Route)
		if !ok {
			continue
		}
		for _, dep := range r.DependsOn() {
			if a, ok := objects[dep].(*object.Addresses); ok {
				return k, a
			}
		}
	}
	t.Fatal("no route depends on addresses")
	return object.Key{}, nil
}
