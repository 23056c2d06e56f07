package object

import (
	"net/netip"
	"time"
)

// ServerMAC is the Ethernet address of Weft's own servers (DHCP, router advertisements) on every guest port. ServerLinkLocal is
// their IPv6 address. Both are the same on every host, so that a migrated guest keeps its server. Both are reserved: no guest may
// use them. The MAC is locally administered (IEEE 802 U/L bit), and the IPv6 address is made from its modified EUI-64.
var (
	ServerMAC       = MAC{0x02, 0x57, 0x45, 0x46, 0x54, 0x01}
	ServerLinkLocal = netip.MustParseAddr("fe80::57:45ff:fe46:5401")
)

// GatewayMAC is the Ethernet address of every router of ours on every network. GatewayLinkLocal is its IPv6 address. Both are the
// same on every host, because each host is the gateway of its own guests. Frames from it never leave a host. Both are reserved.
var (
	GatewayMAC       = MAC{0x02, 0x57, 0x45, 0x46, 0x54, 0x02}
	GatewayLinkLocal = netip.MustParseAddr("fe80::57:45ff:fe46:5402")
)

// DerivedLinkLocal holds the link-local addresses made from MACs with the same first three bytes (RFC 4291 appendix A). For the
// MACs that Weft chooses, each such address belongs only to its MAC, wherever that is: a guest's on another host, or a gateway's.
// An address that a guest draws at random is in this prefix with a probability of 2^-40.
func (m MAC) DerivedLinkLocal() netip.Prefix {
	return netip.PrefixFrom(MAC{m[0], m[1], m[2]}.LinkLocal(), 104)
}

// DefaultMACPrefix begins the MACs that Weft chooses if no other prefix is configured.
var DefaultMACPrefix = MAC{0xfa, 0x16, 0x3e}

// DHCPBinding is everything that the DHCPv4 and DHCPv6 servers need to answer one guest on its own port. The reply depends only
// on the request and this value.
type DHCPBinding struct {
	OwnerUID string
	Device   string // the netdev on the host side of the guest's interface
	MAC      MAC    // only this client hardware address is served
	Hostname string
	Domain   string
	MTU      int
	Lease    time.Duration
	DNS, NTP []netip.Addr // of both families
	V4       []DHCPv4Lease
	V6       []netip.Addr // IA_NA addresses
}

// DHCPv4Lease is one IPv4 address of a port. The first one of a binding is offered. The others are accepted if the guest asks for
// them.
type DHCPv4Lease struct {
	Address netip.Addr
	Prefix  netip.Prefix
	// Server is the server identifier (RFC 2132 9.7). ServerMAC answers ARP for it on the guest's port. If it is outside of Prefix, the
	// lease has a route to it.
	Server netip.Addr
	Router netip.Addr  // not valid if none is announced; outside of Prefix it is on the link
	Routes []DHCPRoute // classless static routes (RFC 3442)
	// OnLink are addresses outside of Prefix to which the guest is given a route on the link.
	OnLink []netip.Addr
}

// DHCPRoute is one IPv4 route told to guests.
type DHCPRoute struct {
	Destination netip.Prefix
	NextHop     netip.Addr
}

// RABinding is what is advertised to one guest on its own port (RFC 4861): managed addresses (M=1), and prefixes that are on-link
// but not for autoconfiguration (A=0).
type RABinding struct {
	OwnerUID string
	Device   string
	MTU      int
	Lease    time.Duration // bounds the prefixes' lifetimes
	Prefixes []netip.Prefix
	DNS      []netip.Addr // RFC 8106 RDNSS, IPv6 only
	Domain   string       // RFC 8106 DNSSL
	// Gateway is the link-local address of a router that exists on the network and is not ours. The advertisements then come from it,
	// name no link-layer address, and offer it as default router. It is not valid if there is none.
	Gateway netip.Addr
	// Router says that a router of ours is on the network. The advertisements then come from GatewayMAC and GatewayLinkLocal and
	// offer it as default router. Without it they come from Weft's own server and have router lifetime 0.
	Router bool
	// RouterMAC is the MAC of a router that has its own. The advertisements then come from it and from its link-local address.
	// Zero means GatewayMAC.
	RouterMAC MAC
}

// Announcement announces to a network that addresses are at a MAC. When it is created or changed, frames from the MAC (gratuitous
// ARP, unsolicited neighbour advertisements) leave by the uplink, so that switches relearn the MAC after a port became active
// here. They also go to those on this host who may remember another MAC. The object exists as long as the addresses are here.
type Announcement struct {
	OwnerUID  string
	Device    string // the uplink's netdev; if empty, only this host is told
	VLAN      uint16 // VLAN id on the wire, 1 to 4094; 0 sends untagged
	MAC       MAC    // of the guest or the router
	Addresses []netip.Addr
	// Network is the network's uid. On one host the announcements of a network are sent out of each other's Local device.
	Network string
	// Local is the netdev on this host that leads to the owner of the addresses: a guest's interface, or the host's end of a
	// router's veth. It is empty if the owner is elsewhere.
	Local string
	// Router says that the addresses are a router's or floating ones. Guests and router interfaces on this host are told about
	// those. About guests' addresses only router interfaces are told, because a guest's MAC is the same everywhere.
	Router bool
	// Occasion is why the same addresses are announced again: it differs from the occasion before. A gateway host that stays active
	// has one for each time that it meets another gateway host. That host may have been active meanwhile, and bridges in the physical
	// network then send the router's frames to it.
	Occasion string
	// After lists what must exist first: the flows that let answers reach the guest.
	After []Key
	// Part distinguishes the announcements of one owner. A router has one for each of its networks.
	Part string
}

