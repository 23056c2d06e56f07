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
)

const (
	netPublic = "cccccccc-0000-4000-8000-000000000003"
	routerUID = "50000000-0000-4000-8000-000000000005"
	floatWeb  = "60000000-0000-4000-8000-000000000006"
	floatFwd  = "70000000-0000-4000-8000-000000000007"
	partRed   = netRed + "-0"
)

// routed is the fixture with a router between red and blue and the external network public, with two floating addresses and the
// neighbours of red. The legs are plugged.
func routed() compile.Input {
	in := fixture()
	in.Config.Host().RouterMAC = mac("fa:16:3e:ff:00:01")
	public := network(netPublic, "public", 200, 9)
	public.Gateway = &desired.NodeGateway{Addresses: []netip.Prefix{netip.MustParsePrefix("10.9.0.50/24"), netip.MustParsePrefix("fd00:9::50/64")},
		NextHops: []model.Address{address("10.9.0.1"), address("fd00:9::1")}}
	in.Config.Put(public)
	leg := func(uid string, octet int) desired.RouterLeg {
		return desired.RouterLeg{Network: uid, Addresses: []netip.Prefix{
			netip.MustParsePrefix(fmt.Sprintf("10.%d.0.1/24", octet)), netip.MustParsePrefix(fmt.Sprintf("fd00:%d::1/64", octet))}}
	}
	in.Config.Put(&desired.Router{UID: routerUID, Project: "alpha", Name: "way",
		Legs: []desired.RouterLeg{leg(netRed, 1), leg(netBlue, 2)}, External: netPublic})
	for _, f := range []*desired.FloatingIP{
		{UID: floatWeb, Project: "alpha", Name: "web", Network: netPublic, Address: address("10.9.0.100"), Router: routerUID,
			Port: portWeb, Fixed: address("10.1.0.10")},
		{UID: floatFwd, Project: "alpha", Name: "fwd", Network: netPublic, Address: address("fd00:9::101"),
			Forwards: []desired.Forward{{Protocol: "tcp", First: 80, Last: 90, Router: routerUID, Port: portWeb, To: address("fd00:1::a"), ToFirst: 8080}}},
	} {
		in.Config.Put(f)
	}
	in.Config.Put(&desired.Neighbors{UID: partRed, Network: netRed, Entries: []desired.Neighbor{
		{Address: address("10.1.0.10"), MAC: mac("fa:16:3e:00:01:0a")}, {Address: address("fd00:1::a"), MAC: mac("fa:16:3e:00:01:0a")}}})
	for i, device := range []string{compile.LegDevice(routerUID, netRed), compile.ExternalLegDevice(netPublic)} {
		in.Facts.Links[device] = object.LinkFacts{MTU: 1450, Up: true, Kind: "veth"}
		in.Facts.Interfaces[device] = object.InterfaceFacts{Bridge: "br-int", OFPort: uint32(20 + i), Created: true}
	}
	return in
}

func TestRouterGolden(t *testing.T) {
	t.Parallel()
	in := routed()
	for name, k := range map[string]desired.Key{
		"router": key(desired.KindRouter, routerUID), "external": key(desired.KindNetwork, netPublic), "floating": key(desired.KindFloatingIP, floatWeb),
		"floating_forwards": key(desired.KindFloatingIP, floatFwd), "neighbors": key(desired.KindNeighbors, partRed),
		"port_routed": key(desired.KindPort, portWeb), "network_routed": key(desired.KindNetwork, netRed),
	} {
		golden(t, name, text(compile.Compile(in, k)))
	}
}

