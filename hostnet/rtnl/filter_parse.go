package rtnl

import (
	"encoding/binary"
	"fmt"

	own "weft/hostnet/netlink"
	"weft/hostnet/object"
)

// filterState is what the filters of a link do. strange says what is not of the form that Weft makes. It is comparable.
type filterState struct {
	fromGuest, toGuest object.Policer
	strange            string
}

// Weft's filter on a hook is the only one: it matches every packet (cls_basic without conditions).
const (
	filterKind   = "basic"
	filterHandle = 1
)

// filterInfo is priority 1 and the protocol ETH_P_ALL in network byte order.
func filterInfo() uint32 { return 1<<16 | uint32(binary.NativeEndian.Uint16([]byte{0, 3})) }

// filterMessage is one filter of a hook.
type filterMessage struct {
	handle, info uint32
	kind         string
	policer      object.Policer
	strange      string // why it is not one of ours
}

// add takes over what a dump says of the filters of one hook. The kernel lists each priority once more, with the handle 0.
func (f *filterState) add(hook qdiscHook, list []filterMessage) {
	for _, m := range list {
		if m.handle == 0 {
			continue
		}
		switch {
		case m.kind != filterKind || m.handle != filterHandle || m.info != filterInfo():
			f.strange = fmt.Sprintf("there is a foreign filter %s %#x", m.kind, m.handle)
		case m.strange != "":
			f.strange = m.strange
		case hook == hookFromGuest:
			f.fromGuest = m.policer
		default:
			f.toGuest = m.policer
		}
	}
}

// Attributes of filters and actions (linux/pkt_cls.h: TCA_BASIC_*, TCA_ACT_*, TCA_POLICE_*).
const (
	basicMatches = 2
	basicActions = 3
	basicCount   = 5 // how often it matched
	basicPadding = 6

	actionKind    = 1
	actionOptions = 2

	policeParms       = 1
	policeRateTable   = 2
	policeResult      = 5
	policePacketRate  = 10
	policePacketBurst = 11
)

// The layout of struct tc_police.
const (
	policeLen    = 56
	policeExceed = 4
	policeBurst  = 12
	policeMTU    = 16
	policeRate   = 20 // struct tc_ratespec; that of the peak rate follows
)

// What a policer does with a packet (TC_ACT_*): it drops what is above the rate, and the next action or filter gets the rest.
const (
	actionShot = 2
	actionPipe = 3
	// anyMTU lets the policer take packets of any size. By default it drops large ones, which hold many segments (GSO).
	anyMTU = 0xffffffff
	// etherHeader is what the kernel has removed from a frame before the hook from the guest (net/core/dev.c). It counts too.
	etherHeader = 14
)

// parseFilter reads a filter.
func parseFilter(m own.Message) (f filterMessage, err error) {
	if len(m.Data) < own.QdiscHeader {
		return f, fmt.Errorf("filter message: %w", own.ErrShort)
	}
	f.handle, f.info = binary.NativeEndian.Uint32(m.Data[8:]), binary.NativeEndian.Uint32(m.Data[16:])
	kind, options, err := kindAndOptions(m)
	f.kind = kind
	if err == nil && f.kind == filterKind {
		err = f.actions(options)
	}
	if err != nil {
		return f, fmt.Errorf("filter message: %w", err)
	}
	return f, nil
}

// actions reads the options of a basic filter. Anything but its actions makes it strange.
func (f *filterMessage) actions(options []byte) error {
	var list [][]byte
	err := own.EachAttribute(options, 0, func(kind uint16, value []byte) {
		switch kind {
		case basicMatches:
			if conditions(value) != 0 {
				f.strange = "the filter has a condition"
			}
		case basicActions:
			list = append(list, value)
		case basicCount, basicPadding:
		default:
			f.strange = fmt.Sprintf("the filter has attribute %d", kind)
		}
	})
	for _, actions := range list {
		if err == nil {
			err = own.EachAttribute(actions, 0, func(_ uint16, action []byte) {
				if err := f.action(action); err != nil {
					f.strange = err.Error()
				}
			})
		}
	}
	return err
}

// conditions is how many conditions a filter has. The kernel also lists that there is none (struct tcf_ematch_tree_hdr).
func conditions(tree []byte) (n uint16) {
	err := own.EachAttribute(tree, 0, func(kind uint16, value []byte) {
		if kind == 1 && len(value) >= 2 {
			n = binary.NativeEndian.Uint16(value)
		}
	})
	if err != nil {
		return 1 // what cannot be read is not Weft's
	}
	return n
}

// action reads one action, which must be a policer of bytes or of packets.
func (f *filterMessage) action(b []byte) error {
	var name string
	var options []byte
	err := own.EachAttribute(b, 0, func(kind uint16, value []byte) {
		switch kind {
		case actionKind:
			name = own.Text(value)
		case actionOptions:
			options = value
		}
	})
	if err != nil {
		return err
	}
	if name != "police" {
		return fmt.Errorf("the filter has the action %q", name)
	}
	return f.police(options)
}

func (f *filterMessage) police(options []byte) error {
	ne := binary.NativeEndian
	var parms []byte
	var result uint32
	var packets, packetBurst uint64
	err := own.EachAttribute(options, 0, func(kind uint16, value []byte) {
		switch {
		case kind == policeParms && len(value) >= policeLen:
			parms = value
		case kind == policeResult:
			result = own.Number(value)
		case kind == policePacketRate && len(value) == 8:
			packets = ne.Uint64(value)
		case kind == policePacketBurst && len(value) == 8:
			packetBurst = ne.Uint64(value)
		}
	})
	switch {
	case err != nil:
		return err
	case parms == nil:
		return fmt.Errorf("the policer has no parameters")
	case ne.Uint32(parms[policeExceed:]) != actionShot || result != actionPipe || ne.Uint32(parms[policeMTU:]) != anyMTU:
		return fmt.Errorf("the policer does not drop what exceeds its rate and pass the rest")
	}
	rate := ne.Uint32(parms[policeRate+ratespecRate:])
	if rate != 0 && ne.Uint16(parms[policeRate+ratespecOverhead:]) != etherHeader {
		return fmt.Errorf("the policer does not count the Ethernet header")
	}
	switch {
	case packets != 0 && f.policer.Packets == 0:
		f.policer.Packets, f.policer.PacketBurst = packets, ticks(packetBurst)
	case rate != 0 && f.policer.Rate == 0:
		f.policer.Rate, f.policer.Burst = uint64(rate), ticks(ne.Uint32(parms[policeBurst:]))
	default:
		return fmt.Errorf("the filter has a policer more than it should")
	}
	return nil
}