// Activation listens on the device of a standby port for the guest's own announcement (RARP, gratuitous ARP or unsolicited neighbour
// advertisement from its MAC). The guest announces itself when it continues to run after a migration. Only what the device itself
// sends counts, so nobody elsewhere can fake it.
type Activation struct {
	OwnerUID string
	Device   string // the netdev on the host side of the guest's interface
	MAC      MAC    // the guest's
	// Migration is the migration that is waited for. An announcement during another one does not count.
	Migration int64
}

// Netdev implements OnDevice.
func (b *DHCPBinding) Netdev() string { return b.Device }

// Netdev implements OnDevice.
func (b *RABinding) Netdev() string { return b.Device }

// Netdev implements OnDevice.
func (a *Announcement) Netdev() string { return a.Device }

// Netdev implements OnDevice.
func (a *Activation) Netdev() string { return a.Device }

// Key implements Object.
func (a *Activation) Key() Key { return Key{KindActivation, a.Device} }

// Owner implements Object.
func (a *Activation) Owner() string { return a.OwnerUID }

// DependsOn implements Object.
func (a *Activation) DependsOn() []Key { return []Key{{KindLink, a.Device}} }

// Diff implements Object.
func (a *Activation) Diff(observed Object) []Difference {
	o := observed.(*Activation)
	var d differ
	d.field("owner", o.OwnerUID, a.OwnerUID)
	d.field("mac", o.MAC, a.MAC)
	d.field("migration", o.Migration, a.Migration)
	return d
}

// Key implements Object. A port has one announcement, whichever uplink it uses.
func (a *Announcement) Key() Key {
	if a.Part == "" {
		return Key{KindAnnouncement, a.OwnerUID}
	}
	return Key{KindAnnouncement, a.OwnerUID + "/" + a.Part}
}

// Owner implements Object.
func (a *Announcement) Owner() string { return a.OwnerUID }

// DependsOn implements Object.
func (a *Announcement) DependsOn() []Key { return a.After }

// Diff implements Object.
func (a *Announcement) Diff(observed Object) []Difference {
	o := observed.(*Announcement)
	var d differ
	d.field("device", o.Device, a.Device)
	d.field("vlan", o.VLAN, a.VLAN)
	d.field("mac", o.MAC, a.MAC)
	d.field("addresses", o.Addresses, a.Addresses)
	d.field("network", o.Network, a.Network)
	d.field("local", o.Local, a.Local)
	d.field("router", o.Router, a.Router)
	d.field("occasion", o.Occasion, a.Occasion)
	return d
}

// Key implements Object.
func (b *DHCPBinding) Key() Key { return Key{KindDHCPBinding, b.Device} }

// Owner implements Object.
func (b *DHCPBinding) Owner() string { return b.OwnerUID }

// DependsOn implements Object.
func (b *DHCPBinding) DependsOn() []Key { return []Key{{KindLink, b.Device}} }

// Diff implements Object.
func (b *DHCPBinding) Diff(observed Object) []Difference {
	o := observed.(*DHCPBinding)
	var d differ
	d.field("owner", o.OwnerUID, b.OwnerUID)
	d.field("mac", o.MAC, b.MAC)
	d.field("hostname", o.Hostname, b.Hostname)
	d.field("domain", o.Domain, b.Domain)
	d.field("mtu", o.MTU, b.MTU)
	d.field("lease", o.Lease, b.Lease)
	d.field("dns", o.DNS, b.DNS)
	d.field("ntp", o.NTP, b.NTP)
	d.field("ipv4", o.V4, b.V4)
	d.field("ipv6", o.V6, b.V6)
	return d
}

// Key implements Object.
func (b *RABinding) Key() Key { return Key{KindRABinding, b.Device} }

// Owner implements Object.
func (b *RABinding) Owner() string { return b.OwnerUID }

// DependsOn implements Object.
func (b *RABinding) DependsOn() []Key { return []Key{{KindLink, b.Device}} }

// Diff implements Object.
func (b *RABinding) Diff(observed Object) []Difference {
	o := observed.(*RABinding)
	var d differ
	d.field("owner", o.OwnerUID, b.OwnerUID)
	d.field("mtu", o.MTU, b.MTU)
	d.field("lease", o.Lease, b.Lease)
	d.field("prefixes", o.Prefixes, b.Prefixes)
	d.field("dns", o.DNS, b.DNS)
	d.field("domain", o.Domain, b.Domain)
	d.field("gateway", o.Gateway, b.Gateway)
	d.field("router", o.Router, b.Router)
	d.field("router mac", o.RouterMAC, b.RouterMAC)
	return d
}
