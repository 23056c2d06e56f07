package object

import (
	"net/netip"
	"strings"
)

// Guard is the nftables table "weft" of family bridge: the chains and rules that protect every bridge of ours, and the sets
// they ask. The rules are the same for all ports, so their number never grows.
type Guard struct {
	OwnerUID string
	// Rules is the fingerprint of the rules: the driver's own, or what it found instead. The compiler leaves it empty, and
	// the driver says "" for its own.
	Rules string
}

// GuardSet names a set of the guard's table.
type GuardSet string

// The sets. Where a key has an Interface it is the port's device, in the sets about a network the bridge's name.
const (
	GuardBridges  GuardSet = "bridges"  // bridge: one of ours, whose frames are judged
	GuardGuests   GuardSet = "guests"   // device: a guest's, that may speak and hear
	GuardUplinks  GuardSet = "uplinks"  // device: leads to the network's segment
	GuardMACs     GuardSet = "macs"     // device, MAC: what the guest sends from
	GuardIPv4     GuardSet = "ipv4"     // device, IPv4 address: likewise
	GuardIPv6     GuardSet = "ipv6"     // device, IPv6 address: likewise
	GuardLocal    GuardSet = "local"    // bridge, MAC: of a guest on this host, so never seen on the wire
	GuardReserved GuardSet = "reserved" // bridge, link-local address: made from the MAC of some guest or router
	// GuardDerived: bridge, first 104 bits of the link-local addresses made from the MACs that Weft chooses, the rest 0.
	GuardDerived GuardSet = "derived"
	GuardServers GuardSet = "servers" // bridge, IPv4 address: of a DHCP server that every host answers for by itself
	// The sets of routers' legs.
	GuardLegs      GuardSet = "legs"      // device: a router's leg
	GuardExits     GuardSet = "exits"     // device: the leg of an external namespace
	GuardGateways4 GuardSet = "gateways4" // bridge, IPv4 address: of a gateway that every host has
	GuardGateways6 GuardSet = "gateways6" // bridge, IPv6 address: likewise
	GuardOwn4      GuardSet = "own4"      // bridge, IPv4 address: of this host's external namespace, so never seen on the wire
	GuardOwn6      GuardSet = "own6"      // bridge, IPv6 address: likewise
	GuardRouters   GuardSet = "routers"   // map: uplink → MAC that routed frames leave with
	// GuardRouterMACs holds the same by uplink and MAC: what leaves with it does not come in with it.
	GuardRouterMACs GuardSet = "router_macs"
)

// GuardSets lists every set whose elements Weft desires.
func GuardSets() []GuardSet {
	return []GuardSet{
		GuardBridges, GuardGuests, GuardUplinks, GuardMACs, GuardIPv4, GuardIPv6, GuardLocal, GuardReserved, GuardDerived, GuardServers,
		GuardLegs, GuardExits, GuardGateways4, GuardGateways6, GuardOwn4, GuardOwn6, GuardRouters, GuardRouterMACs,
	}
}

// GuardMember is one element of one set: of the fields that the set's key has not, the zero value. It is comparable.
type GuardMember struct {
	Set       GuardSet
	Interface string
	MAC       MAC
	Address   netip.Addr
}

// GuardMembers are all elements that one port or network has in the guard's sets. When it goes, what guests claimed through
// its device goes too.
type GuardMembers struct {
	OwnerUID string
	// Name is the device or bridge that the elements are about. The elements carry it in their comments.
	Name    string
	Members []GuardMember // without order
}

// Key implements Object.
func (g *Guard) Key() Key { return Key{KindGuard, "weft"} }

// Owner implements Object.
func (g *Guard) Owner() string { return g.OwnerUID }

// DependsOn implements Object.
func (g *Guard) DependsOn() []Key { return nil }

// Diff implements Object. The owner is not in the kernel and not compared.
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

// Diff implements Object. It lists missing and extra elements. The owner is not in the kernel and not compared.
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

// GuardDelta lists the elements that are wanted and not there, and those that are there and not wanted, in the order given.
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

// String is "set: key", as nft writes it.
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
