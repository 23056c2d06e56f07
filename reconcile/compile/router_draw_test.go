package compile_test

import (
	"fmt"
	"net/netip"

	"pgregory.net/rapid"

	"weft/hostnet/object"
	"weft/model"
	"weft/model/desired"
	"weft/reconcile/compile"
	"weft/reconcile/compile/internal/fixture"
	"weft/reconcile/compile/openvswitch"
)

// drawRouters draws routers, floating addresses and neighbours that collide often, on arbitrary networks.
func drawRouters(t *rapid.T, in compile.Input, nets []string) {
	in.Config.Host().RouterMAC = rapid.SampledFrom([]model.MAC{{}, fixture.MAC("fa:16:3e:00:01:0a"), fixture.MAC("fa:16:3e:ff:00:01")}).Draw(t, "router MAC")
	for _, uid := range nets {
		if n := *in.Config.Network(uid); rapid.Bool().Draw(t, "external "+uid) {
			n.Gateway = &desired.NodeGateway{Addresses: []netip.Prefix{netip.MustParsePrefix("10.1.0.250/24")}, NextHops: []model.Address{fixture.Address("10.1.0.1")}}
			in.Config.Put(&n)
		}
	}
	anyNet := rapid.SampledFrom(append(nets, "absent"))
	var routers []string
	for i := range rapid.IntRange(0, 3).Draw(t, "routers") {
		r := &desired.Router{UID: fmt.Sprintf("e0000000-0000-4000-8000-%012x", i), External: anyNet.Draw(t, "external")}
		for range rapid.IntRange(0, 3).Draw(t, "router interfaces") {
			r.Interfaces = append(r.Interfaces, desired.RouterInterface{Network: anyNet.Draw(t, "router interface"),
				Addresses: []netip.Prefix{netip.MustParsePrefix(rapid.SampledFrom([]string{"10.1.0.1/24", "10.1.0.10/24", "fd00:1::1/64"}).Draw(t, "gateway"))}})
		}
		drawPlace(t, in, r, i)
		in.Config.Put(r)
		routers = append(routers, r.UID)
	}
	for i := range rapid.IntRange(0, 4).Draw(t, "floating") {
		f := &desired.FloatingIP{UID: fmt.Sprintf("f0000000-0000-4000-8000-%012x", i), Network: anyNet.Draw(t, "of"),
			Address: fixture.Address(fmt.Sprint("10.1.0.20", rapid.IntRange(0, 2).Draw(t, "address"))),
			Router:  rapid.SampledFrom(append(routers, "absent")).Draw(t, "by"), Fixed: fixture.Address("10.1.0.11")}
		in.Config.Put(f)
	}
	for i, uid := range append(nets, "absent") {
		n := &desired.Neighbors{UID: fmt.Sprint(uid, "-0"), Network: uid,
			Entries: []desired.Neighbor{{Address: fixture.Address(fmt.Sprint("10.1.0.1", i)), MAC: fixture.MAC("fa:16:3e:00:00:77")}}}
		in.Config.Put(n)
	}
}

// drawPlace draws where a router is: on every host, or on this one and another, which is heard or not. It also draws which of its
// devices are in the switch.
func drawPlace(t *rapid.T, in compile.Input, r *desired.Router, i int) {
	devices := []string{compile.CentralGatewayDevice(r.UID, r.External), compile.ExternalGatewayDevice(r.External)}
	for _, iface := range r.Interfaces {
		devices = append(devices, compile.RouterInterfaceDevice(r.UID, iface.Network))
	}
	if len(r.Interfaces) > 0 && rapid.Bool().Draw(t, "centralized") {
		g := &desired.CentralGateway{MAC: fixture.MAC(fmt.Sprintf("fa:16:3e:cc:00:%02x", i)), Watch: rapid.SampledFrom([]string{r.External, r.Interfaces[0].Network}).Draw(t, "watch"),
			Peers: []desired.GatewayPeer{{Node: "h0", MAC: fixture.MAC("fa:16:3e:ff:00:00"), Secret: fixture.SecretOf(0)}, {Node: in.Config.Host().Name, MAC: fixture.MAC("fa:16:3e:ff:00:01"), Secret: fixture.SecretOf(1)}}}
		if n := in.Config.Network(r.External); n != nil {
			g.External = n.Gateway
		}
		r.Central = g
		devices = append(devices, openvswitch.SessionDevice(g.Watch, "h0"), "wq"+openvswitch.SessionDevice(g.Watch, "h0")[2:])
	}
	for j, d := range devices {
		if rapid.Bool().Draw(t, "plugged") {
			in.Facts.Interfaces[d] = object.InterfaceFacts{Bridge: "br-int", OFPort: uint32(100 + 10*i + j), Created: true,
				Session: object.SessionFacts{Known: true, Converged: rapid.Bool().Draw(t, "converged"), Up: rapid.Bool().Draw(t, "up")}}
		}
	}
}
