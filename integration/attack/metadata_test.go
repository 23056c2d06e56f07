//go:build integration

package attack

import (
	"net/netip"

	"weft/hostnet/object"
)

// The addresses of the metadata service, and those beside them.
var (
	service4, beside4 = object.MetadataIPv4, netip.MustParseAddr("198.51.100.254")
	service6, beside6 = object.MetadataIPv6, netip.MustParseAddr("fe80::a9fe:a9ff")
)

// metadataAttempts are what a guest sends to the metadata service, which must reach nobody, and what it sends to pretend that it is the
// service. weftd hears the former on the guest's own device.
func (st *stage) metadataAttempts() []attempt {
	a, b := st.a, st.b
	data := []byte("GET / HTTP/1.1")
	v4 := func(next object.MAC, dst netip.Addr) []byte {
		return eth(a.mac, next, 0x0800, ipv4(a.v4, dst, 6, udp(40000, 80, data)))
	}
	v6 := func(next object.MAC, src, dst netip.Addr) []byte {
		return eth(a.mac, next, 0x86dd, ipv6(src, dst, 6, udp(40000, 80, data)))
	}
	asks := func(target netip.Addr) []byte {
		return icmp6Frame(a.mac, a.ll, 135, 0, nd(0, target, lladdr(1, a.mac)))
	}
	detects := func(target netip.Addr) []byte { return icmp6Frame(a.mac, any6, 135, 0, nd(0, target)) }
	other := netip.MustParseAddr("10.1.0.99")
	return []attempt{
		{"to the metadata service by a next hop", v4(upstream, service4), v4(upstream, beside4), atUplink},
		{"to the metadata service at another guest", v4(b.mac, service4), v4(b.mac, beside4), atPeer},
		{"to the metadata service at everybody", v4(broadcast, service4), v4(broadcast, beside4), atBoth},
		{"to the metadata service by IPv6", v6(b.mac, a.ll, service6), v6(b.mac, a.ll, beside6), atPeer},
		{"to the metadata service by IPv6, at the next hop", v6(upstream, a.v6, service6), v6(upstream, a.v6, beside6), atUplink},
		{"who has the metadata service's address", arp(a.mac, 1, a.mac, a.v4, service4), arp(a.mac, 1, a.mac, a.v4, other), atBoth},
		{"who has its IPv6 address", asks(service6), asks(beside6), atBoth},
		{"as the metadata service, ARP", arp(a.mac, 2, a.mac, service4, b.v4), arp(a.mac, 2, a.mac, a.v4, b.v4), atBoth},
		{"as the metadata service, to itself by ARP", arp(a.mac, 2, a.mac, a.v4, service4), arp(a.mac, 2, a.mac, a.v4, other), atBoth},
		{"as the metadata service, IPv4", eth(a.mac, b.mac, 0x0800, ipv4(service4, b.v4, 6, udp(80, 40000, data))),
			eth(a.mac, b.mac, 0x0800, ipv4(a.v4, b.v4, 6, udp(80, 40000, data))), atPeer},
		{"as the metadata service, IPv6", v6(b.mac, service6, b.v6), v6(b.mac, a.ll, b.v6), atPeer},
		{"as the metadata service, address detection", detects(service6), detects(netip.MustParseAddr("fe80::a9fe:1")), atBoth},
		{"as the metadata service, NA", icmp6Frame(a.mac, a.ll, 136, 0, nd(0x20, service6, lladdr(2, a.mac))),
			icmp6Frame(a.mac, a.ll, 136, 0, nd(0x20, a.ll, lladdr(2, a.mac))), atBoth},
	}
}

// metadataFromNetwork is what the physical network sends to pretend that it has the metadata service, and what it sends to it.
func (st *stage) metadataFromNetwork() []fromNetwork {
	a := st.a
	data := []byte("HTTP/1.1 200 OK")
	v4 := func(src, dst netip.Addr) []byte {
		return onUplink(eth(remote, a.mac, 0x0800, ipv4(src, dst, 6, udp(80, 40000, data))))
	}
	v6 := func(src, dst netip.Addr) []byte {
		return onUplink(eth(remote, a.mac, 0x86dd, ipv6(src, dst, 6, udp(80, 40000, data))))
	}
	asks := func(target netip.Addr) []byte {
		return onUplink(icmp6Frame(remote, remoteLL, 135, 0, nd(0, target, lladdr(1, remote))))
	}
	says := func(target netip.Addr) []byte {
		return onUplink(icmp6Frame(remote, remoteLL, 136, 0, nd(0x20, target, lladdr(2, remote))))
	}
	return []fromNetwork{
		{"an answer of the metadata service", v4(service4, a.v4), v4(beside4, a.v4)},
		{"to the metadata service", v4(remote4, service4), v4(remote4, a.v4)},
		{"an answer of the metadata service by IPv6", v6(service6, a.ll), v6(beside6, a.ll)},
		{"to the metadata service by IPv6", v6(remoteLL, service6), v6(remoteLL, a.ll)},
		{"ARP for the metadata service's address", onUplink(arp(remote, 2, remote, service4, a.v4)), onUplink(arp(remote, 2, remote, remote4, a.v4))},
		{"who has the metadata service's address", onUplink(arp(remote, 1, remote, remote4, service4)), onUplink(arp(remote, 1, remote, remote4, a.v4))},
		{"NA for the metadata service", says(service6), says(remoteLL)},
		{"who has its IPv6 address", asks(service6), asks(a.ll)},
	}
}
