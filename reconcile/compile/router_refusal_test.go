package compile_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"weft/hostnet/object"
	"weft/model"
	"weft/model/desired"
	"weft/reconcile/compile"
	"weft/reconcile/compile/internal/fixture"
)

// TestExitFaults: each fault of the gateway on an external network.
func TestExternalGatewayFaults(t *testing.T) {
	t.Parallel()
	gateway := func(change func(g *desired.NodeGateway)) func(compile.Input) {
		return func(in compile.Input) { change(in.Config.Network(fixture.NetPublic).Gateway) }
	}
	hops := func(texts ...string) func(compile.Input) {
		return gateway(func(g *desired.NodeGateway) {
			g.NextHops = nil
			for _, s := range texts {
				g.NextHops = append(g.NextHops, fixture.Address(s))
			}
		})
	}
	addresses := func(texts ...string) func(compile.Input) {
		return gateway(func(g *desired.NodeGateway) {
			g.Addresses = nil
			for _, s := range texts {
				g.Addresses = append(g.Addresses, netip.MustParsePrefix(s))
			}
		})
	}
	mac := func(m object.MAC) func(compile.Input) {
		return func(in compile.Input) { in.Config.Host().RouterMAC = model.MAC(m) }
	}
	fixture.AskAll(t, fixture.AllPlugged, fixture.Key(desired.KindNetwork, fixture.NetPublic), []ask{
		{"as is", func(compile.Input) {}, "", ""},
		{"a group MAC", mac(object.MAC{1, 2, 3, 4, 5, 6}), "the router MAC 01:02:03:04:05:06 is reserved or no unicast address", ""},
		{"the server's MAC", mac(object.ServerMAC), "is reserved or no unicast address", ""},
		{"the gateway's MAC", mac(object.GatewayMAC), "is reserved or no unicast address", ""},
		{"three addresses", addresses("10.9.0.50/24", "fd00:9::50/64", "10.9.0.51/24"), "more than one address or next hop of a family", ""},
		{"three next hops", hops("10.9.0.1", "fd00:9::1", "10.9.0.2"), "more than one address or next hop of a family", ""},
		{"two addresses of a family", addresses("10.9.0.50/24", "10.9.0.51/24"), "more than one address of a family", ""},
		{"two next hops of a family", hops("10.9.0.1", "10.9.0.2"), `next hop "10.9.0.2" is no gateway of the external network, or the second`, ""},
		{"a next hop elsewhere", hops("192.0.2.1"), `next hop "192.0.2.1" is no gateway`, ""},
		{"a gateway on the link", func(in compile.Input) {
			hops("192.0.2.1")(in)
			in.Config.Network(fixture.NetPublic).Subnets[0].Gateway = fixture.Address("192.0.2.1")
		}, "", ""},
		{"one family", hops("fd00:9::1"), "", ""},
		{"an address elsewhere", addresses("192.0.2.50/24"), "address 192.0.2.50/24 is in no subnet of the network", ""},
		{"another prefix length", addresses("10.9.0.50/25"), "address 10.9.0.50/25 is in no subnet of the network", ""},
		{"no prefix", gateway(func(g *desired.NodeGateway) { g.Addresses[0] = netip.Prefix{} }), "is not in canonical form", ""},
		{"no address", addresses(), "", ""},
		{"no number", func(in compile.Input) {
			fixture.Interface(in, compile.ExternalGatewayDevice(fixture.NetPublic), func(i *object.InterfaceFacts) { i.OFPort, i.Error = 0, "busy" })
		}, "waits for an OpenFlow port number of " + compile.ExternalGatewayDevice(fixture.NetPublic) + `: OVS says "busy"`, ""},
		{"somebody else's router interface", func(in compile.Input) {
			fixture.Interface(in, compile.ExternalGatewayDevice(fixture.NetPublic), func(i *object.InterfaceFacts) { i.Created = false })
		}, "waits for an OpenFlow port number", ""},
		{"a router interface on another bridge", func(in compile.Input) {
			fixture.Interface(in, compile.ExternalGatewayDevice(fixture.NetPublic), func(i *object.InterfaceFacts) { i.Bridge = "br-ex" })
		}, "waits for an OpenFlow port number", ""},
	})
}

