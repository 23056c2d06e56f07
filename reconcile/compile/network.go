package compile

import (
	"net/netip"
	"slices"

	"weft/hostnet/object"
	"weft/model/desired"
)

// networkKind compiles a network: its segment on the physical network, and its gateway when it is external.
func networkKind() Kind {
	return Kind{ItemKind: desired.NetworkKind(), Item: ReadNetwork, Shares: networkShares,
		Compile: compiling((*Reader).Network, Compiler.network),
		filed:   func(x *Index, _ *desired.NodeConfig, changed readSet) { x.assignZones(changed) }}
}

// network compiles one network. The backend adds what its frames need besides its ports.
func (c Compiler) network(b *Builder, n *desired.Network) {
	s, ok := c.site(b)
	if !ok {
		return
	}
	if why := c.networkRefusal(n); why != "" {
		b.Refuse("%s", why)
		return
	}
	s.backend.Network(b, s, n)
	announceCentral(b, n)
	if n.Gateway != nil {
		s.addExternalGateway(b, n, s.externalGatewayOf(n, nil))
	}
}

// announceCentral announces the gateway to this host's guests, for a network whose router is on gateway hosts. The gateway host
// announces it on the physical network, but perhaps before this host has stopped being the gateway, and a host that still is the
// gateway does not receive it.
func announceCentral(b *Builder, n *desired.Network) {
	if n.CentralMAC.IsZero() {
		return
	}
	a := &object.Announcement{OwnerUID: n.UID, Part: "central", MAC: object.MAC(n.CentralMAC), Network: n.UID, Router: true}
	for _, s := range n.Subnets {
		if s.Gateway.IsValid() {
			a.Addresses = append(a.Addresses, s.Gateway.Addr)
		}
	}
	for _, o := range b.Objects {
		a.After = append(a.After, o.Key())
	}
	if len(a.Addresses) > 0 {
		b.Add(a)
	}
}

// LinkLocalGateways lists the link-local IPv6 addresses of routers that exist on the network, each once. No guest may have one of them.
func LinkLocalGateways(n *desired.Network) []netip.Addr {
	var gateways []netip.Addr
	for _, s := range n.Subnets {
		if a := s.Gateway.Addr; a.Is6() && a.IsLinkLocalUnicast() && !slices.Contains(gateways, a) {
			gateways = append(gateways, a)
		}
	}
	return gateways
}

// DHCPServers lists the network's DHCPv4 server addresses, each once.
func DHCPServers(n *desired.Network) []netip.Addr {
	var servers []netip.Addr
	seen := map[netip.Addr]bool{}
	for _, s := range n.Subnets {
		if a := s.DHCPServer.Addr; a.Is4() && !seen[a] {
			seen[a] = true
			servers = append(servers, a)
		}
	}
	return servers
}

func networkShares(c *desired.NodeConfig, uid string) []Read {
	n := c.Network(uid)
	if n == nil {
		return nil
	}
	shares := []Read{{GroupNetworks, ""}, {GroupSegment, segmentName(n)}}
	if number, ok := NetworkNumber(uid); ok {
		shares = append(shares, Read{GroupNumber, numberName(number)})
	}
	if n.Gateway != nil {
		shares = append(shares, Read{GroupRouterDevice, ExternalGatewayDevice(uid)})
	}
	return append(shares, scopeShares(n)...)
}
