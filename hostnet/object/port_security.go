package object

import (
	"fmt"
	"net/netip"
	"strings"
)

// PortSecurity is the nftables table "weft" of family bridge: the chains and rules that protect every bridge of ours, and the sets that
// they use. The rules are the same for all ports, so their number never grows.
type PortSecurity struct {
	OwnerUID string
	// Rules says what is wrong with the rules. It is "" if nothing is, and always desired "".
	Rules string
}

// PortSecuritySet names a set of port security's table.
type PortSecuritySet string

// The sets. If a key has an Interface, it is the port's device. In sets about a network it is the bridge's name.
const (
	PortSecurityBridges  PortSecuritySet = "bridges"  // bridge: one of ours, whose frames are judged
	PortSecurityGuests   PortSecuritySet = "guests"   // device: of a guest that may send and receive
	PortSecurityUplinks  PortSecuritySet = "uplinks"  // device: leads to the network's segment
	PortSecurityMACs     PortSecuritySet = "macs"     // device, MAC: source address of the guest
	PortSecurityIPv4     PortSecuritySet = "ipv4"     // device, IPv4 address: source address of the guest
	PortSecurityIPv6     PortSecuritySet = "ipv6"     // device, IPv6 address: source address of the guest
	PortSecurityLocal    PortSecuritySet = "local"    // bridge, MAC: of a guest on this host, so it never comes from the physical network
	PortSecurityReserved PortSecuritySet = "reserved" // bridge, link-local address: made from the MAC of a guest or router
	// PortSecurityDerived: bridge, first 104 bits of the link-local addresses made from MACs that Weft chooses; the remaining bits are
	// 0.
	PortSecurityDerived PortSecuritySet = "derived"
	PortSecurityServers PortSecuritySet = "servers" // bridge, IPv4 address: of a DHCP server; every host answers for it itself
	// The sets of router interfaces.
	PortSecurityRouterInterfaces PortSecuritySet = "legs"      // device: a router interface
	PortSecurityGatewayPorts     PortSecuritySet = "exits"     // device: the interface of a gateway namespace
	PortSecurityGateways4        PortSecuritySet = "gateways4" // bridge, IPv4 address: of a gateway; every host has it
	PortSecurityGateways6        PortSecuritySet = "gateways6" // bridge, IPv6 address: of a gateway; every host has it
	PortSecurityOwn4             PortSecuritySet = "own4"      // bridge, IPv4 address: of this host's gateway namespace, so it never comes from the physical network
	PortSecurityOwn6             PortSecuritySet = "own6"      // bridge, IPv6 address: of this host's gateway namespace, so it never comes from the physical network
	PortSecurityRouters          PortSecuritySet = "routers"   // map: uplink → source MAC of routed frames that leave by it
	// PortSecurityRouterMACs holds the same by uplink and MAC. A frame that leaves with this MAC must not come in with it.
	PortSecurityRouterMACs PortSecuritySet = "router_macs"
	// The sets of networks that isolate their guests.
	PortSecurityIsolated PortSecuritySet = "isolated" // device: of a guest that other guests do not reach
	// PortSecurityPrefixes: device of such a guest, first three bytes of the MACs of guests on other hosts; the remaining bytes are 0.
	PortSecurityPrefixes PortSecuritySet = "guest_prefixes"
	PortSecurityTrusted  PortSecuritySet = "trusted" // bridge, MAC: of a router on another host, which may reach guests
	// The sets of allowed address pairs. Blocks of the same device and MAC do not overlap.
	PortSecurityPairMACs PortSecuritySet = "pair_macs" // device, MAC: source address of the guest besides its own
	PortSecurityPairs4   PortSecuritySet = "pairs4"    // device, MAC, IPv4 block: what the guest may use with this MAC
	PortSecurityPairs6   PortSecuritySet = "pairs6"    // device, MAC, IPv6 block: what the guest may use with this MAC
	PortSecurityPaired   PortSecuritySet = "paired"    // bridge: of a network with pairs, where routers ask who has an address
	// The sets of management networks. Their keys have no interface: they are the same for all guests.
	PortSecurityManagement4 PortSecuritySet = "management4" // IPv4 block: from and to which no guest sends
	PortSecurityManagement6 PortSecuritySet = "management6" // IPv6 block: the same
	// PortSecurityBroadcast: device; its element has a limit of its own, of what the guest sends to many. A guest without one is not limited.
	PortSecurityBroadcast PortSecuritySet = "broadcast"
)