// TestFloatingFaults: each fault of a floating address by itself, and what is just within the bounds.
func TestFloatingFaults(t *testing.T) {
	t.Parallel()
	forward := func(change func(w *desired.Forward)) func(compile.Input) {
		return func(in compile.Input) { change(&in.Config.FloatingIP(fixture.FloatFwd).Forwards[0]) }
	}
	also := func(change func(w *desired.Forward)) func(compile.Input) {
		return func(in compile.Input) {
			f := in.Config.FloatingIP(fixture.FloatFwd)
			w := f.Forwards[0]
			w.First, w.Last, w.ToFirst = 91, 95, 9000
			change(&w)
			f.Forwards = append(f.Forwards, w)
		}
	}
	many := func(n int) func(compile.Input) {
		return func(in compile.Input) {
			f := in.Config.FloatingIP(fixture.FloatFwd)
			w := f.Forwards[0]
			f.Forwards = nil
			for i := range n {
				w.First, w.Last, w.ToFirst = uint16(i+1), uint16(i+1), uint16(i+1)
				f.Forwards = append(f.Forwards, w)
			}
		}
	}
	fixture.AskAll(t, fixture.AllPlugged, fixture.Key(desired.KindFloatingIP, fixture.FloatFwd), []ask{
		{"as is", func(compile.Input) {}, "", ""},
		{"no uid", func(in compile.Input) { in.Config.FloatingIP(fixture.FloatFwd).UID = "" }, "", "the floating address has no uid"},
		{"no address", func(in compile.Input) { in.Config.FloatingIP(fixture.FloatFwd).Address = model.Address{} }, "", "is not in canonical form"},
		{"1000 forwards", many(1000), "", ""},
		{"1001 forwards", many(1001), "", "more than 1000 port forwards"},
		{"forwards and a fixed address", func(in compile.Input) { in.Config.FloatingIP(fixture.FloatFwd).Fixed = fixture.Address("fd00:1::a") }, "", "either a fixed address or port forwards"},
		{"neither", func(in compile.Input) { in.Config.FloatingIP(fixture.FloatFwd).Forwards = nil }, "", "either a fixed address or port forwards"},
		{"of another family", forward(func(w *desired.Forward) { w.To = fixture.Address("10.1.0.10") }), "", `a forward's address "10.1.0.10" is not of the floating`},
		{"to no address", forward(func(w *desired.Forward) { w.To = model.Address{} }), "", "a forward's address"},
		{"of SCTP", forward(func(w *desired.Forward) { w.Protocol = "sctp" }), "", `forwarded protocol "sctp" is neither tcp nor udp`},
		{"of UDP", forward(func(w *desired.Forward) { w.Protocol = "udp" }), "", ""},
		{"from port 0", forward(func(w *desired.Forward) { w.First = 0 }), "", "forwarded ports are out of range"},
		{"to port 0", forward(func(w *desired.Forward) { w.ToFirst = 0 }), "", "forwarded ports are out of range"},
		{"backwards", forward(func(w *desired.Forward) { w.Last = w.First - 1 }), "", "forwarded ports are out of range"},
		{"one port", forward(func(w *desired.Forward) { w.Last = w.First }), "", ""},
		{"to the last port", forward(func(w *desired.Forward) { w.ToFirst = 65525 }), "", ""},
		{"beyond the last port", forward(func(w *desired.Forward) { w.ToFirst = 65526 }), "", "forwarded ports are out of range"},
		{"two that touch", also(func(*desired.Forward) {}), "", ""},
		{"two that share a port", also(func(w *desired.Forward) { w.First = 90 }), "", "its port forwards overlap"},
		{"one before", also(func(w *desired.Forward) { w.First, w.Last = 70, 79 }), "", ""},
		{"one that ends on the first", also(func(w *desired.Forward) { w.First, w.Last = 70, 80 }), "", "its port forwards overlap"},
		{"the same ports of another protocol", also(func(w *desired.Forward) { w.Protocol, w.First, w.Last = "udp", 80, 90 }), "", ""},
		{"through two routers", also(func(w *desired.Forward) { w.Router = "x" }), "", "lead through more than one router"},
		{"its router has another external network", func(in compile.Input) { in.Config.Router(fixture.RouterUID).External = "" }, "waits for a router to external network alpha/public", ""},
		{"its network is missing", func(in compile.Input) {
			in.Config.Remove(desired.Key{Kind: desired.KindNetwork, UID: fixture.NetPublic})
		}, "waits for external network", ""},
		{"its network is refused", func(in compile.Input) { in.Config.Network(fixture.NetPublic).MTU = 0 }, "external network alpha/public is refused: MTU", ""},
		{"its router is faulty", func(in compile.Input) {
			r := in.Config.Router(fixture.RouterUID)
			r.Interfaces = append(r.Interfaces, r.Interfaces[0])
		}, "waits for a router to external network", ""},
		{"no router MAC", func(in compile.Input) { in.Config.Host().RouterMAC = model.MAC{} }, "waits for the host's router MAC", ""},
	})
	for text, ok := range map[string]bool{"10.9.0.100": true, "::ffff:10.9.0.100": false, "fe80::1%eth0": false, "0.0.0.0": false, "224.0.0.9": false, "127.0.0.9": false} {
		in := fixture.AllPlugged()
		f := in.Config.FloatingIP(fixture.FloatWeb)
		f.Address = fixture.Address(text)
		f.Fixed = fixture.Address("10.1.0.10")
		if u := compile.Compile(in, f.Key()); (u.Refused == "") != ok {
			t.Errorf("address %s: %q", text, u.Refused)
		}
	}
}

