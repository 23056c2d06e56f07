package compile

import (
	"net/netip"
	"slices"

	"weft/hostnet/object"
	"weft/model"
	"weft/model/desired"
)

// externalGateway is a namespace through which routers reach an external network. All distributed routers of a host share one. A
// centralized router has one of its own, which moves with it.
type externalGateway struct {
	owner, namespace string
	gateway          *desired.NodeGateway
	iface            RouterInterface
	// part and gate are for announcements. The external gateway of a centralized router is announced only where it is active.
	part string
	gate FailoverGate
	// lost says that the external gateway was given an IPv6 address, but has no IPv6 here.
	lost   bool
	noIPv6 bool // the host's kernel has none
}

// externalGatewayOf is the external gateway of a router; r is nil for the one that the host's distributed routers share.
func (s Site) externalGatewayOf(n *desired.Network, r *desired.Router) externalGateway {
	e := externalGateway{owner: n.UID, namespace: GatewayNamespace(n.UID), gate: openFailoverGate(), noIPv6: s.read.NoIPv6()}
	gateway := n.Gateway
	e.iface = RouterInterface{OwnerUID: n.UID, Device: ExternalGatewayDevice(n.UID), MAC: object.MAC(s.Host.RouterMAC)}
	if r != nil && r.Central != nil {
		e.owner, e.namespace, e.gate, e.part = r.UID, GatewayNamespace(r.UID), s.backend.FailoverGate(s, r), n.UID
		gateway = r.Central.External
		e.iface = RouterInterface{OwnerUID: r.UID, Device: CentralGatewayDevice(r.UID, n.UID), MAC: routerMAC(r), Central: r}
	}
	e.iface.Veth = object.Key{Kind: object.KindVeth, Name: e.namespace + "/" + externalDevice}
	if e.gateway, e.lost = s.usableGateway(gateway); e.gateway != nil {
		e.iface.Addresses = hostAddresses(e.gateway.Addresses)
	}
	return e
}

// externalGatewayFault says what an external gateway lacks on this host; empty when nothing.
func externalGatewayFault(n *desired.Network, e externalGateway) string {
	mac, g := e.iface.MAC, e.gateway
	switch {
	case g == nil:
		return "external network " + n.Project + "/" + n.Name + " has no address on this host yet"
	case mac == object.MAC{}:
		return "waits for the host's router MAC"
	case mac[0]&1 != 0 || mac == object.ServerMAC || mac == object.GatewayMAC:
		return "the router MAC " + mac.String() + " is reserved or no unicast address"
	case len(g.Addresses) > 2 || len(g.NextHops) > 2:
		return "there is more than one address or next hop of a family on the external network"
	}
	if why := prefixesFault(n, g.Addresses); why != "" {
		return why
	}
	seen := map[bool]bool{}
	for _, via := range g.NextHops {
		if !isGateway(n, via) || seen[via.Is4()] {
			return "next hop " + Quote(via.String()) + " is no gateway of the external network, or the second of its family"
		}
		seen[via.Is4()] = true
	}
	seen = map[bool]bool{}
	for _, p := range g.Addresses {
		if seen[p.Addr().Is4()] {
			return "there is more than one address of a family on the external network"
		}
		seen[p.Addr().Is4()] = true
	}
	return ""
}

// readyExternalGateway finds the external gateway for floating addresses of a router, or says why there is none.
func (s Site) readyExternalGateway(uid string, r *desired.Router) (n *desired.Network, e externalGateway, wait string) {
	n = s.read.Network(uid)
	switch {
	case n == nil:
		return nil, e, "waits for external network " + Quote(uid)
	case s.networkRefusal(n) != "":
		return nil, e, "external network " + n.Project + "/" + n.Name + " is refused: " + s.networkRefusal(n)
	}
	e = s.externalGatewayOf(n, r)
	if why := externalGatewayFault(n, e); why != "" {
		return nil, e, why
	}
	return n, e, ""
}

// isGateway says that the address is the gateway of a subnet, or in a subnet.
func isGateway(n *desired.Network, a model.Address) bool {
	_, inside := subnetOf(n, a.Addr)
	return inside || slices.ContainsFunc(n.Subnets, func(s desired.Subnet) bool { return s.Gateway == a && a.IsValid() })
}

// everything is the prefix of all addresses of the address's family.
func everything(a netip.Addr) netip.Prefix {
	if a.Is4() {
		return netip.PrefixFrom(netip.IPv4Unspecified(), 0)
	}
	return netip.PrefixFrom(netip.IPv6Unspecified(), 0)
}

func hostAddresses(prefixes []netip.Prefix) []netip.Addr {
	out := make([]netip.Addr, len(prefixes))
	for i, p := range prefixes {
		out[i] = p.Addr()
	}
	return out
}
