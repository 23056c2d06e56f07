package compile_test

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"weft/hostnet/object"
	"weft/model"
	"weft/model/desired"
	"weft/reconcile/compile"
	"weft/reconcile/compile/internal/fixture"
)

// An error in a router, its networks or a floating address is reported, and affects nothing else.
func TestRouters(t *testing.T) {
	t.Parallel()
	router, public, web := fixture.Key(desired.KindRouter, fixture.RouterUID), fixture.Key(desired.KindNetwork, fixture.NetPublic), fixture.Key(desired.KindFloatingIP, fixture.FloatWeb)
	shard, portKey := fixture.Key(desired.KindNeighbors, fixture.ShardRed), fixture.Key(desired.KindPort, fixture.PortWeb)
	r := func(in compile.Input) *desired.Router { return in.Config.Router(fixture.RouterUID) }
	f := func(in compile.Input) *desired.FloatingIP { return in.Config.FloatingIP(fixture.FloatWeb) }
	for _, c := range []struct {
		name             string
		make             func(in compile.Input)
		key              desired.Key
		pending, refused string
	}{
		{name: "router interface without number", make: func(compile.Input) {}, key: router, pending: "waits for an OpenFlow port number of " + compile.RouterInterfaceDevice(fixture.RouterUID, fixture.NetBlue)},
		{name: "network missing", make: func(in compile.Input) { in.Config.Remove(desired.Key{Kind: desired.KindNetwork, UID: fixture.NetBlue}) }, key: router, pending: "waits for network"},
		{name: "external missing", make: func(in compile.Input) {
			in.Config.Remove(desired.Key{Kind: desired.KindNetwork, UID: fixture.NetPublic})
		}, key: router, pending: "waits for external network"},
		{name: "no address there", make: func(in compile.Input) { in.Config.Network(fixture.NetPublic).Gateway = nil }, key: router, pending: "has no address on this host yet"},
		{name: "hostile uid", make: func(in compile.Input) { in.Config.Put(&desired.Router{UID: "../x"}) }, key: fixture.Key(desired.KindRouter, "../x"), refused: "no uid has"},
		{name: "network of another router", make: func(in compile.Input) {
			in.Config.Put(&desired.Router{UID: "40000000", Interfaces: r(in).Interfaces[:1]})
		}, key: router, pending: "OpenFlow", refused: "network alpha/red belongs to router 40000000 already"},
		{name: "router interface elsewhere", make: func(in compile.Input) {
			r(in).Interfaces[1].Addresses = []netip.Prefix{netip.MustParsePrefix("192.0.2.1/24")}
		}, key: router, refused: "in no subnet"},
		{name: "no router MAC", make: func(in compile.Input) { in.Config.Host().RouterMAC = model.MAC{} }, key: public, pending: "waits for the host's router MAC"},
		{name: "floating as is", make: func(compile.Input) {}, key: web},
		{name: "floating without router", make: func(in compile.Input) { fixture.ClearKinds(in.Config, desired.KindRouter) }, key: web, pending: "waits for a router to external network alpha/public"},
		{name: "floating outside", make: func(in compile.Input) { f(in).Address = fixture.Address("192.0.2.7") }, key: web, pending: "in no subnet of the external network"},
		{name: "floating is the host's", make: func(in compile.Input) { f(in).Address = fixture.Address("10.9.0.50") }, key: web, pending: "this host's own"},
		{name: "floating of two kinds", make: func(in compile.Input) { f(in).Fixed = fixture.Address("fd00:1::a") }, key: web, refused: "family"},
		{name: "floating twice", make: func(in compile.Input) {
			twin := *f(in)
			twin.UID = "61000000-0000-4000-8000-000000000006"
			in.Config.Put(&twin)
		}, key: fixture.Key(desired.KindFloatingIP, "61000000-0000-4000-8000-000000000006"), refused: "belongs to floating address " + fixture.FloatWeb},
		{name: "neighbour elsewhere", make: func(in compile.Input) {
			in.Config.Neighbors(fixture.ShardRed).Entries[0].Address = fixture.Address("192.0.2.1")
		}, key: shard, refused: "neighbour"},
		{name: "neighbour is the gateway", make: func(in compile.Input) {
			in.Config.Neighbors(fixture.ShardRed).Entries[0].Address = fixture.Address("10.1.0.1")
		}, key: shard, refused: "router's own address"},
		{name: "guest with the gateway's address", make: func(in compile.Input) { in.Config.Port(fixture.PortWeb).Addresses[1] = fixture.Address("10.1.0.1") }, key: portKey, refused: "that of the network's router"},
		{name: "guest with the gateway's MAC", make: func(in compile.Input) { in.Config.Port(fixture.PortWeb).MAC = model.MAC(object.GatewayMAC) }, key: portKey, refused: "reserved for routers"},
		{name: "guest with the host's MAC", make: func(in compile.Input) { in.Config.Port(fixture.PortWeb).MAC = in.Config.Host().RouterMAC }, key: portKey, refused: "host's own for routers"},
		{name: "guest with a router interface's device", make: func(in compile.Input) {
			in.Config.Port(fixture.PortWeb).Device = compile.RouterInterfaceDevice(fixture.RouterUID, fixture.NetRed)
		}, key: portKey, refused: "is a router's"},
	} {
		in := fixture.Routed()
		c.make(in)
		u := compile.Compile(in, c.key)
		for _, s := range []struct{ what, got, want string }{{"pending", u.Pending, c.pending}, {"refused", u.Refused, c.refused}} {
			if c.key == router && s.what == "pending" && c.refused != "" {
				continue // blue's router interface has no number in any case
			}
			if (s.want == "") != (s.got == "") || !strings.Contains(s.got, s.want) {
				t.Errorf("%s: %s is %q, want %q in it", c.name, s.what, s.got, s.want)
			}
		}
	}
}

