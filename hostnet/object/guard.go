package object

import (
	"net/netip"
	"strings"
)

// Guard is the nftables table "weft" of family bridge: the chains and rules that protect every bridge of ours, and the sets that
// they use. The rules are the same for all ports, so their number never grows.
type Guard struct {
	OwnerUID string
	// Rules says what is wrong with the rules. It is "" if nothing is, and always desired "".
	Rules string
}

// GuardSet names a set of the guard's table.
type GuardSet string

// The sets. If a key has an Interface, it is the port's device. In sets about a network it is the bridge's name.
const (
	GuardBridges  GuardSet = "bridges"  // bridge: one of ours, whose frames are judged
	GuardGuests   GuardSet = "guests"   // device: of a guest that may send and receive
	GuardUplinks  GuardSet = "uplinks"  // device: leads to the network's segment
	GuardMACs     GuardSet = "macs"     // device, MAC: source address of the guest
	GuardIPv4     GuardSet = "ipv4"     // device, IPv4 address: source address of the guest
	GuardIPv6     GuardSet = "ipv6"     // device, IPv6 address: source address of the guest
	GuardLocal    GuardSet = "local"    // bridge, MAC: of a guest on this host, so it never comes from the wire
	GuardReserved GuardSet = "reserved" // bridge, link-local address: made from the MAC of a guest or router
	// GuardDerived: bridge, first 104 bits of the link-local addresses made from MACs that Weft chooses; the remaining bits are
	// 0.
	GuardDerived GuardSet = "derived"
	GuardServers GuardSet = "servers" // bridge, IPv4 address: of a DHCP server; every host answers for it itself
	// The sets of router interfaces.
	GuardLegs      GuardSet = "legs"      // device: a router interface
	GuardExits     GuardSet = "exits"     // device: the interface of an external namespace
	GuardGateways4 GuardSet = "gateways4" // bridge, IPv4 address: of a gateway; every host has it
	GuardGateways6 GuardSet = "gateways6" // bridge, IPv6 address: of a gateway; every host has it
	GuardOwn4      GuardSet = "own4"      // bridge, IPv4 address: of this host's external namespace, so it never comes from the wire
	GuardOwn6      GuardSet = "own6"      // bridge, IPv6 address: of this host's external namespace, so it never comes from the wire
	GuardRouters   GuardSet = "routers"   // map: uplink → source MAC of routed frames that leave by it
	// GuardRouterMACs holds the same by uplink and MAC. A frame that leaves with this MAC must not come in with it.
	GuardRouterMACs GuardSet = "router_macs"
)

// GuardSets lists every set that has desired elements.
func GuardSets() []GuardSet {
	return []GuardSet{
		GuardBridges, GuardGuests, GuardUplinks, GuardMACs, GuardIPv4, GuardIPv6, GuardLocal, GuardReserved, GuardDerived, GuardServers,
		GuardLegs, GuardExits, GuardGateways4, GuardGateways6, GuardOwn4, GuardOwn6, GuardRouters, GuardRouterMACs,
	}
}

// GuardMember is one element of one set. Fields that the set's key does not have are zero. It is comparable.
type GuardMember struct {
	Set       GuardSet
	Interface string
	MAC       MAC
	Address   netip.Addr
}

// GuardMembers are all elements of one port or network in the guard's sets. When it is removed, what guests claimed through its
// device is removed too.
type GuardMembers struct {
	OwnerUID string
	// Name is the device or bridge that the elements are for. The elements carry it in their comments.
	Name    string
	Members []GuardMember // in no order
}

// Key implements Object.
func (g *Guard) Key() Key { return Key{KindGuard, "weft"} }

// Owner implements Object.
func (g *Guard) Owner() string { return g.OwnerUID }

// DependsOn implements Object.
func (g *Guard) DependsOn() []Key { return nil }

// Diff implements Object. The owner is not in the kernel and is not compared.
func (g *Guard) Diff(observed Object) []Difference {
	var d differ
	d.field("rules", observed.(*Guard).Rules, g.Rules)
	return d
}

// Key implements Object.
func (g *GuardMembers) Key() Key { return Key{KindGuardMembers, g.Name} }

// Owner implements Object.
func (g *GuardMembers) Owner() string { return g.OwnerUID }

// DependsOn implements Object.
func (g *GuardMembers) DependsOn() []Key { return []Key{(&Guard{}).Key()} }

// Diff implements Object. It lists missing and extra elements. The owner is not in the kernel and is not compared.
func (g *GuardMembers) Diff(observed Object) []Difference {
	missing, extra := GuardDelta(observed.(*GuardMembers).Members, g.Members)
	var d differ
	for _, m := range missing {
		d = append(d, Difference{"element", "", m.String()})
	}
	for _, m := range extra {
		d = append(d, Difference{"element", m.String(), ""})
	}
	return d
}

// GuardDelta lists the elements that are desired but missing, and those that exist but are not desired, in the given order.
func GuardDelta(observed, wanted []GuardMember) (missing, extra []GuardMember) {
	have, want := map[GuardMember]bool{}, map[GuardMember]bool{}
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
func (m GuardMember) String() string {
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
	return string(m.Set) + ": " + strings.Join(key, " . ")
}
