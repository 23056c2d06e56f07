package compile

import (
	"net/netip"
	"time"

	"weft/hostnet/object"
	"weft/model"
	"weft/model/desired"
)

// addServices adds what weftd serves on the guest's own device: leases for the port's addresses, and router advertisements. In a
// network without IPv6 subnet the advertisements are silent, except to withdraw what they announced when it had one. router says
// that they announce a router of ours. mac is the MAC of that router if it has its own.
func addServices(u *Builder, n *desired.Network, p *desired.Port, device string, router bool, mac object.MAC) {
	lease := time.Duration(max(n.DHCP.LeaseSeconds, 60)) * time.Second
	mtu := guestMTU(n)
	v4, v6 := leases(n, p)
	if len(v4) > 0 || len(v6) > 0 {
		u.Add(&object.DHCPBinding{
			OwnerUID: p.UID, Device: device, MAC: object.MAC(p.MAC), Hostname: p.Hostname, Domain: n.DHCP.Domain,
			MTU: mtu, Lease: lease, DNS: plain(n.DHCP.DNSServers), NTP: plain(n.DHCP.NTPServers), V4: v4, V6: v6,
		})
	}
	var prefixes []netip.Prefix
	for _, s := range n.Subnets {
		if s.CIDR.Addr().Is6() {
			prefixes = append(prefixes, s.CIDR.Prefix)
		}
	}
	var dns []netip.Addr
	for _, a := range n.DHCP.DNSServers {
		if a.Is6() {
			dns = append(dns, a.Addr)
		}
	}
	u.Add(&object.RABinding{
		OwnerUID: p.UID, Device: device, MTU: mtu, Lease: lease, Prefixes: prefixes, DNS: dns, Domain: n.DHCP.Domain,
		Router: router && len(prefixes) > 0, RouterMAC: mac, Gateway: linkLocalGateway(n, p),
	})
}

// leases divides a port's addresses by family and keeps their order. An IPv4 address whose subnet has no DHCP server gets no lease.
func leases(n *desired.Network, p *desired.Port) (v4 []object.DHCPv4Lease, v6 []netip.Addr) {
	for _, a := range p.Addresses {
		if a.Is6() {
			v6 = append(v6, a.Addr)
			continue
		}
		s, ok := subnetOf(n, a.Addr)
		if !ok || !s.DHCPServer.IsValid() {
			continue
		}
		l := object.DHCPv4Lease{
			Address: a.Addr, Prefix: s.CIDR.Prefix, Server: s.DHCPServer.Addr, Router: s.Gateway.Addr, Routes: routes(n.DHCP.Routes),
		}
		if !l.Router.IsValid() { // a guest with a default route reaches the metadata service by it
			l.OnLink = []netip.Addr{object.MetadataIPv4}
		}
		v4 = append(v4, l)
	}
	return v4, v6
}

// linkLocalGateway is the router that exists on the network, for the guest's first IPv6 address; not valid when there is none, or when it
// is not known by a link-local address.
func linkLocalGateway(n *desired.Network, p *desired.Port) netip.Addr {
	for _, a := range p.Addresses {
		if s, ok := subnetOf(n, a.Addr); ok && a.Is6() {
			if s.Gateway.Is6() && s.Gateway.IsLinkLocalUnicast() {
				return s.Gateway.Addr
			}
			return netip.Addr{}
		}
	}
	return netip.Addr{}
}

func routes(in []model.Route) []object.DHCPRoute {
	var out []object.DHCPRoute
	for _, r := range in {
		out = append(out, object.DHCPRoute{Destination: r.Destination.Prefix, NextHop: r.NextHop.Addr})
	}
	return out
}

func plain(in []model.Address) []netip.Addr {
	var out []netip.Addr
	for _, a := range in {
		out = append(out, a.Addr)
	}
	return out
}

func addresses(p *desired.Port) []netip.Addr { return plain(p.Addresses) }
