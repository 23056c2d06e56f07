package rtnl

import (
	"encoding/binary"
	"fmt"
	"time"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	own "weft/hostnet/netlink"
	"weft/hostnet/object"
)

// qdiscHook is the parent of a qdisc or filter on one of a device's hooks (linux/pkt_sched.h).
type qdiscHook uint32

const (
	hookRoot    qdiscHook = 0xffffffff // TC_H_ROOT
	hookIngress qdiscHook = 0xfffffff1 // TC_H_INGRESS, which is TC_H_CLSACT too
	// The parents of filters. What the guest sends comes in by its device on the host, and what it is sent goes out.
	hookFromGuest qdiscHook = 0xfffffff2 // TC_H_MIN_INGRESS of TC_H_CLSACT
	hookToGuest   qdiscHook = 0xfffffff3 // TC_H_MIN_EGRESS of TC_H_CLSACT
)

// tcHeader is struct tcmsg (linux/rtnetlink.h).
func tcHeader(index int, handle uint32, parent qdiscHook, info uint32) []byte {
	b := make([]byte, own.QdiscHeader)
	b[0] = unix.AF_UNSPEC
	binary.NativeEndian.PutUint32(b[4:], uint32(index))
	binary.NativeEndian.PutUint32(b[8:], handle)
	binary.NativeEndian.PutUint32(b[12:], uint32(parent))
	binary.NativeEndian.PutUint32(b[16:], info)
	return b
}

// qdiscMessage is what a qdisc message says about a hook.
type qdiscMessage struct {
	index  int
	hook   qdiscHook
	handle uint32
	kind   string
	shaper object.Shaper // of a token bucket filter
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
	kind, options, err := kindAndOptions(m)
	q.kind = kind
	if err == nil && q.kind == object.QdiscTBF {
		err = q.tokenBucket(options)
	}
	if err != nil {
		return q, false, fmt.Errorf("qdisc message: %w", err)
	}
	return q, true, nil
}

// kindAndOptions are the attributes that messages of qdiscs and of filters have in common.
func kindAndOptions(m own.Message) (kind string, options []byte, err error) {
	err = own.EachAttribute(m.Data, own.QdiscHeader, func(attribute uint16, value []byte) {
		switch attribute {
		case nl.TCA_KIND:
			kind = own.Text(value)
		case nl.TCA_OPTIONS:
			options = value
		}
	})
	return kind, options, err
}

// The attributes and sizes of a token bucket filter (linux/pkt_sched.h: TCA_TBF_*, struct tc_tbf_qopt, struct tc_ratespec).
const (
	tbfParms  = 1
	tbfRate64 = 4

	ratespecLen      = 12
	ratespecOverhead = 2 // where the overhead begins
	ratespecRate     = 8 // where the rate begins

	tbfParmsLen = 2*ratespecLen + 12
	tbfLimit    = 2 * ratespecLen
	tbfBuffer   = tbfLimit + 4
)

// tokenBucket reads the options of a token bucket filter. One with a peak rate is not of the form that Weft makes.
func (q *qdiscMessage) tokenBucket(options []byte) error {
	var parms []byte
	var rate64 uint64
	err := own.EachAttribute(options, 0, func(kind uint16, value []byte) {
		switch {
		case kind == tbfParms && len(value) >= tbfParmsLen:
			parms = value
		case kind == tbfRate64 && len(value) == 8:
			rate64 = binary.NativeEndian.Uint64(value)
		}
	})
	if err != nil || parms == nil {
		return err
	}
	ne := binary.NativeEndian
	q.shaper = object.Shaper{Rate: max(rate64, uint64(ne.Uint32(parms[ratespecRate:]))), Burst: ticks(ne.Uint32(parms[tbfBuffer:])), Limit: ne.Uint32(parms[tbfLimit:])}
	if ne.Uint32(parms[ratespecLen+ratespecRate:]) != 0 {
		q.kind = "tbf with a peak rate"
	}
	return nil
}

// ticks is a time as the kernel's traffic control counts it.
func ticks[T uint32 | uint64](n T) time.Duration { return time.Duration(n) * object.PSchedTick }
