package routing

import (
	"encoding/binary"
	"net/netip"

	"golang.org/x/sys/unix"

	"weft/hostnet/netlink"
	"weft/hostnet/object"
)

// ruleHeader is the size of struct fib_rule_hdr (linux/fib_rules.h), which is laid out like struct rtmsg.
const ruleHeader = netlink.RouteHeader

// vethInfoPeer is VETH_INFO_PEER (linux/veth.h).
const vethInfoPeer = 1

// newVeth makes a pair. The first end is in the socket's namespace, the other in the namespace of peerFD.
func newVeth(v *object.Veth, peerFD int) *netlink.Request {
	r := netlink.NewRequest(unix.RTM_NEWLINK, netlink.FlagsMake, noLink()).Text(unix.IFLA_IFNAME, v.Name).Uint32(unix.IFLA_MTU, uint32(v.MTU))
	addMAC(r, unix.IFLA_ADDRESS, v.MAC)
	return r.Nest(unix.IFLA_LINKINFO, nil, func() {
		r.Text(unix.IFLA_INFO_KIND, "veth")
		r.Nest(unix.IFLA_INFO_DATA, nil, func() {
			r.Nest(vethInfoPeer, noLink(), func() {
				r.Text(unix.IFLA_IFNAME, v.Peer.Name).Uint32(unix.IFLA_MTU, uint32(v.MTU)).Uint32(unix.IFLA_NET_NS_FD, uint32(peerFD))
				addMAC(r, unix.IFLA_ADDRESS, v.Peer.MAC)
			})
		})
	})
}

// addMAC appends a MAC. For the zero MAC it appends nothing, and the kernel chooses.
func addMAC(r *netlink.Request, kind uint16, m object.MAC) {
	if m != (object.MAC{}) {
		r.Attr(kind, m[:]...)
	}
}

// addAlias appends a mark. The kernel wants no NUL at its end.
func addAlias(r *netlink.Request, mark string) *netlink.Request {
	return r.Attr(unix.IFLA_IFALIAS, []byte(mark)...)
}

// noLink is the fixed header of a link message that names no device by its index.
func noLink() []byte { return netlink.LinkInfo(unix.AF_UNSPEC, 0, 0, 0) }

// setUp sets a device's administrative state. Other attributes may be appended.
func setUp(index int, up bool) *netlink.Request {
	flags := uint32(0)
	if up {
		flags = unix.IFF_UP
	}
	return netlink.NewRequest(unix.RTM_NEWLINK, netlink.FlagsAct, netlink.LinkInfo(unix.AF_UNSPEC, index, flags, unix.IFF_UP))
}

// arpOn makes a device send and answer ARP requests.
func arpOn(index int) *netlink.Request {
	return netlink.NewRequest(unix.RTM_NEWLINK, netlink.FlagsAct, netlink.LinkInfo(unix.AF_UNSPEC, index, 0, unix.IFF_NOARP))
}

// setLink changes the attributes of a device that the caller appends. With index 0 IFLA_IFNAME names the device.
func setLink(index int) *netlink.Request {
	return netlink.NewRequest(unix.RTM_NEWLINK, netlink.FlagsAct, netlink.LinkInfo(unix.AF_UNSPEC, index, 0, 0))
}

func deleteLink(index int) *netlink.Request {
	return netlink.NewRequest(unix.RTM_DELLINK, netlink.FlagsAct, netlink.LinkInfo(unix.AF_UNSPEC, index, 0, 0))
}

// address adds or deletes one address of a device. New IPv6 addresses skip duplicate address detection by a setting of the
// namespace and not by IFA_F_NODAD. The kernel shows an address with that flag as finished before it has its local route.
func address(kind uint16, index int, p netip.Prefix) *netlink.Request {
	fixed := make([]byte, netlink.AddressHeader)
	fixed[0], fixed[1] = family(p.Addr()), byte(p.Bits())
	binary.NativeEndian.PutUint32(fixed[4:], uint32(index))
	flags := uint16(netlink.FlagsReplace)
	if kind == unix.RTM_DELADDR {
		flags = netlink.FlagsAct
	}
	return netlink.NewRequest(kind, flags, fixed).Attr(unix.IFA_LOCAL, p.Addr().AsSlice()...).Attr(unix.IFA_ADDRESS, p.Addr().AsSlice()...)
}

