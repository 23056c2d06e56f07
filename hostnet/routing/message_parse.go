package routing

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"

	"weft/hostnet/object"
)

var errShort = errors.New("netlink message is cut off")

// message is one netlink message without its header.
type message struct {
	kind, flags uint16
	sequence    uint32
	data        []byte
}

// eachMessage splits a datagram into messages.
func eachMessage(b []byte, fn func(message)) error {
	for len(b) >= headerSize {
		size := int(binary.NativeEndian.Uint32(b))
		if size < headerSize || size > len(b) {
			return errShort
		}
		fn(message{kind: binary.NativeEndian.Uint16(b[4:]), flags: binary.NativeEndian.Uint16(b[6:]),
			sequence: binary.NativeEndian.Uint32(b[8:]), data: b[headerSize:size]})
		b = b[min(align(size), len(b)):]
	}
	return nil
}

// eachAttribute calls fn for each attribute after a fixed header.
func eachAttribute(b []byte, fixed int, fn func(kind uint16, value []byte)) error {
	if len(b) < fixed {
		return errShort
	}
	b = b[fixed:]
	for len(b) >= unix.SizeofRtAttr {
		size := int(binary.NativeEndian.Uint16(b))
		if size < unix.SizeofRtAttr || size > len(b) {
			return errShort
		}
		fn(binary.NativeEndian.Uint16(b[2:])&attributeType, b[unix.SizeofRtAttr:size])
		b = b[min(align(size), len(b)):]
	}
	return nil
}

// nextHopID is RTA_NH_ID (linux/rtnetlink.h): the route uses a next hop object.
const nextHopID = 30

// attributeType masks the flags in an attribute's type (NLA_TYPE_MASK).
const attributeType = 0x3fff

func align(n int) int { return (n + unix.NLMSG_ALIGNTO - 1) &^ (unix.NLMSG_ALIGNTO - 1) }

func text(b []byte) string { return string(bytes.TrimRight(b, "\x00")) }

func u32(b []byte) uint32 {
	if len(b) < 4 {
		return 0
	}
	return binary.NativeEndian.Uint32(b)
}

// parseLink reads an ifinfomsg. ok is false for other families: a bridge's messages are only about a port of it.
func parseLink(m message) (index int, l linkState, ok bool, err error) {
	if len(m.data) < ifInfoMsgSize {
		return 0, l, false, errShort
	}
	if m.data[0] != unix.AF_UNSPEC {
		return 0, l, false, nil
	}
	index = int(u32(m.data[4:]))
	flags := u32(m.data[8:])
	l.up, l.carrier = flags&unix.IFF_UP != 0, flags&unix.IFF_LOWER_UP != 0
	l.noARP = flags&unix.IFF_NOARP != 0
	err = eachAttribute(m.data, ifInfoMsgSize, func(kind uint16, v []byte) {
		switch kind {
		case unix.IFLA_IFNAME:
			l.name = text(v)
		case unix.IFLA_ADDRESS:
			if len(v) == len(l.mac) {
				l.mac = object.MAC(v)
			}
		case unix.IFLA_MTU:
			l.mtu = int(u32(v))
		case unix.IFLA_IFALIAS:
			l.alias = text(v)
		case unix.IFLA_MASTER:
			l.master = int(u32(v))
		case unix.IFLA_LINK:
			l.peer = int(u32(v))
		case unix.IFLA_LINKINFO:
			_ = eachAttribute(v, 0, func(kind uint16, v []byte) {
				if kind == unix.IFLA_INFO_KIND {
					l.veth = text(v) == "veth"
				}
			})
		}
	})
	return index, l, err == nil && l.name != "", err
}

