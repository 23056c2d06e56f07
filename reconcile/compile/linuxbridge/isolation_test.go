package linuxbridge_test

import (
	"slices"
	"testing"

	"weft/hostnet/object"
	"weft/model"
	"weft/model/desired"
	"weft/reconcile/compile/linuxbridge"
)

// TestIsolationIsTheGuests: what keeps other guests from a guest is among the guest's own elements, so it is never without. Routers on
// other hosts are named by the network.
func TestIsolationIsTheGuests(t *testing.T) {
	t.Parallel()
	router := model.MAC{0xfa, 0x16, 0x3e, 0xff, 0, 2}
	for _, isolated := range []bool{false, true} {
		in := site()
		in.Config.Host().MACPrefix = model.MAC{0x52, 0x54, 1}
		n := in.Config.Network(netUID)
		n.IsolateGuests, n.RouterMACs = isolated, []model.MAC{router}
		guest := find[*object.PortSecurityElements](compiled(t, in, desired.KindPort, portUID)).Elements
		network := find[*object.PortSecurityElements](compiled(t, in, desired.KindNetwork, netUID)).Elements
		for _, m := range []object.PortSecurityElement{
			{Set: object.PortSecurityIsolated, Interface: "tapweb"},
			{Set: object.PortSecurityPrefixes, Interface: "tapweb", MAC: object.MAC{0xfa, 0x16, 0x3e}},
			{Set: object.PortSecurityPrefixes, Interface: "tapweb", MAC: object.MAC{0x52, 0x54, 1}},
		} {
			if slices.Contains(guest, m) != isolated {
				t.Errorf("isolated %v: the guest's elements are %v; %v", isolated, guest, m)
			}
		}
		trusted := object.PortSecurityElement{Set: object.PortSecurityTrusted, Interface: linuxbridge.BridgeName(netUID), MAC: object.MAC(router)}
		if slices.Contains(network, trusted) != isolated {
			t.Errorf("isolated %v: the network's elements are %v", isolated, network)
		}
	}
}