// TestRouterFaults: each fault of a router by itself, and what is just within the bounds.
func TestRouterFaults(t *testing.T) {
	t.Parallel()
	router := func(change func(r *desired.Router)) func(compile.Input) {
		return func(in compile.Input) { change(in.Config.Router(fixture.RouterUID)) }
	}
	interfaces := func(n int) func(compile.Input) {
		return router(func(r *desired.Router) {
			for i := len(r.Interfaces); i < n; i++ {
				r.Interfaces = append(r.Interfaces, desired.RouterInterface{Network: fmt.Sprintf("n%d", i)})
			}
		})
	}
	red := func(addresses ...netip.Prefix) func(compile.Input) {
		return router(func(r *desired.Router) { r.Interfaces[0].Addresses = addresses })
	}
	many := func(n int) (all []netip.Prefix) {
		for i := range n {
			all = append(all, netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 1, 0, byte(100 + i)}), 24))
		}
		return all
	}
	fixture.AskAll(t, fixture.AllPlugged, fixture.Key(desired.KindRouter, fixture.RouterUID), []ask{
		{"as is", func(compile.Input) {}, "", ""},
		{"no uid", router(func(r *desired.Router) { r.UID = "" }), "", `uid "" is empty or longer than 64 bytes`},
		{"a uid as long as can be", router(func(r *desired.Router) { r.UID, r.Interfaces, r.External = strings.Repeat("a", 64), nil, "" }), "", ""},
		{"a long uid", router(func(r *desired.Router) { r.UID = strings.Repeat("a", 65) }), "", "is empty or longer than 64 bytes"},
		{"a uid with capitals", router(func(r *desired.Router) { r.UID = "A" }), "", "holds a byte that no uid has"},
		{"a uid of all that may be", router(func(r *desired.Router) { r.UID, r.Interfaces, r.External = "09-az", nil, "" }), "", ""},
		{"a uid of what comes after", router(func(r *desired.Router) { r.UID = "{" }), "", "holds a byte that no uid has"},
		{"an external network with a path", router(func(r *desired.Router) { r.External = "../x" }), "", `external network "../x" holds a byte`},
		{"65 networks", interfaces(65), "", "more than 64 networks"},
		{"64 networks", interfaces(64), "waits for network", ""},
		{"a network twice", router(func(r *desired.Router) { r.Interfaces = append(r.Interfaces, r.Interfaces[0]) }), "", "is listed twice"},
		{"its external network too", router(func(r *desired.Router) { r.External = fixture.NetRed }), "", "is its external network too"},
		{"no address", red(), "", "network alpha/red: the router has no address there, or more than 64"},
		{"65 addresses", red(many(65)...), "", "the router has no address there, or more than 64"},
		{"64 addresses", red(many(64)...), "", ""},
		{"an invalid address", red(netip.Prefix{}), "", "is not in canonical form"},
		{"IPv4 in IPv6", red(netip.PrefixFrom(netip.MustParseAddr("::ffff:10.1.0.1"), 120)), "", "is not in canonical form"},
		{"another prefix length", red(netip.MustParsePrefix("10.1.0.1/25")), "", "is in no subnet of the network"},
		{"on an external network", func(in compile.Input) {
			in.Config.Network(fixture.NetRed).Gateway = in.Config.Network(fixture.NetPublic).Gateway
		},
			"", "network alpha/red is an external network: a router has no interface on one"},
		{"a refused network", func(in compile.Input) { in.Config.Network(fixture.NetRed).MTU = 0 }, "network alpha/red is refused: MTU", ""},
		{"a refused external network", func(in compile.Input) { in.Config.Network(fixture.NetPublic).MTU = 0 }, "external network alpha/public is refused: MTU", ""},
		{"a faulty one takes no network", func(in compile.Input) {
			interfaces := in.Config.Router(fixture.RouterUID).Interfaces
			in.Config.Put(&desired.Router{UID: "0", Interfaces: append(append([]desired.RouterInterface(nil), interfaces...), interfaces[0])})
		}, "", ""},
		{"the bridge is foreign", func(in compile.Input) { in.Facts.ForeignBridges = map[string]string{"br-int": "x"} }, "waits for the host's bridge", ""},
	})
}

