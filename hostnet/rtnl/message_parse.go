package rtnl

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/netip"
	"syscall"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// qdiscHook is the parent of a qdisc that hangs at one of a device's hooks (linux/pkt_sched.h).
type qdiscHook uint32

const (
	hookRoot    qdiscHook = 0xffffffff // TC_H_ROOT
	hookIngress qdiscHook = 0xfffffff1 // TC_H_INGRESS, which is TC_H_CLSACT too
)

// The sizes of the fixed headers that begin each message (linux/if_link.h, if_addr.h, rtnetlink.h).
const (
	ifInfoMsgSize = 16
	ifAddrMsgSize = 8
	rtMsgSize     = 12
	tcMsgSize     = 20
)

func parseLink(m syscall.NetlinkMessage) (linkState, error) {
	if len(m.Data) < ifInfoMsgSize {
		return linkState{}, fmt.Errorf("link message of %d bytes: too short", len(m.Data))
	}
	header := unix.NlMsghdr(m.Header)
	l, err := netlink.LinkDeserialize(&header, m.Data)
	if err != nil {
		return linkState{}, fmt.Errorf("link message: %w", err)
	}
	return linkStateOf(l), nil
}

// parseAddress reads an ifaddrmsg. IFA_LOCAL is the link's own address where both are given (a peer's is IFA_ADDRESS).
func parseAddress(m syscall.NetlinkMessage) (addressKey, error) {
	if len(m.Data) < ifAddrMsgSize {
		return addressKey{}, fmt.Errorf("address message of %d bytes: too short", len(m.Data))
	}
	attributes, err := nl.ParseRouteAttr(m.Data[ifAddrMsgSize:])
	if err != nil {
		return addressKey{}, fmt.Errorf("address message: %w", err)
	}
	var address netip.Addr
	for _, a := range attributes {
		if a.Attr.Type == unix.IFA_LOCAL || (a.Attr.Type == unix.IFA_ADDRESS && !address.IsValid()) {
			address, _ = netip.AddrFromSlice(a.Value)
		}
	}
	prefix := netip.PrefixFrom(address.Unmap(), int(m.Data[1]))
	if !prefix.IsValid() {
		return addressKey{}, fmt.Errorf("address message: no valid address with %d bits", m.Data[1])
	}
	return addressKey{int(binary.NativeEndian.Uint32(m.Data[4:])), prefix}, nil
}

// routeMatters says whether a route message can move a road: those of the local table, of multicast and of link-local
// destinations, which every link that comes up brings along, cannot.
func routeMatters(m syscall.NetlinkMessage) bool {
	if len(m.Data) < rtMsgSize {
		return true
	}
	bits, table, kind := m.Data[1], m.Data[4], m.Data[7]
	if table == unix.RT_TABLE_LOCAL || kind == unix.RTN_MULTICAST || kind == unix.RTN_LOCAL || kind == unix.RTN_BROADCAST {
		return false
	}
	if bits == 0 {
		return true
	}
	attributes, err := nl.ParseRouteAttr(m.Data[rtMsgSize:])
	if err != nil {
		return true
	}
	for _, a := range attributes {
		if a.Attr.Type == unix.RTA_DST {
			dst, ok := netip.AddrFromSlice(a.Value)
			return !ok || !dst.IsLinkLocalUnicast() && !dst.IsMulticast()
		}
	}
	return true
}

// qdiscMessage is what a qdisc message says of a hook.
type qdiscMessage struct {
	index  int
	hook   qdiscHook
	handle uint32
	kind   string
}

// parseQdisc reads a tcmsg; ok is false when the qdisc hangs at no hook.
func parseQdisc(m syscall.NetlinkMessage) (q qdiscMessage, ok bool, err error) {
	if len(m.Data) < tcMsgSize {
		return q, false, fmt.Errorf("qdisc message of %d bytes: too short", len(m.Data))
	}
	q.index = int(binary.NativeEndian.Uint32(m.Data[4:]))
	q.handle = binary.NativeEndian.Uint32(m.Data[8:])
	q.hook = qdiscHook(binary.NativeEndian.Uint32(m.Data[12:]))
	if q.hook != hookRoot && q.hook != hookIngress {
		return q, false, nil
	}
	attributes, err := nl.ParseRouteAttr(m.Data[tcMsgSize:])
	if err != nil {
		return q, false, fmt.Errorf("qdisc message: %w", err)
	}
	for _, a := range attributes {
		if a.Attr.Type == nl.TCA_KIND {
			q.kind = string(bytes.TrimRight(a.Value, "\x00"))
		}
	}
	return q, true, nil
}