// With routed IPv6 the router only translates IPv4, and the gateway namespace has routes to its prefixes.
func TestRoutedIPv6(t *testing.T) {
	t.Parallel()
	in := fixture.Routed()
	in.Config.Network(fixture.NetPublic).Gateway.RoutedIPv6 = true
	routes := map[string]bool{}
	for _, o := range compile.Compile(in, fixture.Key(desired.KindRouter, fixture.RouterUID)).Objects {
		switch o := o.(type) {
		case *object.NATTable:
			if len(o.Sources) != 1 || !o.Sources[0].Is4() {
				t.Errorf("traffic leaves as %v, want an IPv4 address alone", o.Sources)
			}
		case *object.Route:
			if o.Namespace == compile.GatewayNamespace(fixture.NetPublic) {
				routes[o.Destination.String()] = true
			}
		}
	}
	if len(routes) != 2 || !routes["fd00:1::/64"] || !routes["fd00:2::/64"] {
		t.Errorf("the gateway namespace has routes to %v, want both prefixes", routes)
	}
}

// The kernel has no IPv6 on a device with an MTU below 1,280 bytes. The connection to an external network with such an MTU is IPv4
// only.
func TestNoIPv6BesideATooSmallMTU(t *testing.T) {
	t.Parallel()
	in := fixture.Routed()
	public := in.Config.Network(fixture.NetPublic)
	public.MTU, public.Subnets = model.MinMTUv6-1, public.Subnets[:1]
	public.Gateway = &desired.NodeGateway{Addresses: public.Gateway.Addresses[:1], NextHops: public.Gateway.NextHops[:1], RoutedIPv6: true}
	u := compile.Compile(in, fixture.Key(desired.KindRouter, fixture.RouterUID))
	if u.Refused != "" {
		t.Errorf("refused %q", u.Refused)
	}
	four := 0
	for _, o := range u.Objects {
		switch o := o.(type) {
		case *object.Addresses:
			if o.Device == compile.RouterInterfaceName(fixture.NetRed) || o.Device == compile.RouterInterfaceName(fixture.NetBlue) {
				continue
			}
			for _, p := range o.Prefixes {
				if p.Addr().Is6() {
					t.Errorf("%s has %s on a device of %d bytes", o.Key(), p, public.MTU)
				}
			}
		case *object.Route:
			if o.Destination.Addr().Is6() {
				t.Errorf("%s", o.Key())
			}
			four++
		}
	}
	if four != 1 {
		t.Errorf("%d routes of IPv4, expected the default one", four)
	}
}