// TestNeighborFaults: a shard that is too large is refused as a whole, an entry alone.
func TestNeighborFaults(t *testing.T) {
	t.Parallel()
	entries := func(n int) func(compile.Input) {
		return func(in compile.Input) {
			shard := in.Config.Neighbors(fixture.ShardRed)
			shard.Entries = nil
			for i := range n {
				shard.Entries = append(shard.Entries, desired.Neighbor{Address: fixture.Address(fmt.Sprintf("fd00:1::1:%x", i)), MAC: fixture.MAC("fa:16:3e:00:01:0a")})
			}
		}
	}
	first := func(change func(e *desired.Neighbor)) func(compile.Input) {
		return func(in compile.Input) { change(&in.Config.Neighbors(fixture.ShardRed).Entries[0]) }
	}
	const fault = "is listed twice, in no subnet of its network or has no unicast MAC"
	k := fixture.Key(desired.KindNeighbors, fixture.ShardRed)
	cases := []ask{
		{"as is", func(compile.Input) {}, "", ""},
		{"1000 entries", entries(1000), "", ""},
		{"1001 entries", entries(1001), "", "more than 1000 neighbor entries in one shard"},
		{"no MAC", first(func(e *desired.Neighbor) { e.MAC = model.MAC{} }), "", fault},
		{"a group MAC", first(func(e *desired.Neighbor) { e.MAC = model.MAC{1} }), "", fault},
		{"no address", first(func(e *desired.Neighbor) { e.Address = model.Address{} }), "", fault},
		{"twice", first(func(e *desired.Neighbor) { e.Address = fixture.Address("fd00:1::a") }), "", fault},
		{"no router", func(in compile.Input) { fixture.ClearKinds(in.Config, desired.KindRouter) }, "waits for a router on network", ""},
		{"no network", func(in compile.Input) { in.Config.Remove(desired.Key{Kind: desired.KindNetwork, UID: fixture.NetRed}) }, "waits for a router on network", ""},
		{"the router is faulty", func(in compile.Input) { in.Config.Router(fixture.RouterUID).External = fixture.NetRed }, "waits for a router on network", ""},
	}
	fixture.AskAll(t, fixture.AllPlugged, k, cases)
	for _, c := range cases[3:6] {
		in := fixture.AllPlugged()
		c.Make(in)
		if u := compile.Compile(in, k); len(u.Objects) != 1 {
			t.Errorf("%s: %d of two entries are left", c.Name, len(u.Objects))
		}
	}
}
