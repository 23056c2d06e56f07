package rtnl

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	own "weft/hostnet/netlink"
)

// qdiscHook is the parent of a qdisc on one of a device's hooks (linux/pkt_sched.h).
type qdiscHook uint32

const (
	hookRoot    qdiscHook = 0xffffffff // TC_H_ROOT
	hookIngress qdiscHook = 0xfffffff1 // TC_H_INGRESS, which is TC_H_CLSACT too
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

// qdiscMessage is what a qdisc message says about a hook.
type qdiscMessage struct {
	index  int
	hook   qdiscHook
	handle uint32
	kind   string
}

// parseQdisc reads a tcmsg. ok is false if the qdisc is on no hook.
func parseQdisc(m own.Message) (q qdiscMessage, ok bool, err error) {
	if len(m.Data) < own.QdiscHeader {
		return q, false, fmt.Errorf("qdisc message: %w", own.ErrShort)
	}
	q.index = own.Index(m.Data)
	q.handle = binary.NativeEndian.Uint32(m.Data[8:])
	q.hook = qdiscHook(binary.NativeEndian.Uint32(m.Data[12:]))
	if q.hook != hookRoot && q.hook != hookIngress {
		return q, false, nil
	}
	err = own.EachAttribute(m.Data, own.QdiscHeader, func(kind uint16, value []byte) {
		if kind == nl.TCA_KIND {
			q.kind = own.Text(value)
		}
	})
	if err != nil {
		return q, false, fmt.Errorf("qdisc message: %w", err)
	}
	return q, true, nil
}
