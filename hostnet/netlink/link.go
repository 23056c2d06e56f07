package netlink

import (
	"strings"

	"weft/hostnet/object"
)

// Link is what the cache holds of one netdev: what drivers manage or compile from, and nothing that changes by itself
// (statistics, carrier). So two equal links mean that nothing happened. It is comparable.
type Link struct {
	Index, Master, Parent int // indexes; 0 for none
	Name, Kind, Alias     string
	AltNames              string // alternative names, separated by spaces
	MAC                   object.MAC
	MTU                   int
	Up                    bool   // administratively (IFF_UP)
	Promiscuous           bool   // IFF_PROMISC
	XDP                   uint32 // id of its XDP program; 0 for none
	VLAN                  uint16 // of a VLAN device
	Bridge                BridgeSettings
	Port                  PortSettings
}

// BridgeSettings are the settings of a bridge that Weft fixes.
type BridgeSettings struct {
	SpanningTree, Filtering, Snooping, Netfilter bool
	ForwardDelay                                 uint32
}

// PortSettings are the settings of a bridge port that Weft fixes.
type PortSettings struct {
	Learning, Unicast, Multicast, Broadcast bool
	Hairpin, Isolated                       bool
}

// Owner is the uid in the alias of a device that Weft made. It is false for other devices.
func (l Link) Owner() (string, bool) { return strings.CutPrefix(l.Alias, object.AliasPrefix) }

// Change says what changed of one link.
type Change struct {
	// Index and Name are those of the link. A renamed link is reported with both names.
	Index int
	Name  string
	// Link: it was added or removed, or differs in what the listener compares.
	Link bool
	// Address: its addresses changed, apart from link-local ones.
	Address bool
	// LinkLocal: it got a link-local address of IPv6.
	LinkLocal bool
}