// A change of a floating address only compiles that address, however many there are. The same holds for a shard of neighbor entries.
func TestFloatingConcernsItself(t *testing.T) {
	t.Parallel()
	in := fixture.Routed()
	in.Index = fixture.Indexed(in)
	for _, k := range []desired.Key{fixture.Key(desired.KindFloatingIP, fixture.FloatWeb), fixture.Key(desired.KindNeighbors, fixture.ShardRed)} {
		if got := in.Index.Update(in.Config, k); len(got) != 1 || got[0] != k {
			t.Errorf("%v concerns %v", k, got)
		}
	}
}

// Routers of a host never share transit addresses. A router keeps its own when others come, unless one with a lower uid takes them.
func TestTransitsAreDistinct(t *testing.T) {
	t.Parallel()
	in := fixture.Routed()
	for i := range 500 {
		uid := fmt.Sprintf("80000000-0000-4000-8000-%012x", i)
		in.Config.Put(&desired.Router{UID: uid, External: fixture.NetPublic})
	}
	in.Index = compile.NewIndex(in.Config, in.Facts)
	seen := map[string]string{}
	for _, uid := range fixture.UIDs(in.Config, desired.KindRouter) {
		for _, o := range compile.Compile(in, fixture.Key(desired.KindRouter, uid)).Objects {
			if a, ok := o.(*object.Addresses); ok && a.Device == "transit" {
				for _, p := range a.Prefixes {
					if other := seen[p.String()]; other != "" {
						t.Errorf("%s is that of %s and %s", p, other, uid)
					}
					seen[p.String()] = uid
				}
			}
		}
	}
	if len(seen) != 2*501 {
		t.Errorf("%d addresses for 501 routers", len(seen))
	}
}

// A new router whose first choice is another one's transit pair takes it. The other one is compiled again.
func TestDisplacedRouterIsCompiledAgain(t *testing.T) {
	t.Parallel()
	first, second := sameTransits(t)
	in := fixture.Routed()
	fixture.ClearKinds(in.Config, desired.KindRouter)
	in.Config.Put(&desired.Router{UID: second, External: fixture.NetPublic})
	in.Index = fixture.Indexed(in)
	in.Config.Put(&desired.Router{UID: first, External: fixture.NetPublic})
	if dirty := in.Index.Update(in.Config, fixture.Key(desired.KindRouter, first)); !slices.Contains(dirty, fixture.Key(desired.KindRouter, second)) {
		t.Errorf("%s came, %s has to give way, and compiled again are %v", first, second, dirty)
	}
}

// sameTransits finds two uids, the lower one first, whose routers would have the same transit addresses if each were alone on the
// host.
func sameTransits(t *testing.T) (first, second string) {
	t.Helper()
	seen := map[string]string{}
	for i := range 2000 {
		in := fixture.Routed()
		uid := fmt.Sprintf("80000000-0000-4000-8000-%012x", i)
		fixture.ClearKinds(in.Config, desired.KindRouter)
		in.Config.Put(&desired.Router{UID: uid, External: fixture.NetPublic})
		for _, o := range compile.Compile(in, fixture.Key(desired.KindRouter, uid)).Objects {
			if a, ok := o.(*object.Addresses); ok && a.Device == "transit" {
				if other := seen[a.Prefixes[0].String()]; other != "" {
					return other, uid
				}
				seen[a.Prefixes[0].String()] = uid
			}
		}
	}
	t.Fatal("no two of 2000 routers have the same first choice")
	return "", ""
}
