//go:build integration

package attack

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"weft/hostnet/object"
	"weft/model"
	"weft/model/desired"
	"weft/reconcile/compile"
	"weft/reconcile/compile/openvswitch"
)

const routerUID = "50000000-0000-4000-8000-000000000005"

var (
	gateway4  = netip.MustParseAddr("10.1.0.1")
	gateway6  = netip.MustParseAddr("fd00:1::1")
	routerMAC = object.MAC{0xfa, 0x16, 0x3e, 0xff, 0, 1}
)

// routedStage is a stage with a router on network red. The inner end of the router interface is a tap.
type routedStage struct {
	*stage
	iface *tap
}

func newRoutedStage(t *testing.T) *routedStage {
	t.Helper()
	return newStage(t).routed(t)
}

// routed adds the router to a stage.
func (st *stage) routed(t *testing.T) *routedStage {
	t.Helper()
	st.config.Host().RouterMAC = model.MAC(routerMAC)
	st.config.Put(&desired.Router{UID: routerUID, Project: "alpha", Name: "way", Interfaces: []desired.RouterInterface{
		{Network: netRed, Addresses: []netip.Prefix{netip.PrefixFrom(gateway4, 24), netip.PrefixFrom(gateway6, 64)}}}})
	iface := openTap(t, st.plug(t, compile.RouterInterfaceDevice(routerUID, netRed)), "eth0")
	iface.name = "router interface"
	st.converge(t)
	return &routedStage{st, iface}
}

// closingOf returns a frame to send after others, and the taps that receive it, with its form there. When it arrives, all earlier frames
// of the tap have been handled.
func (r *routedStage) closingOf(from *tap) (sent []byte, heard map[*tap][]byte) {
	switch from {
	case r.iface:
		f := eth(object.GatewayMAC, r.b.mac, 0x0800, ipv4(remote4, r.b.v4, 17, udp(9, 9, fmt.Appendf(nil, "end %d", serial.Add(1)))))
		return f, map[*tap][]byte{r.b.tap: f}
	case r.uplink:
		f := closing(&guest{mac: remote, v4: remote4})
		return onUplink(f), map[*tap][]byte{r.a.tap: f, r.b.tap: f}
	}
	f := closing(r.a)
	return f, map[*tap][]byte{r.b.tap: f, r.uplink: onUplink(f)}
}

// answers asks for each of the gateway's addresses as guest a, and answers as the gateway.
func (r *routedStage) answers(t *testing.T, ctx context.Context) []string {
	t.Helper()
	a := r.a
	to := func(f []byte) []byte { return append(slices.Concat(a.mac[:], object.GatewayMAC[:]), f[12:]...) }
	ask := arp(a.mac, 1, a.mac, a.v4, gateway4)
	tell := to(arp(object.GatewayMAC, 2, object.GatewayMAC, gateway4, a.v4))
	questions := []question{{"the gateway", a.tap, r.iface, ask, tell, ask, tell}}
	for _, target := range []netip.Addr{gateway6, object.GatewayLinkLocal} {
		ask := icmp6Frame(a.mac, a.v6, 135, 0, nd(0, target, lladdr(1, a.mac)))
		tell := to(icmp6Frame(object.GatewayMAC, target, 136, 0, nd(0xe0, target, lladdr(2, object.GatewayMAC))))
		questions = append(questions, question{"the gateway's " + target.String(), a.tap, r.iface, ask, tell, ask, tell})
	}
	return answered(t, ctx, questions...)
}

// segment is network red.
func (r *routedStage) segment() segment {
	return segment{taps: []*tap{r.a.tap, r.b.tap, r.iface, r.uplink}, closing: r.closingOf, answers: r.answers}
}

func (r *routedStage) crossings() []crossing {
	return slices.Concat(r.toGateway(), r.asGateway(), r.fromInterface(), r.fromUplink())
}

func TestGatewayStaysOnTheHost(t *testing.T) {
	t.Parallel()
	newRoutedStage(t).gatewayStays(t)
}

func (r *routedStage) gatewayStays(t *testing.T) {
	t.Helper()
	r.segment().judge(t, r.crossings())
	r.nobodyElseHeard(t)
}

// For each rule about gateways: without it, some frame arrives where it must not, or does not arrive where it should.
func TestEveryGatewayRuleIsNeeded(t *testing.T) {
	t.Parallel()
	r := newRoutedStage(t)
	all, _ := r.compile(t)
	for i, o := range all {
		set, ok := o.(*object.FlowSet)
		if !ok {
			continue
		}
		for j, f := range set.Flows {
			if set.Feature != openvswitch.FeatureRouterInterface(netRed) && !namesGateway(f) {
				continue
			}
			without := *set
			without.Flows = slices.Delete(slices.Clone(set.Flows), j, j+1)
			r.apply(t, append(slices.Delete(slices.Clone(all), i, i+1), &without))
			if !slices.ContainsFunc(r.crossings(), func(c crossing) bool { return len(r.segment().faults(t, c)) > 0 }) {
				t.Errorf("without %s nothing is different", f)
			}
		}
	}
}

// namesGateway says that a rule that all networks share concerns gateways.
func namesGateway(f object.Flow) bool {
	mac, ll := object.ExactMAC(object.GatewayMAC), netip.PrefixFrom(object.GatewayLinkLocal, 128)
	return f.Match.EthSrc == mac || f.Match.EthDst == mac || f.Match.IPSrc == ll || f.Match.NDTarget == ll
}
