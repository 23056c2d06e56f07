package object

import (
	"net/netip"
	"time"
)

// ServerMAC is the Ethernet address Weft's own servers (DHCP, router advertisements) speak from on every guest's port,
// and ServerLinkLocal their IPv6 address: the same on every host, so that a guest that moved keeps its server. Both are
// reserved: no guest may use them. The address is locally administered (IEEE 802 U/L bit), the other its modified EUI-64.
var (
	ServerMAC       = MAC{0x02, 0x57, 0x45, 0x46, 0x54, 0x01}
	ServerLinkLocal = netip.MustParseAddr("fe80::57:45ff:fe46:5401")
)

// GatewayMAC is the Ethernet address of every router of ours on every network, and GatewayLinkLocal its IPv6 address: the
// same on every host, for each host is the gateway of its own guests. Frames from it never leave a host. Both are reserved.
var (
	GatewayMAC       = MAC{0x02, 0x57, 0x45, 0x46, 0x54, 0x02}
	GatewayLinkLocal = netip.MustParseAddr("fe80::57:45ff:fe46:5402")
)

// DerivedLinkLocal holds the link-local addresses made of MACs that begin with the same three bytes (RFC 4291 appendix A). Of
// the MACs that Weft chooses each is its MAC's alone, wherever that is: a guest's on another host, or a gateway's. An address
// that a guest draws at random is one of them once in 2^40 times.
func (m MAC) DerivedLinkLocal() netip.Prefix {
	return netip.PrefixFrom(MAC{m[0], m[1], m[2]}.LinkLocal(), 104)
}

// DefaultMACPrefix begins the MACs that Weft chooses unless told otherwise.
var DefaultMACPrefix = MAC{0xfa, 0x16, 0x3e}

// DHCPBinding is everything the DHCPv4 and DHCPv6 servers need to answer one guest on its own port: the reply is a
// function of the request and this value alone.
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

// DHCPv4Lease is one IPv4 address of a port. The first of a binding is offered; the others are accepted when asked for.
type DHCPv4Lease struct {
	Address netip.Addr
	Prefix  netip.Prefix
	// Server is the server identifier (RFC 2132 9.7); ARP for it is answered on the guest's port by ServerMAC.
	Server netip.Addr
	Router netip.Addr  // not valid: none is announced
	Routes []DHCPRoute // classless static routes (RFC 3442)
}

// DHCPRoute is one IPv4 route told to guests.
type DHCPRoute struct {
	Destination netip.Prefix
	NextHop     netip.Addr
}

// RABinding is what is advertised to one guest on its own port (RFC 4861): managed addresses (M=1), prefixes on-link
// but not for autoconfiguration (A=0).
type RABinding struct {
	OwnerUID string
	Device   string
	MTU      int
	Lease    time.Duration // bounds the prefixes' lifetimes
	Prefixes []netip.Prefix
	DNS      []netip.Addr // RFC 8106 RDNSS, IPv6 only
	Domain   string       // RFC 8106 DNSSL
	// Router says that a router of ours is on the network: the advertisements come from GatewayMAC and GatewayLinkLocal and
	// offer it as default router. Without it they come from Weft's own server and have router lifetime 0.
	Router bool
	// RouterMAC is the router's where it has one of its own: then the advertisements come from it, and from the link-local address
	// that is made of it. Zero is GatewayMAC.
	RouterMAC MAC
}

// Announcement tells a network that addresses are at a MAC: when it is created, or changes, frames from the MAC
// (gratuitous ARP, unsolicited neighbour advertisements) leave by the uplink, so that switches relearn the MAC after a port
// became active here, and go to those on this host who may remember another MAC. It lasts for as long as it is true here.
type Announcement struct {
	OwnerUID  string
	Device    string // the uplink's netdev; empty tells this host alone
	VLAN      uint16 // VLAN id on the wire, 1 to 4094; 0 sends untagged
	MAC       MAC    // the guest's, or the router's
	Addresses []netip.Addr
	// Network is the network's uid: on one host, its announcements go out of each other's Local device.
	Network string
	// Local is the netdev on this host that leads to whom the addresses belong: a guest's interface, or the host's end of a
	// router's veth. Empty when they are elsewhere.
	Local string
	// Router says that the addresses are a router's or floating ones. Guests and routers' interfaces on this host hear of
	// them. Of guests' addresses, whose MAC stays the same wherever they are, only the routers' interfaces do.
	Router bool
	// After lists what must be in place first: the flows that let answers reach the guest.
	After []Key
	// Part tells the announcements of one owner apart, of which a router has one for each of its networks.
	Part string
}

// Arrival waits on the device of a standby port for the guest to announce itself there (RARP, gratuitous ARP, unsolicited
// neighbour advertisement from its MAC), as it does when it goes on running after a migration. Only what the device itself
// sends counts: nobody elsewhere can make a guest arrive.
type Arrival struct {
	OwnerUID string
	Device   string // the netdev on the host side of the guest's interface
	MAC      MAC    // the guest's
	// Migration is what is waited for: what was heard during another one does not count.
	Migration int64
}

// Netdev implements OnDevice.
func (b *DHCPBinding) Netdev() string { return b.Device }

// Netdev implements OnDevice.
func (b *RABinding) Netdev() string { return b.Device }

// Netdev implements OnDevice.
func (a *Announcement) Netdev() string { return a.Device }

// Netdev implements OnDevice.
func (a *Arrival) Netdev() string { return a.Device }

// Key implements Object.
func (a *Arrival) Key() Key { return Key{KindArrival, a.Device} }

// Owner implements Object.
func (a *Arrival) Owner() string { return a.OwnerUID }

// DependsOn implements Object.
func (a *Arrival) DependsOn() []Key { return []Key{{KindLink, a.Device}} }

// Diff implements Object.
func (a *Arrival) Diff(observed Object) []Difference {
	o := observed.(*Arrival)
	var d differ
	d.field("owner", o.OwnerUID, a.OwnerUID)
	d.field("mac", o.MAC, a.MAC)
	d.field("migration", o.Migration, a.Migration)
	return d
}

// Key implements Object. A port has one announcement, whatever uplink it leaves by.
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
	d.field("router", o.Router, b.Router)
	d.field("router mac", o.RouterMAC, b.RouterMAC)
	return d
}
