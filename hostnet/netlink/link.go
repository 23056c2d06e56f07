package netlink

import (
	"strings"

	"weft/hostnet/object"
)

// Link is what the cache holds of one netdev: what drivers manage or compile from, and nothing that changes by itself (statistics,
// carrier), so that two equal links mean "nothing happened". It is comparable.
type Link struct {
	Index, Master, Parent int // indexes; 0 for none
	Name, Kind, Alias     string
	AltNames              string // alternative names, with a space between
	MAC                   object.MAC
	MTU                   int
	Up                    bool   // administratively (IFF_UP)
	Promiscuous           bool   // IFF_PROMISC
	XDP                   uint32 // id of the program at its XDP hook; 0 for none
	VLAN                  uint16 // of a VLAN device
	Bridge                BridgeSettings
	Port                  PortSettings
}

// BridgeSettings are those of a bridge that Weft fixes.
type BridgeSettings struct {
	SpanningTree, Filtering, Snooping, Netfilter bool
	ForwardDelay                                 uint32
}

// PortSettings are those of a bridge's port that Weft fixes.
type PortSettings struct {
	Learning, Unicast, Multicast, Broadcast bool
	Hairpin, Isolated                       bool
}

// Owner is the uid in the alias of a device that Weft made; false when Weft did not.
func (l Link) Owner() (string, bool) { return strings.CutPrefix(l.Alias, object.AliasPrefix) }

// Change is what became another of one link.
type Change struct {
	// Index and Name are those of the link; of one that was renamed both names are told.
	Index int
	Name  string
	// Link: it came, went, or differs in what the listener compares.
	Link bool
	// Address: it has other addresses, link-local ones left out.
	Address bool
	// LinkLocal: it got a link-local address of IPv6.
	LinkLocal bool
}
