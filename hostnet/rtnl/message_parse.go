package rtnl

import (
	"net/netip"

	"golang.org/x/sys/unix"

	own "weft/hostnet/netlink"
)

// routeMatters says whether a route message can change a default route or a route to etcd. Routes of the local table, of
// multicast and of link-local destinations cannot. Every link that comes up brings some of those.
func routeMatters(m own.Message) bool {
	if len(m.Data) < own.RouteHeader {
		return true
	}
	bits, table, kind := m.Data[1], m.Data[4], m.Data[7]
	if table == unix.RT_TABLE_LOCAL || kind == unix.RTN_MULTICAST || kind == unix.RTN_LOCAL || kind == unix.RTN_BROADCAST {
		return false
	}
	if bits == 0 {
		return true
	}
	matters := true
	err := own.EachAttribute(m.Data, own.RouteHeader, func(kind uint16, value []byte) {
		if kind == unix.RTA_DST {
			dst, ok := netip.AddrFromSlice(value)
			matters = !ok || !dst.IsLinkLocalUnicast() && !dst.IsMulticast()
		}
	})
	return matters || err != nil
}
