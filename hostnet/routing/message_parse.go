package routing

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"

	"weft/hostnet/netlink"
	"weft/hostnet/object"
)

// nextHopID is RTA_NH_ID (linux/rtnetlink.h): the route uses a next hop object.
const nextHopID = 30

// parseLink reads an ifinfomsg. ok is false for other families: a bridge's messages are only about a port of it.
func parseLink(m netlink.Message) (index int, l linkState, ok bool, err error) {
	if len(m.Data) < netlink.LinkHeader {
		return 0, l, false, netlink.ErrShort
	}
	if m.Data[0] != unix.AF_UNSPEC {
		return 0, l, false, nil
	}
	index = netlink.Index(m.Data)
	flags := binary.NativeEndian.Uint32(m.Data[8:])
	l.up, l.carrier = flags&unix.IFF_UP != 0, flags&unix.IFF_LOWER_UP != 0
	l.noARP = flags&unix.IFF_NOARP != 0
	err = netlink.EachAttribute(m.Data, netlink.LinkHeader, func(kind uint16, v []byte) {
		switch kind {
		case unix.IFLA_IFNAME:
			l.name = netlink.Text(v)
		case unix.IFLA_ADDRESS:
			if len(v) == len(l.mac) {
				l.mac = object.MAC(v)
			}
		case unix.IFLA_MTU:
			l.mtu = int(netlink.Number(v))
		case unix.IFLA_IFALIAS:
			l.alias = netlink.Text(v)
		case unix.IFLA_MASTER:
			l.master = int(netlink.Number(v))
		case unix.IFLA_LINK:
			l.peer = int(netlink.Number(v))
		case unix.IFLA_LINKINFO:
			_ = netlink.EachAttribute(v, 0, func(kind uint16, v []byte) {
				if kind == unix.IFLA_INFO_KIND {
					l.veth = netlink.Text(v) == "veth"
				}
			})
		}
	})
	return index, l, err == nil && l.name != "", err
}

// parseAddress reads an ifaddrmsg. If both attributes are given, IFA_LOCAL is the device's own address and IFA_ADDRESS is its
// peer's.
func parseAddress(m netlink.Message) (index int, p netip.Prefix, a addressEntry, err error) {
	var local, any netip.Addr
	err = netlink.EachAttribute(m.Data, netlink.AddressHeader, func(kind uint16, v []byte) {
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
	a.tentative = m.Data[2]&unix.IFA_F_TENTATIVE != 0
	if !local.IsValid() {
		local = any
	}
	if p = netip.PrefixFrom(local, int(m.Data[1])); !p.IsValid() {
		return 0, p, a, fmt.Errorf("address message: no address with %d bits", m.Data[1])
	}
	return netlink.Index(m.Data), p, a, nil
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
func parseRoute(m netlink.Message) (r routeMessage, ok bool, err error) {
	if len(m.Data) < netlink.RouteHeader {
		return r, false, netlink.ErrShort
	}
	h := m.Data[:netlink.RouteHeader]
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
	err = netlink.EachAttribute(m.Data, netlink.RouteHeader, func(kind uint16, v []byte) {
		switch kind {
		case unix.RTA_DST:
			to, _ = netip.AddrFromSlice(v)
		case unix.RTA_GATEWAY:
			r.via, _ = netip.AddrFromSlice(v)
		case unix.RTA_OIF:
			r.index = int(netlink.Number(v))
		case unix.RTA_PRIORITY:
			r.metric = netlink.Number(v)
		case unix.RTA_TABLE:
			r.table = netlink.Number(v)
		case unix.RTA_MULTIPATH, unix.RTA_VIA, unix.RTA_ENCAP, nextHopID, unix.RTA_SRC:
			r.odd = true
		}
	})
	if err != nil || binary.NativeEndian.Uint32(h[8:])&unix.RTM_F_CLONED != 0 {
		return r, false, err
	}
	if r.dst = netip.PrefixFrom(to, int(h[1])); !r.dst.IsValid() {
		return r, false, fmt.Errorf("route message: no destination with %d bits", h[1])
	}
	return r, true, nil
}

// parseNeighbor reads an ndmsg. ok is false for other families.
func parseNeighbor(m netlink.Message) (k neighborKey, mac object.MAC, permanent, proxy, ok bool, err error) {
	if len(m.Data) < netlink.NeighborHeader {
		return k, mac, false, false, false, netlink.ErrShort
	}
	if m.Data[0] != unix.AF_INET && m.Data[0] != unix.AF_INET6 {
		return k, mac, false, false, false, nil
	}
	k.index = netlink.Index(m.Data)
	permanent = binary.NativeEndian.Uint16(m.Data[8:])&unix.NUD_PERMANENT != 0
	proxy = m.Data[10]&unix.NTF_PROXY != 0
	err = netlink.EachAttribute(m.Data, netlink.NeighborHeader, func(kind uint16, v []byte) {
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
