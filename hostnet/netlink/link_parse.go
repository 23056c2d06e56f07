package netlink

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"weft/hostnet/object"
)

// The attributes of IFLA_XDP (linux/if_link.h).
const (
	xdpAttached  = 2
	xdpProgramID = 4
)

// parseLink reads a link message of family AF_UNSPEC. ok is false for a wireless event, which says nothing else about the link.
func parseLink(data []byte) (l Link, ok bool, err error) {
	if len(data) < LinkHeader {
		return l, false, fmt.Errorf("link message: %w", ErrShort)
	}
	flags := binary.NativeEndian.Uint32(data[8:])
	l.Index, l.Up, l.Promiscuous, ok = Index(data), flags&unix.IFF_UP != 0, flags&unix.IFF_PROMISC != 0, true
	var inside error
	err = EachAttribute(data, LinkHeader, func(kind uint16, v []byte) {
		switch kind {
		case unix.IFLA_WIRELESS:
			ok = false
		case unix.IFLA_LINKINFO:
			inside = l.readInfo(v)
		case unix.IFLA_XDP:
			inside = errors.Join(inside, l.readXDP(v))
		default:
			l.read(kind, v)
		}
	})
	if err = errors.Join(err, inside); err != nil {
		return l, false, fmt.Errorf("link message: %w", err)
	}
	return l, ok, nil
}

// read reads one attribute of a link.
func (l *Link) read(kind uint16, v []byte) {
	switch kind {
	case unix.IFLA_IFNAME:
		l.Name = Text(v)
	case unix.IFLA_IFALIAS:
		l.Alias = Text(v)
	case unix.IFLA_ADDRESS:
		if len(v) == len(l.MAC) {
			l.MAC = object.MAC(v)
		}
	case unix.IFLA_MTU:
		l.MTU = int(Number(v))
	case unix.IFLA_MASTER:
		l.Master = int(Number(v))
	case unix.IFLA_LINK:
		l.Parent = int(Number(v))
	case unix.IFLA_PROP_LIST:
		var names []string
		_ = EachAttribute(v, 0, func(kind uint16, v []byte) {
			if kind == unix.IFLA_ALT_IFNAME {
				names = append(names, Text(v))
			}
		})
		l.AltNames = strings.Join(names, " ")
	}
}

func (l *Link) readXDP(data []byte) error {
	attached := false
	err := EachAttribute(data, 0, func(kind uint16, v []byte) {
		switch kind {
		case xdpAttached:
			attached = Number(v) != 0
		case xdpProgramID:
			l.XDP = Number(v)
		}
	})
	if !attached {
		l.XDP = 0
	}
	return err
}

// readInfo reads IFLA_LINKINFO: the kind and settings of the link, and its settings as a port of its master.
func (l *Link) readInfo(data []byte) error {
	var own, slave []byte
	slaveKind := ""
	err := EachAttribute(data, 0, func(kind uint16, v []byte) {
		switch kind {
		case nl.IFLA_INFO_KIND:
			l.Kind = Text(v)
		case nl.IFLA_INFO_DATA:
			own = v
		case nl.IFLA_INFO_SLAVE_KIND:
			slaveKind = Text(v)
		case nl.IFLA_INFO_SLAVE_DATA:
			slave = v
		}
	})
	if slaveKind == "bridge" {
		err = errors.Join(err, EachAttribute(slave, 0, l.Port.read))
	}
	switch l.Kind {
	case "bridge":
		err = errors.Join(err, EachAttribute(own, 0, l.Bridge.read))
	case "vlan":
		err = errors.Join(err, EachAttribute(own, 0, func(kind uint16, v []byte) {
			if kind == nl.IFLA_VLAN_ID {
				l.VLAN = uint16(Number(v))
			}
		}))
	}
	return err
}

func (b *BridgeSettings) read(kind uint16, value []byte) {
	set := Number(value) != 0
	switch kind {
	case nl.IFLA_BR_STP_STATE:
		b.SpanningTree = set
	case nl.IFLA_BR_FORWARD_DELAY:
		b.ForwardDelay = Number(value)
	case nl.IFLA_BR_VLAN_FILTERING:
		b.Filtering = set
	case nl.IFLA_BR_MCAST_SNOOPING:
		b.Snooping = set
	case nl.IFLA_BR_NF_CALL_IPTABLES, nl.IFLA_BR_NF_CALL_IP6TABLES, nl.IFLA_BR_NF_CALL_ARPTABLES:
		b.Netfilter = b.Netfilter || set
	}
}

func (p *PortSettings) read(kind uint16, value []byte) {
	set := Number(value) != 0
	switch kind {
	case nl.IFLA_BRPORT_LEARNING:
		p.Learning = set
	case nl.IFLA_BRPORT_UNICAST_FLOOD:
		p.Unicast = set
	case nl.IFLA_BRPORT_MCAST_FLOOD:
		p.Multicast = set
	case nl.IFLA_BRPORT_BCAST_FLOOD:
		p.Broadcast = set
	case nl.IFLA_BRPORT_MODE:
		p.Hairpin = set
	case nl.IFLA_BRPORT_ISOLATED:
		p.Isolated = set
	}
}

// readPort reads the settings of a bridge port from a link message of family AF_BRIDGE.
func (l *Link) readPort(data []byte) error {
	var inside error
	err := EachAttribute(data, LinkHeader, func(kind uint16, v []byte) {
		if kind == unix.IFLA_PROTINFO {
			inside = EachAttribute(v, 0, l.Port.read)
		}
	})
	if err = errors.Join(err, inside); err != nil {
		return fmt.Errorf("message of a bridge's port: %w", err)
	}
	return nil
}

// parseAddress reads an ifaddrmsg. If both attributes are given, IFA_LOCAL is the link's own address and IFA_ADDRESS is its
// peer's.
func parseAddress(data []byte) (index int, prefix netip.Prefix, err error) {
	var local, any netip.Addr
	err = EachAttribute(data, AddressHeader, func(kind uint16, v []byte) {
		switch kind {
		case unix.IFA_LOCAL:
			local, _ = netip.AddrFromSlice(v)
		case unix.IFA_ADDRESS:
			any, _ = netip.AddrFromSlice(v)
		}
	})
	if err != nil {
		return 0, prefix, fmt.Errorf("address message: %w", err)
	}
	if !local.IsValid() {
		local = any
	}
	if prefix = netip.PrefixFrom(local.Unmap(), int(data[1])); !prefix.IsValid() {
		return 0, prefix, fmt.Errorf("address message: no valid address with %d bits", data[1])
	}
	return Index(data), prefix, nil
}