// An error in a router, its networks or a floating address is reported, and affects nothing else.
func TestRouterUnits(t *testing.T) {
	t.Parallel()
	router, public, web := key(desired.KindRouter, routerUID), key(desired.KindNetwork, netPublic), key(desired.KindFloatingIP, floatWeb)
	part, portKey := key(desired.KindNeighbors, partRed), key(desired.KindPort, portWeb)
	r := func(in compile.Input) *desired.Router { return in.Config.Router(routerUID) }
	f := func(in compile.Input) *desired.FloatingIP { return in.Config.FloatingIP(floatWeb) }
	for _, c := range []struct {
		name             string
		make             func(in compile.Input)
		key              desired.Key
		pending, refused string
	}{
		{name: "leg without number", make: func(compile.Input) {}, key: router, pending: "waits for an OpenFlow port number of " + compile.LegDevice(routerUID, netBlue)},
		{name: "network missing", make: func(in compile.Input) { in.Config.Remove(desired.Key{Kind: desired.KindNetwork, UID: netBlue}) }, key: router, pending: "waits for network"},
		{name: "external missing", make: func(in compile.Input) { in.Config.Remove(desired.Key{Kind: desired.KindNetwork, UID: netPublic}) }, key: router, pending: "waits for external network"},
		{name: "no address there", make: func(in compile.Input) { in.Config.Network(netPublic).Gateway = nil }, key: router, pending: "has no address on this host yet"},
		{name: "hostile uid", make: func(in compile.Input) { in.Config.Put(&desired.Router{UID: "../x"}) }, key: key(desired.KindRouter, "../x"), refused: "no uid has"},
		{name: "network of another router", make: func(in compile.Input) {
			in.Config.Put(&desired.Router{UID: "40000000", Legs: r(in).Legs[:1]})
		}, key: router, pending: "OpenFlow", refused: "network alpha/red belongs to router 40000000 already"},
		{name: "leg elsewhere", make: func(in compile.Input) {
			r(in).Legs[1].Addresses = []netip.Prefix{netip.MustParsePrefix("192.0.2.1/24")}
		}, key: router, refused: "in no subnet"},
		{name: "no router MAC", make: func(in compile.Input) { in.Config.Host().RouterMAC = model.MAC{} }, key: public, pending: "waits for the host's router MAC"},
		{name: "floating as is", make: func(compile.Input) {}, key: web},
		{name: "floating without router", make: func(in compile.Input) { clearKinds(in.Config, desired.KindRouter) }, key: web, pending: "waits for a router to external network alpha/public"},
		{name: "floating outside", make: func(in compile.Input) { f(in).Address = address("192.0.2.7") }, key: web, pending: "in no subnet of the external network"},
		{name: "floating is the host's", make: func(in compile.Input) { f(in).Address = address("10.9.0.50") }, key: web, pending: "this host's own"},
		{name: "floating of two kinds", make: func(in compile.Input) { f(in).Fixed = address("fd00:1::a") }, key: web, refused: "family"},
		{name: "floating twice", make: func(in compile.Input) {
			twin := *f(in)
			twin.UID = "61000000-0000-4000-8000-000000000006"
			in.Config.Put(&twin)
		}, key: key(desired.KindFloatingIP, "61000000-0000-4000-8000-000000000006"), refused: "belongs to floating address " + floatWeb},
		{name: "neighbour elsewhere", make: func(in compile.Input) { in.Config.Neighbors(partRed).Entries[0].Address = address("192.0.2.1") }, key: part, refused: "neighbour"},
		{name: "neighbour is the gateway", make: func(in compile.Input) { in.Config.Neighbors(partRed).Entries[0].Address = address("10.1.0.1") }, key: part, refused: "router's own address"},
		{name: "guest with the gateway's address", make: func(in compile.Input) { in.Config.Port(portWeb).Addresses[1] = address("10.1.0.1") }, key: portKey, refused: "that of the network's router"},
		{name: "guest with the gateway's MAC", make: func(in compile.Input) { in.Config.Port(portWeb).MAC = model.MAC(object.GatewayMAC) }, key: portKey, refused: "reserved for routers"},
		{name: "guest with the host's MAC", make: func(in compile.Input) { in.Config.Port(portWeb).MAC = in.Config.Host().RouterMAC }, key: portKey, refused: "host's own for routers"},
		{name: "guest with a leg's device", make: func(in compile.Input) { in.Config.Port(portWeb).Device = compile.LegDevice(routerUID, netRed) }, key: portKey, refused: "is a router's"},
	} {
		in := routed()
		c.make(in)
		u := compile.Compile(in, c.key)
		for _, s := range []struct{ what, got, want string }{{"pending", u.Pending, c.pending}, {"refused", u.Refused, c.refused}} {
			if c.key == router && s.what == "pending" && c.refused != "" {
				continue // blue's leg has no number in any case
			}
			if (s.want == "") != (s.got == "") || !strings.Contains(s.got, s.want) {
				t.Errorf("%s: %s is %q, want %q in it", c.name, s.what, s.got, s.want)
			}
		}
	}
}

// With routed IPv6 the router only translates IPv4, and the external namespace has routes to its prefixes.
func TestRoutedIPv6(t *testing.T) {
	t.Parallel()
	in := routed()
	in.Config.Network(netPublic).Gateway.RoutedIPv6 = true
	routes := map[string]bool{}
	for _, o := range compile.Compile(in, key(desired.KindRouter, routerUID)).Objects {
		switch o := o.(type) {
		case *object.NATTable:
			if len(o.Sources) != 1 || !o.Sources[0].Is4() {
				t.Errorf("traffic leaves as %v, want an IPv4 address alone", o.Sources)
			}
		case *object.Route:
			if o.Namespace == compile.ExternalNamespace(netPublic) {
				routes[o.Destination.String()] = true
			}
		}
	}
	if len(routes) != 2 || !routes["fd00:1::/64"] || !routes["fd00:2::/64"] {
		t.Errorf("the external namespace has routes to %v, want both prefixes", routes)
	}
}