// parseAddress reads an ifaddrmsg. If both attributes are given, IFA_LOCAL is the device's own address and IFA_ADDRESS is its
// peer's.
func parseAddress(m message) (index int, p netip.Prefix, a addressEntry, err error) {
	var local, any netip.Addr
	err = eachAttribute(m.data, ifAddrMsgSize, func(kind uint16, v []byte) {
		switch kind {
		case unix.IFA_LOCAL:
			local, _ = netip.AddrFromSlice(v)
		case unix.IFA_ADDRESS:
			any, _ = netip.AddrFromSlice(v)
		}
	})
	if err != nil {
		return 0, p, a, err
	}
	a.tentative = m.data[2]&unix.IFA_F_TENTATIVE != 0
	if !local.IsValid() {
		local = any
	}
	if p = netip.PrefixFrom(local, int(m.data[1])); !p.IsValid() {
		return 0, p, a, fmt.Errorf("address message: no address with %d bits", m.data[1])
	}
	return int(u32(m.data[4:])), p, a, nil
}

// routeMessage is the content of an rtmsg.
type routeMessage struct {
	routeEntry
	dst      netip.Prefix
	table    uint32
	protocol byte
}

// ours says that the route is one of ours.
func (r routeMessage) ours() bool { return r.protocol == object.RouteProtocol }
func (r routeMessage) main() bool { return r.table == unix.RT_TABLE_MAIN }

// byKernel says that the kernel made the route for an address.
func (r routeMessage) byKernel() bool {
	return r.protocol == unix.RTPROT_KERNEL && (r.main() || r.table == unix.RT_TABLE_LOCAL)
}

// key is the key of the route in the cache.
func (r routeMessage) key() routeKey {
	if r.main() {
		return routeKey{0, r.dst}
	}
	return routeKey{r.table, r.dst}
}

func (r routeMessage) kernelRoute() kernelRoute { return kernelRoute{r.table, r.kind, r.dst, r.index} }

// parseRoute reads an rtmsg. ok is false for cached routes and other families.
func parseRoute(m message) (r routeMessage, ok bool, err error) {
	if len(m.data) < rtMsgSize {
		return r, false, errShort
	}
	h := m.data[:rtMsgSize]
	var to netip.Addr
	switch h[0] {
	case unix.AF_INET:
		to = netip.IPv4Unspecified()
	case unix.AF_INET6:
		to = netip.IPv6Unspecified()
	default:
		return r, false, nil
	}
	r.table, r.protocol, r.kind = uint32(h[4]), h[5], h[7]
	r.odd = h[3] != 0 // a type of service
	err = eachAttribute(m.data, rtMsgSize, func(kind uint16, v []byte) {
		switch kind {
		case unix.RTA_DST:
			to, _ = netip.AddrFromSlice(v)
		case unix.RTA_GATEWAY:
			r.via, _ = netip.AddrFromSlice(v)
		case unix.RTA_OIF:
			r.index = int(u32(v))
		case unix.RTA_PRIORITY:
			r.metric = u32(v)
		case unix.RTA_TABLE:
			r.table = u32(v)
		case unix.RTA_MULTIPATH, unix.RTA_VIA, unix.RTA_ENCAP, nextHopID, unix.RTA_SRC:
			r.odd = true
		}
	})
	if err != nil || u32(h[8:])&unix.RTM_F_CLONED != 0 {
		return r, false, err
	}
	if r.dst = netip.PrefixFrom(to, int(h[1])); !r.dst.IsValid() {
		return r, false, fmt.Errorf("route message: no destination with %d bits", h[1])
	}
	return r, true, nil
}

// parseNeighbor reads an ndmsg. ok is false for other families.
func parseNeighbor(m message) (k neighborKey, mac object.MAC, permanent, proxy, ok bool, err error) {
	if len(m.data) < ndMsgSize {
		return k, mac, false, false, false, errShort
	}
	if m.data[0] != unix.AF_INET && m.data[0] != unix.AF_INET6 {
		return k, mac, false, false, false, nil
	}
	k.index = int(u32(m.data[4:]))
	permanent = binary.NativeEndian.Uint16(m.data[8:])&unix.NUD_PERMANENT != 0
	proxy = m.data[10]&unix.NTF_PROXY != 0
	err = eachAttribute(m.data, ndMsgSize, func(kind uint16, v []byte) {
		switch kind {
		case unix.NDA_DST:
			k.address, _ = netip.AddrFromSlice(v)
		case unix.NDA_LLADDR:
			if len(v) == len(mac) {
				mac = object.MAC(v)
			}
		}
	})
	return k, mac, permanent, proxy, err == nil && k.address.IsValid(), err
}
