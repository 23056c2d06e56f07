package openvswitch

import (
	"net/netip"

	"weft/hostnet/object"
)

// managementFlows drop what a guest sends to or from the prefixes of management networks; table 10. They are before every address that the
// guest may use, and the same for all guests.
func managementFlows(prefixes []netip.Prefix) []object.Flow {
	var l flowList
	for _, p := range prefixes {
		to := object.Match{EthType: ethIPv6, IPDst: p}
		if p.Addr().Is4() {
			to.EthType = ethIPv4
		}
		l.reject(tableGuestSource, prioReserved, to, object.RejectManagement)
		l.reject(tableGuestSource, prioReserved, object.Match{EthType: to.EthType, IPSrc: p}, object.RejectManagement)
	}
	return l
}
