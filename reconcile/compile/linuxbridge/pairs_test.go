package linuxbridge_test

import (
	"net/netip"
	"slices"
	"testing"

	"weft/hostnet/object"
	"weft/model"
	"weft/model/desired"
	"weft/reconcile/compile/linuxbridge"
)

// TestPairElements: each block with its MAC, without blocks that are in others with the same MAC. The bridge learns from a guest only if it may
// have another MAC.
func TestPairElements(t *testing.T) {
	t.Parallel()
	in := site()
	p := in.Config.Port(portUID)
	p.Limits.Broadcast.Unlimited = true
	virtual := model.MAC{0, 0, 0x5e, 0, 1, 0x33}
	block := netip.MustParsePrefix
	add := func(s string, m model.MAC) {
		p.AddressPairs = append(p.AddressPairs, desired.AddressPair{Address: model.AddressBlock{Prefix: block(s)}, MAC: m})
	}
	bridgePort := func() *object.BridgePort { return find[*object.BridgePort](compiled(t, in, desired.KindPort, portUID)) }
	add("10.9.0.64/28", p.MAC)
	add("10.9.0.70/32", p.MAC)
	add("fd00:9::/120", p.MAC)
	if bridgePort().Learns {
		t.Error("the bridge learns from a guest that has only its own MAC")
	}
	add("10.9.0.70/32", virtual)
	got := find[*object.PortSecurityElements](compiled(t, in, desired.KindPort, portUID)).Elements
	want := []object.PortSecurityElement{
		{Set: object.PortSecurityPairMACs, Interface: "tapweb", MAC: object.MAC(virtual)},
		{Set: object.PortSecurityPairs4, Interface: "tapweb", MAC: object.MAC(p.MAC), Block: block("10.9.0.64/28")},
		{Set: object.PortSecurityPairs6, Interface: "tapweb", MAC: object.MAC(p.MAC), Block: block("fd00:9::/120")},
		{Set: object.PortSecurityPairs4, Interface: "tapweb", MAC: object.MAC(virtual), Block: block("10.9.0.70/32")},
	}
	if tail := got[len(got)-len(want):]; !slices.Equal(tail, want) {
		t.Errorf("%v, expected %v", tail, want)
	}
	if !bridgePort().Learns {
		t.Error("the bridge does not learn where the other MAC is")
	}
	for _, paired := range []bool{false, true} {
		in.Config.Network(netUID).AddressPairs = paired
		e := object.PortSecurityElement{Set: object.PortSecurityPaired, Interface: linuxbridge.BridgeName(netUID)}
		if network := find[*object.PortSecurityElements](compiled(t, in, desired.KindNetwork, netUID)).Elements; slices.Contains(network, e) != paired {
			t.Errorf("pairs %v: the network's elements are %v", paired, network)
		}
	}
}
