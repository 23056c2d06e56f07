package routing

import (
	"encoding/binary"
	"net/netip"

	"golang.org/x/sys/unix"

	"weft/hostnet/object"
)

// The sizes of the fixed headers that begin each message (linux/netlink.h, if_link.h, if_addr.h, rtnetlink.h, neighbour.h).
const (
	headerSize     = unix.SizeofNlMsghdr
	ifInfoMsgSize  = 16
	ifAddrMsgSize  = 8
	rtMsgSize      = 12
	ndMsgSize      = 12
	ruleHeaderSize = unix.SizeofRtMsg // struct fib_rule_hdr is laid out like struct rtmsg
)

// Flags of requests (linux/netlink.h).
const (
	flagsAct     = unix.NLM_F_REQUEST | unix.NLM_F_ACK
	flagsMake    = flagsAct | unix.NLM_F_CREATE | unix.NLM_F_EXCL
	flagsReplace = flagsAct | unix.NLM_F_CREATE | unix.NLM_F_REPLACE
	flagsDump    = unix.NLM_F_REQUEST | unix.NLM_F_DUMP
)

// vethInfoPeer is VETH_INFO_PEER (linux/veth.h).
const vethInfoPeer = 1

// request is a netlink message that is being built. It gets its sequence number when it is sent.
type request struct{ b []byte }

func newRequest(kind, flags uint16, fixed []byte) *request {
	b := make([]byte, headerSize, 128)
	binary.NativeEndian.PutUint16(b[4:], kind)
	binary.NativeEndian.PutUint16(b[6:], flags)
	return &request{append(b, fixed...)}
}

// attr appends an attribute, padded to four bytes.
func (r *request) attr(kind uint16, value ...byte) *request {
	r.b = binary.NativeEndian.AppendUint16(r.b, uint16(unix.SizeofRtAttr+len(value)))
	r.b = binary.NativeEndian.AppendUint16(r.b, kind)
	r.b = append(r.b, value...)
	for len(r.b)%unix.NLMSG_ALIGNTO != 0 {
		r.b = append(r.b, 0)
	}
	return r
}

func (r *request) text(kind uint16, s string) *request { return r.attr(kind, append([]byte(s), 0)...) }

func (r *request) u32(kind uint16, v uint32) *request {
	return r.attr(kind, binary.NativeEndian.AppendUint32(nil, v)...)
}

// nest appends an attribute that contains attributes. Its value begins with fixed.
func (r *request) nest(kind uint16, fixed []byte, fill func()) *request {
	start := len(r.b)
	r.attr(kind, fixed...)
	fill()
	binary.NativeEndian.PutUint16(r.b[start:], uint16(len(r.b)-start))
	return r
}

// ifInfoMsg is the fixed header for a change of one device by its index. change says which IFF_ flags to change, flags are their
// new values.
func ifInfoMsg(index int, flags, change uint32) []byte {
	b := make([]byte, ifInfoMsgSize)
	binary.NativeEndian.PutUint32(b[4:], uint32(index))
	binary.NativeEndian.PutUint32(b[8:], flags)
	binary.NativeEndian.PutUint32(b[12:], change)
	return b
}

// newVeth makes a pair. The first end is in the socket's namespace, the other in the namespace of peerFD.
func newVeth(v *object.Veth, peerFD int) *request {
	r := newRequest(unix.RTM_NEWLINK, flagsMake, ifInfoMsg(0, 0, 0)).text(unix.IFLA_IFNAME, v.Name).u32(unix.IFLA_MTU, uint32(v.MTU))
	r.mac(unix.IFLA_ADDRESS, v.MAC)
	return r.nest(unix.IFLA_LINKINFO, nil, func() {
		r.text(unix.IFLA_INFO_KIND, "veth")
		r.nest(unix.IFLA_INFO_DATA, nil, func() {
			r.nest(vethInfoPeer, ifInfoMsg(0, 0, 0), func() {
				r.text(unix.IFLA_IFNAME, v.Peer.Name).u32(unix.IFLA_MTU, uint32(v.MTU)).u32(unix.IFLA_NET_NS_FD, uint32(peerFD))
				r.mac(unix.IFLA_ADDRESS, v.Peer.MAC)
			})
		})
	})
}

// mac appends a MAC. For the zero MAC it appends nothing, and the kernel chooses.
func (r *request) mac(kind uint16, m object.MAC) {
	if m != (object.MAC{}) {
		r.attr(kind, m[:]...)
	}
}

// setUp sets a device's administrative state. Other attributes may be appended.
func setUp(index int, up bool) *request {
	flags := uint32(0)
	if up {
		flags = unix.IFF_UP
	}
	return newRequest(unix.RTM_NEWLINK, flagsAct, ifInfoMsg(index, flags, unix.IFF_UP))
}

