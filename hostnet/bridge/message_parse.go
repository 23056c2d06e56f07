package bridge

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"syscall"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"weft/hostnet/object"
)

// The sizes of the fixed headers that begin each message (linux/if_link.h, linux/neighbour.h).
const (
	ifInfoMsgSize = 16
	ndMsgSize     = 12
)

// linkMessage takes the body of a link message of any family apart.
func linkMessage(data []byte) (index int, flags uint32, attributes []syscall.NetlinkRouteAttr, err error) {
	if len(data) < ifInfoMsgSize {
		return 0, 0, nil, fmt.Errorf("link message of %d bytes: too short", len(data))
	}
	if attributes, err = nl.ParseRouteAttr(data[ifInfoMsgSize:]); err != nil {
		return 0, 0, nil, fmt.Errorf("link message: %w", err)
	}
	return int(int32(binary.NativeEndian.Uint32(data[4:]))), binary.NativeEndian.Uint32(data[8:]), attributes, nil
}

// parseLink reads the body of a link message of family AF_UNSPEC.
func parseLink(data []byte) (link, error) {
	index, flags, attributes, err := linkMessage(data)
	if err != nil {
		return link{}, err
	}
	l := link{index: index, up: flags&unix.IFF_UP != 0}
	for _, a := range attributes {
		switch a.Attr.Type &^ unix.NLA_F_NESTED {
		case unix.IFLA_IFNAME:
			l.name = text(a.Value)
		case unix.IFLA_IFALIAS:
			l.alias = text(a.Value)
		case unix.IFLA_ADDRESS:
			if len(a.Value) == len(l.mac) {
				l.mac = object.MAC(a.Value)
			}
		case unix.IFLA_MTU:
			l.mtu = int(number(a.Value))
		case unix.IFLA_MASTER:
			l.master = int(number(a.Value))
		case unix.IFLA_LINK:
			l.parent = int(number(a.Value))
		case unix.IFLA_LINKINFO:
			if err := l.parseInfo(a.Value); err != nil {
				return link{}, err
			}
		}
	}
	return l, nil
}

// parseInfo reads IFLA_LINKINFO: what the link is, and what it is as the slave of its master.
func (l *link) parseInfo(data []byte) error {
	attributes, err := nl.ParseRouteAttr(data)
	if err != nil {
		return fmt.Errorf("link message: IFLA_LINKINFO: %w", err)
	}
	var own, slave []byte
	slaveKind := ""
	for _, a := range attributes {
		switch a.Attr.Type &^ unix.NLA_F_NESTED {
		case nl.IFLA_INFO_KIND:
			l.kind = text(a.Value)
		case nl.IFLA_INFO_DATA:
			own = a.Value
		case nl.IFLA_INFO_SLAVE_KIND:
			slaveKind = text(a.Value)
		case nl.IFLA_INFO_SLAVE_DATA:
			slave = a.Value
		}
	}
	if slaveKind == "bridge" {
		if err := each(slave, l.port.read); err != nil {
			return err
		}
	}
	switch l.kind {
	case "bridge":
		return each(own, l.bridge.read)
	case "vlan":
		return each(own, func(kind uint16, value []byte) {
			if kind == nl.IFLA_VLAN_ID {
				l.vlanID = uint16(number(value))
			}
		})
	}
	return nil
}

func (b *bridgeSettings) read(kind uint16, value []byte) {
	set := number(value) != 0
	switch kind {
	case nl.IFLA_BR_STP_STATE:
		b.stp = set
	case nl.IFLA_BR_FORWARD_DELAY:
		b.forwardDelay = uint32(number(value))
	case nl.IFLA_BR_VLAN_FILTERING:
		b.filtering = set
	case nl.IFLA_BR_MCAST_SNOOPING:
		b.snooping = set
	case nl.IFLA_BR_NF_CALL_IPTABLES, nl.IFLA_BR_NF_CALL_IP6TABLES, nl.IFLA_BR_NF_CALL_ARPTABLES:
		b.iptables = b.iptables || set
	}
}

func (p *portSettings) read(kind uint16, value []byte) {
	set := number(value) != 0
	switch kind {
	case nl.IFLA_BRPORT_LEARNING:
		p.learning = set
	case nl.IFLA_BRPORT_UNICAST_FLOOD:
		p.unicast = set
	case nl.IFLA_BRPORT_MCAST_FLOOD:
		p.multicast = set
	case nl.IFLA_BRPORT_BCAST_FLOOD:
		p.broadcast = set
	case nl.IFLA_BRPORT_MODE:
		p.hairpin = set
	case nl.IFLA_BRPORT_ISOLATED:
		p.isolated = set
	}
}

// parseEntry reads the body of a neighbour message; ok is false when it is no entry that somebody made by hand in a bridge's
// forwarding table (NUD_NOARP: not learnt, not a port's own).
func parseEntry(data []byte) (e entry, ok bool, err error) {
	if len(data) < ndMsgSize {
		return e, false, fmt.Errorf("neighbour message of %d bytes: too short", len(data))
	}
	state := binary.NativeEndian.Uint16(data[8:])
	if data[0] != unix.AF_BRIDGE || state&unix.NUD_NOARP == 0 || state&unix.NUD_PERMANENT != 0 {
		return e, false, nil
	}
	e.index = int(int32(binary.NativeEndian.Uint32(data[4:])))
	attributes, err := nl.ParseRouteAttr(data[ndMsgSize:])
	if err != nil {
		return e, false, fmt.Errorf("neighbour message: %w", err)
	}
	inBridge := false
	for _, a := range attributes {
		switch a.Attr.Type {
		case unix.NDA_LLADDR:
			if len(a.Value) == len(e.mac) {
				e.mac, ok = object.MAC(a.Value), true
			}
		case unix.NDA_MASTER:
			inBridge = true
		}
	}
	return e, ok && inBridge, nil
}

func each(data []byte, read func(kind uint16, value []byte)) error {
	attributes, err := nl.ParseRouteAttr(data)
	if err != nil {
		return fmt.Errorf("link message: %w", err)
	}
	for _, a := range attributes {
		read(a.Attr.Type&^unix.NLA_F_NESTED, a.Value)
	}
	return nil
}

// number reads an attribute of one, two or four bytes; 0 for any other.
func number(value []byte) uint64 {
	switch len(value) {
	case 1:
		return uint64(value[0])
	case 2:
		return uint64(binary.NativeEndian.Uint16(value))
	case 4:
		return uint64(binary.NativeEndian.Uint32(value))
	}
	return 0
}

func text(value []byte) string { return string(bytes.TrimRight(value, "\x00")) }

// isLink says whether a message is about a link.
func isLink(m syscall.NetlinkMessage) bool {
	return m.Header.Type == unix.RTM_NEWLINK || m.Header.Type == unix.RTM_DELLINK
}
