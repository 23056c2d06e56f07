package openvswitch_test

import (
	"net/netip"
	"strings"
	"testing"

	"weft/hostnet/object"
	"weft/model"
	"weft/model/desired"
	"weft/reconcile/compile"
	"weft/reconcile/compile/internal/fixture"
)

// pair is an allowed address pair. An empty mac is the port's own.
func pair(p *desired.Port, block, mac string) desired.AddressPair {
	one := desired.AddressPair{Address: model.AddressBlock{Prefix: netip.MustParsePrefix(block)}, MAC: p.MAC}
	if mac != "" {
		one.MAC = fixture.MAC(mac)
	}
	return one
}

// paired is the fixture with allowed address pairs on two ports of a network with a distributed router. They share a MAC.
func paired() compile.Input {
	in := fixture.Routed()
	in.Config.Host().RouterMAC = fixture.MAC("fa:16:3e:ff:00:01")
	in.Config.Network(fixture.NetRed).AddressPairs = true
	for _, uid := range []string{fixture.PortWeb, fixture.PortDB} {
		p := in.Config.Port(uid)
		p.AddressPairs = []desired.AddressPair{pair(p, "10.1.0.50/32", "00:00:5e:00:01:33")}
	}
	p := in.Config.Port(fixture.PortWeb)
	p.AddressPairs = append(p.AddressPairs, pair(p, "10.1.0.64/28", ""), pair(p, "fd00:1::1:0/120", ""))
	return in
}

// TestPairsGolden: a guest with pairs, its network, and the interface of the router there.
func TestPairsGolden(t *testing.T) {
	t.Parallel()
	in := paired()
	golden(t, "paired_port", fixture.Text(compile.Compile(in, fixture.Key(desired.KindPort, fixture.PortWeb))))
	golden(t, "paired_network", fixture.Text(compile.Compile(in, fixture.Key(desired.KindNetwork, fixture.NetRed))))
	golden(t, "paired_router", fixture.Text(compile.Compile(in, fixture.Key(desired.KindRouter, fixture.RouterUID))))
}

// TestSharedMACsReachAllWhoMayHaveThem: a frame for a MAC that several guests may have goes to those here that are active, and to the physical
// network.
func TestSharedMACsReachAllWhoMayHaveThem(t *testing.T) {
	t.Parallel()
	to := func(in compile.Input) string {
		for _, f := range fixture.First[*object.FlowSet](compile.Compile(in, fixture.Key(desired.KindNetwork, fixture.NetRed))).Flows {
			if f.Table == 20 && f.Match.EthDst.Value == (object.MAC{0, 0, 0x5e, 0, 1, 0x33}) {
				return f.String()[strings.Index(f.String(), "→"):]
			}
		}
		return ""
	}
	in := paired()
	if got := to(in); got != "→ output:5 output:6 goto:50" {
		t.Errorf("both: %q", got)
	}
	in.Config.Port(fixture.PortDB).State = desired.StateStandby
	if got := to(in); got != "→ output:5 goto:50" {
		t.Errorf("one is on standby: %q", got)
	}
	in.Config.Port(fixture.PortWeb).AddressPairs = nil
	if got := to(in); got != "" {
		t.Errorf("nobody: %q", got)
	}
}

// TestRoutersResolvePairsOnly: nothing of it on a network without pairs, or for a host without a router MAC.
func TestRoutersResolvePairsOnly(t *testing.T) {
	t.Parallel()
	resolves := func(in compile.Input) (n int) {
		for _, flows := range allFlows(t, in) {
			for _, f := range flows {
				if text := f.String(); strings.Contains(text, "arp_spa:=") || strings.Contains(text, "nd_sll:=") || strings.Contains(text, "eth_dst:=") {
					n++
				}
			}
		}
		return n
	}
	in := paired()
	if n := resolves(in); n != 4 {
		t.Errorf("%d flows, expected 4", n)
	}
	in.Config.Host().RouterMAC = model.MAC{}
	if n := resolves(in); n != 0 {
		t.Errorf("without a router MAC: %d flows", n)
	}
	in = paired()
	in.Config.Network(fixture.NetRed).AddressPairs = false
	if n := resolves(in); n != 0 {
		t.Errorf("without pairs: %d flows", n)
	}
}