// route adds or deletes one route of ours. When it adds, it replaces a route with the same destination and metric.
func route(kind uint16, k routeKey, e routeEntry) *netlink.Request {
	dst, table := k.dst, byte(unix.RT_TABLE_MAIN)
	if k.table != 0 {
		table = unix.RT_TABLE_UNSPEC // an attribute names the table
	}
	fixed := make([]byte, netlink.RouteHeader)
	fixed[0], fixed[1], fixed[4], fixed[5], fixed[7] = family(dst.Addr()), byte(dst.Bits()), table, object.RouteProtocol, e.kind
	flags := uint16(netlink.FlagsReplace)
	switch {
	case kind == unix.RTM_DELROUTE:
		flags, fixed[6] = netlink.FlagsAct, unix.RT_SCOPE_NOWHERE // any scope
	case dst.Addr().Is4() && !e.via.IsValid():
		fixed[6] = unix.RT_SCOPE_LINK
	}
	r := netlink.NewRequest(kind, flags, fixed)
	if dst.Bits() > 0 {
		r.Attr(unix.RTA_DST, dst.Addr().AsSlice()...)
	}
	if k.table != 0 {
		r.Uint32(unix.RTA_TABLE, k.table)
	}
	if e.via.IsValid() {
		r.Attr(unix.RTA_GATEWAY, e.via.AsSlice()...)
	}
	if e.index > 0 {
		r.Uint32(unix.RTA_OIF, uint32(e.index))
	}
	if e.metric > 0 {
		r.Uint32(unix.RTA_PRIORITY, e.metric)
	}
	return r
}

// neighbor adds (or changes), deletes or gets one permanent entry. If proxy is set, it is a proxied address.
func neighbor(kind, flags uint16, k neighborKey, mac object.MAC, proxy bool) *netlink.Request {
	fixed := make([]byte, netlink.NeighborHeader)
	fixed[0] = family(k.address)
	binary.NativeEndian.PutUint32(fixed[4:], uint32(k.index))
	if proxy {
		fixed[10] = unix.NTF_PROXY
	}
	if kind == unix.RTM_NEWNEIGH {
		binary.NativeEndian.PutUint16(fixed[8:], unix.NUD_PERMANENT)
	}
	r := netlink.NewRequest(kind, flags, fixed).Attr(unix.NDA_DST, k.address.AsSlice()...)
	if kind == unix.RTM_NEWNEIGH && !proxy {
		r.Attr(unix.NDA_LLADDR, mac[:]...)
	}
	return r
}

// The dumps. The kernel itself leaves out what is not requested (NETLINK_GET_STRICT_CHK).

func dumpLinks() *netlink.Request {
	return netlink.NewRequest(unix.RTM_GETLINK, netlink.FlagsDump, noLink())
}

func dumpAddresses() *netlink.Request {
	return netlink.NewRequest(unix.RTM_GETADDR, netlink.FlagsDump, make([]byte, netlink.AddressHeader))
}

// dumpRoutes reads the routes of all tables, because routes of ours may be in any table and the kernel's own are in two.
func dumpRoutes(family byte) *netlink.Request {
	fixed := make([]byte, netlink.RouteHeader)
	fixed[0] = family
	return netlink.NewRequest(unix.RTM_GETROUTE, netlink.FlagsDump, fixed)
}

func dumpNeighbors(proxies bool) *netlink.Request {
	fixed := make([]byte, netlink.NeighborHeader)
	if proxies {
		fixed[10] = unix.NTF_PROXY
	}
	return netlink.NewRequest(unix.RTM_GETNEIGH, netlink.FlagsDump, fixed)
}

func family(a netip.Addr) byte {
	if a.Is4() {
		return unix.AF_INET
	}
	return unix.AF_INET6
}