// arpOn makes a device send and answer ARP requests.
func arpOn(index int) *request {
	return newRequest(unix.RTM_NEWLINK, flagsAct, ifInfoMsg(index, 0, unix.IFF_NOARP))
}

// setLink changes the attributes of a device that the caller appends. With index 0 IFLA_IFNAME names the device.
func setLink(index int) *request {
	return newRequest(unix.RTM_NEWLINK, flagsAct, ifInfoMsg(index, 0, 0))
}

func deleteLink(index int) *request {
	return newRequest(unix.RTM_DELLINK, flagsAct, ifInfoMsg(index, 0, 0))
}

// address adds or deletes one address of a device. New IPv6 addresses skip duplicate address detection by a setting of the
// namespace and not by IFA_F_NODAD. The kernel shows an address with that flag as finished before it has its local route.
func address(kind uint16, index int, p netip.Prefix) *request {
	fixed := make([]byte, ifAddrMsgSize)
	fixed[0], fixed[1] = family(p.Addr()), byte(p.Bits())
	binary.NativeEndian.PutUint32(fixed[4:], uint32(index))
	flags := uint16(flagsReplace)
	if kind == unix.RTM_DELADDR {
		flags = flagsAct
	}
	return newRequest(kind, flags, fixed).attr(unix.IFA_LOCAL, p.Addr().AsSlice()...).attr(unix.IFA_ADDRESS, p.Addr().AsSlice()...)
}

// route adds or deletes one route of ours. When it adds, it replaces a route with the same destination and metric.
func route(kind uint16, k routeKey, e routeEntry) *request {
	dst, table := k.dst, byte(unix.RT_TABLE_MAIN)
	if k.table != 0 {
		table = unix.RT_TABLE_UNSPEC // an attribute names the table
	}
	fixed := make([]byte, rtMsgSize)
	fixed[0], fixed[1], fixed[4], fixed[5], fixed[7] = family(dst.Addr()), byte(dst.Bits()), table, object.RouteProtocol, e.kind
	flags := uint16(flagsReplace)
	switch {
	case kind == unix.RTM_DELROUTE:
		flags, fixed[6] = flagsAct, unix.RT_SCOPE_NOWHERE // any scope
	case dst.Addr().Is4() && !e.via.IsValid():
		fixed[6] = unix.RT_SCOPE_LINK
	}
	r := newRequest(kind, flags, fixed)
	if dst.Bits() > 0 {
		r.attr(unix.RTA_DST, dst.Addr().AsSlice()...)
	}
	if k.table != 0 {
		r.u32(unix.RTA_TABLE, k.table)
	}
	if e.via.IsValid() {
		r.attr(unix.RTA_GATEWAY, e.via.AsSlice()...)
	}
	if e.index > 0 {
		r.u32(unix.RTA_OIF, uint32(e.index))
	}
	if e.metric > 0 {
		r.u32(unix.RTA_PRIORITY, e.metric)
	}
	return r
}

// neighbor adds (or changes), deletes or gets one permanent entry. If proxy is set, it is a proxied address.
func neighbor(kind, flags uint16, k neighborKey, mac object.MAC, proxy bool) *request {
	fixed := make([]byte, ndMsgSize)
	fixed[0] = family(k.address)
	binary.NativeEndian.PutUint32(fixed[4:], uint32(k.index))
	if proxy {
		fixed[10] = unix.NTF_PROXY
	}
	if kind == unix.RTM_NEWNEIGH {
		binary.NativeEndian.PutUint16(fixed[8:], unix.NUD_PERMANENT)
	}
	r := newRequest(kind, flags, fixed).attr(unix.NDA_DST, k.address.AsSlice()...)
	if kind == unix.RTM_NEWNEIGH && !proxy {
		r.attr(unix.NDA_LLADDR, mac[:]...)
	}
	return r
}

// The dumps. The kernel itself leaves out what is not requested (NETLINK_GET_STRICT_CHK).

func dumpLinks() *request {
	return newRequest(unix.RTM_GETLINK, flagsDump, ifInfoMsg(0, 0, 0))
}

func dumpAddresses() *request {
	return newRequest(unix.RTM_GETADDR, flagsDump, make([]byte, ifAddrMsgSize))
}

// dumpRoutes reads the routes of all tables, because routes of ours may be in any table and the kernel's own are in two.
func dumpRoutes(family byte) *request {
	fixed := make([]byte, rtMsgSize)
	fixed[0] = family
	return newRequest(unix.RTM_GETROUTE, flagsDump, fixed)
}

func dumpNeighbors(proxies bool) *request {
	fixed := make([]byte, ndMsgSize)
	if proxies {
		fixed[10] = unix.NTF_PROXY
	}
	return newRequest(unix.RTM_GETNEIGH, flagsDump, fixed)
}

func family(a netip.Addr) byte {
	if a.Is4() {
		return unix.AF_INET
	}
	return unix.AF_INET6
}
