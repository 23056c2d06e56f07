// Package guestconfig writes what a guest is configured with in the forms that guests read: OpenStack's config drive and metadata, NoCloud,
// and the files of Debian's ifupdown, systemd-networkd, NetworkManager and netplan.
//
// Invariants:
//   - It is pure. The same Guest gives the same bytes.
//   - It knows nothing of Weft's objects, so that `weft inject` and a metadata service can both use it.
//   - Names, addresses and keys in a Guest are valid: they contain no ends of lines. The caller has checked them.
//   - Only the first NIC has default routes in the guest's main routing table. Two would send out of the wrong NIC, where port security
//     drops it.
//   - What answers from an address of another NIC leaves through that NIC, in all forms that have words for it. See policy.
package guestconfig

import (
	"net"
	"net/netip"
	"slices"
	"strings"
)

// Guest is all that a guest is configured with.
type Guest struct {
	// InstanceID is another one for each incarnation of the guest: cloud-init configures a guest anew when it changes.
	InstanceID string
	Project    string // its name
	Name       string // of the guest among others of the project
	Hostname   string // a DNS name of one or more labels
	Domain     string // the DNS domain of the first NIC's network; empty when there is none
	UserData   []byte
	SSHKeys    []string // lines of authorized_keys
	Metadata   []Item
	NICs       []NIC
}

// Item is one word for the guest.
type Item struct{ Key, Value string }

// NIC is one interface. Guests recognise it by its MAC.
type NIC struct {
	ID        string // of the port, unique among the guest's NICs
	NetworkID string
	MAC       net.HardwareAddr
	MTU       int // in bytes; 0 leaves it to the guest
	// DHCP says that the guest asks by DHCPv4, or DHCPv6 and router advertisements, for what Addresses, Routes and DNS would say.
	DHCP bool
	// Addresses are of both families, each with the length of its subnet's prefix.
	Addresses []netip.Prefix
	// Gateways are the default routers, at most one of each family. Those of other NICs than the first are only for answers.
	Gateways []netip.Addr
	Routes   []Route // others than the default routes
	DNS      []netip.Addr
	Search   []string // DNS domains
}

// HostNIC is the NIC that a guest has on its host network besides the NIC of a port: an address there, and no routes.
func HostNIC(port NIC, mac net.HardwareAddr, address netip.Prefix) NIC {
	return NIC{ID: port.ID + "-host", NetworkID: "host", MAC: mac, DHCP: port.DHCP, Addresses: []netip.Prefix{address}}
}

// Route is one route of a NIC.
type Route struct {
	Destination netip.Prefix
	// Gateway is the next hop. It is not valid if the destination is on the link.
	Gateway netip.Addr
}

// File is one file with a path that begins at the root of what it is written into.
type File struct {
	Path string
	Mode uint32 // permission bits
	Data []byte
}

// FQDN is the host name with the domain, if it has no domain of its own.
func (g Guest) FQDN() string {
	if g.Domain == "" || strings.Contains(g.Hostname, ".") {
		return g.Hostname
	}
	return g.Hostname + "." + g.Domain
}

// families says which families the NIC has addresses of.
func (n NIC) families() (v4, v6 bool) {
	for _, a := range n.Addresses {
		v4, v6 = v4 || a.Addr().Is4(), v6 || a.Addr().Is6()
	}
	return v4, v6
}

// onLink says that a guest reaches the next hop without a router: it is in a subnet of the NIC, or link-local.
func (n NIC) onLink(a netip.Addr) bool {
	return a.Is6() && a.IsLinkLocalUnicast() || slices.ContainsFunc(n.Addresses, func(p netip.Prefix) bool { return p.Contains(a) })
}

// route is a route as it is written. outside says that a guest must be told that the gateway is on the link, because it is in none of the
// NIC's subnets (RFC 3442 and DHCP tell it so).
type route struct {
	to      netip.Prefix
	via     netip.Addr
	outside bool
}

// isDefault says that the route is the way to everything.
func (r route) isDefault() bool { return r.to.Bits() == 0 }

// routes are the routes that the NIC of this number has in the table main, default routes first. Other NICs than the first have no default
// route there, wherever it comes from.
func (g Guest) routes(i int) []route {
	list := g.NICs[i].routes()
	if i > 0 {
		list = slices.DeleteFunc(list, route.isDefault)
	}
	return list
}

// routes are all routes of the NIC, default routes first. Routes of a family that the NIC has no address of are left out: no guest could
// use them. A guest that asks by DHCP may not have its subnet yet when it reads the routes, so gateways that are not link-local are outside
// then.
func (n NIC) routes() (list []route) {
	v4, v6 := n.families()
	add := func(to netip.Prefix, via netip.Addr) {
		if to.Addr().Is4() && !v4 || to.Addr().Is6() && !v6 {
			return
		}
		if slices.ContainsFunc(list, func(r route) bool { return r.to == to }) {
			return
		}
		outside := !n.onLink(via) || n.DHCP && !via.IsLinkLocalUnicast()
		list = append(list, route{to: to, via: via, outside: via.IsValid() && outside})
	}
	for _, gw := range n.Gateways {
		add(everything(gw), gw)
	}
	for _, r := range n.Routes {
		if r.Destination.Bits() == 0 {
			add(r.Destination.Masked(), r.Gateway)
		}
	}
	for _, r := range n.Routes {
		add(r.Destination.Masked(), r.Gateway)
	}
	return list
}

// everything is the destination of a default route of the address's family.
func everything(a netip.Addr) netip.Prefix {
	if a.Is4() {
		return netip.PrefixFrom(netip.IPv4Unspecified(), 0)
	}
	return netip.PrefixFrom(netip.IPv6Unspecified(), 0)
}

// one is the prefix of a single address.
func one(a netip.Addr) netip.Prefix { return netip.PrefixFrom(a, a.BitLen()) }