// PortSecuritySets lists every set that has desired elements.
func PortSecuritySets() []PortSecuritySet {
	return []PortSecuritySet{
		PortSecurityBridges, PortSecurityGuests, PortSecurityUplinks, PortSecurityMACs, PortSecurityIPv4, PortSecurityIPv6, PortSecurityLocal, PortSecurityReserved, PortSecurityDerived, PortSecurityServers,
		PortSecurityRouterInterfaces, PortSecurityGatewayPorts, PortSecurityGateways4, PortSecurityGateways6, PortSecurityOwn4, PortSecurityOwn6, PortSecurityRouters, PortSecurityRouterMACs,
		PortSecurityIsolated, PortSecurityPrefixes, PortSecurityTrusted,
		PortSecurityPairMACs, PortSecurityPairs4, PortSecurityPairs6, PortSecurityPaired,
		PortSecurityManagement4, PortSecurityManagement6,
		PortSecurityBroadcast,
	}
}

// PortSecurityForAll is the name of the elements that are for all guests. No device has such a name.
const PortSecurityForAll = "all guests"

// PortSecurityElement is one element of one set. Fields that the set's key does not have are zero. It is comparable.
type PortSecurityElement struct {
	Set       PortSecuritySet
	Interface string
	MAC       MAC
	Address   netip.Addr
	Block     netip.Prefix
	// Rate and Burst are the limit of an element of PortSecurityBroadcast, in frames a second and frames.
	Rate, Burst uint32
}

// PortSecurityElements are all elements of one port or network in port security's sets. When it is removed, what guests claimed through its
// device is removed too.
type PortSecurityElements struct {
	OwnerUID string
	// Name is the device or bridge that the elements are for, or PortSecurityForAll. The elements carry it in their comments.
	Name     string
	Elements []PortSecurityElement // in no order
	// After is what must be in force before the guest may send or receive.
	After []Key
}

// Key implements Object.
func (g *PortSecurity) Key() Key { return Key{KindPortSecurity, "weft"} }

// Owner implements Object.
func (g *PortSecurity) Owner() string { return g.OwnerUID }

// DependsOn implements Object.
func (g *PortSecurity) DependsOn() []Key { return nil }

// Diff implements Object. The owner is not in the kernel and is not compared.
func (g *PortSecurity) Diff(observed Object) []Difference {
	var d differ
	d.field("rules", observed.(*PortSecurity).Rules, g.Rules)
	return d
}

// Key implements Object.
func (g *PortSecurityElements) Key() Key { return Key{KindPortSecurityElements, g.Name} }

// Owner implements Object.
func (g *PortSecurityElements) Owner() string { return g.OwnerUID }

// DependsOn implements Object.
func (g *PortSecurityElements) DependsOn() []Key {
	return append([]Key{(&PortSecurity{}).Key()}, g.After...)
}

// Diff implements Object. It lists missing and extra elements. The owner is not in the kernel and is not compared.
func (g *PortSecurityElements) Diff(observed Object) []Difference {
	missing, extra := PortSecurityDelta(observed.(*PortSecurityElements).Elements, g.Elements)
	var d differ
	for _, m := range missing {
		d = append(d, Difference{"element", "", m.String()})
	}
	for _, m := range extra {
		d = append(d, Difference{"element", m.String(), ""})
	}
	return d
}

// PortSecurityDelta lists the elements that are desired but missing, and those that exist but are not desired, in the given order.
func PortSecurityDelta(observed, wanted []PortSecurityElement) (missing, extra []PortSecurityElement) {
	have, want := map[PortSecurityElement]bool{}, map[PortSecurityElement]bool{}
	for _, m := range observed {
		have[m] = true
	}
	for _, m := range wanted {
		if !have[m] && !want[m] {
			missing = append(missing, m)
		}
		want[m] = true
	}
	for _, m := range observed {
		if !want[m] {
			extra = append(extra, m)
		}
	}
	return missing, extra
}

// String is "set: key", in the form that nft writes.
func (m PortSecurityElement) String() string {
	var key []string
	if m.Interface != "" {
		key = append(key, m.Interface)
	}
	if m.MAC != (MAC{}) {
		key = append(key, m.MAC.String())
	}
	if m.Address.IsValid() {
		key = append(key, m.Address.String())
	}
	if m.Block.IsValid() {
		key = append(key, m.Block.String())
	}
	text := string(m.Set) + ": " + strings.Join(key, " . ")
	if m.Rate != 0 || m.Burst != 0 {
		text += fmt.Sprintf(" limit %d/second burst %d", m.Rate, m.Burst)
	}
	return text
}