// The kernel has no IPv6 on a device with an MTU below 1,280 bytes. The connection to an external network with such an MTU is IPv4
// only.
func TestNoIPv6BesideATooSmallMTU(t *testing.T) {
	t.Parallel()
	in := routed()
	public := in.Config.Network(netPublic)
	public.MTU, public.Subnets = model.MinMTUv6-1, public.Subnets[:1]
	public.Gateway = &desired.NodeGateway{Addresses: public.Gateway.Addresses[:1], NextHops: public.Gateway.NextHops[:1], RoutedIPv6: true}
	u := compile.Compile(in, key(desired.KindRouter, routerUID))
	if u.Refused != "" {
		t.Errorf("refused %q", u.Refused)
	}
	four := 0
	for _, o := range u.Objects {
		switch o := o.(type) {
		case *object.Addresses:
			if o.Device == compile.LegInner(netRed) || o.Device == compile.LegInner(netBlue) {
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

// A change of a floating address only compiles that address, however many there are. The same holds for a part of the neighbours.
func TestFloatingConcernsItself(t *testing.T) {
	t.Parallel()
	in := routed()
	in.Index = indexed(in)
	for _, k := range []desired.Key{key(desired.KindFloatingIP, floatWeb), key(desired.KindNeighbors, partRed)} {
		if got := in.Index.Update(in.Config, k); len(got) != 1 || got[0] != k {
			t.Errorf("%v concerns %v", k, got)
		}
	}
}

// Routers of a host never share transit addresses. A router keeps its own when others come, unless one with a lower uid takes them.
func TestTransitsAreDistinct(t *testing.T) {
	t.Parallel()
	in := routed()
	for i := range 500 {
		uid := fmt.Sprintf("80000000-0000-4000-8000-%012x", i)
		in.Config.Put(&desired.Router{UID: uid, External: netPublic})
	}
	in.Index = compile.NewIndex(in.Config, in.Facts)
	seen := map[string]string{}
	for _, uid := range uids(in.Config, desired.KindRouter) {
		for _, o := range compile.Compile(in, key(desired.KindRouter, uid)).Objects {
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

// An external network with several subnets of a family: what each of them needs in addition.
func TestExternalSubnets(t *testing.T) {
	t.Parallel()
	in := routed()
	n := in.Config.Network(netPublic)
	for _, s := range []struct{ cidr, gateway string }{{"10.8.0.0/24", "10.8.0.1"}, {"10.7.0.0/24", ""}, {"fd00:8::/64", "fd00:8::1"}} {
		sub := desired.Subnet{CIDR: model.Prefix{Prefix: netip.MustParsePrefix(s.cidr)}}
		if s.gateway != "" {
			sub.Gateway = address(s.gateway)
		}
		n.Subnets = append(n.Subnets, sub)
	}
	u := compile.Compile(in, key(desired.KindNetwork, netPublic))
	var b strings.Builder
	for _, o := range u.Objects {
		switch o.(type) {
		case *object.Route, *object.Rule:
			fmt.Fprintf(&b, "%s %+v\n", o.Key(), o)
		}
	}
	golden(t, "external_subnets", b.String())
}

// A new router whose first choice is another one's transit pair takes it. The other one is compiled again.
func TestDisplacedRouterIsCompiledAgain(t *testing.T) {
	t.Parallel()
	first, second := sameTransits(t)
	in := routed()
	clearKinds(in.Config, desired.KindRouter)
	in.Config.Put(&desired.Router{UID: second, External: netPublic})
	in.Index = indexed(in)
	in.Config.Put(&desired.Router{UID: first, External: netPublic})
	if dirty := in.Index.Update(in.Config, key(desired.KindRouter, first)); !slices.Contains(dirty, key(desired.KindRouter, second)) {
		t.Errorf("%s came, %s has to give way, and compiled again are %v", first, second, dirty)
	}
}

// sameTransits finds two uids, the lower one first, whose routers would have the same transit addresses if each were alone on the
// host.
func sameTransits(t *testing.T) (first, second string) {
	t.Helper()
	seen := map[string]string{}
	for i := range 2000 {
		in := routed()
		uid := fmt.Sprintf("80000000-0000-4000-8000-%012x", i)
		clearKinds(in.Config, desired.KindRouter)
		in.Config.Put(&desired.Router{UID: uid, External: netPublic})
		for _, o := range compile.Compile(in, key(desired.KindRouter, uid)).Objects {
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
