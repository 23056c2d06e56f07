package compile

import (
	"net/netip"

	"weft/hostnet/object"
	"weft/model/desired"
)

// exit is a namespace through which routers reach an external network. The host's exit is shared by all its distributed routers. A
// centralized router has an exit of its own, which moves with it.
type exit struct {
	owner, namespace string
	gateway          *desired.NodeGateway
	leg              Leg
	// part and gate are for announcements. The exit of a centralized router is announced only where it is active.
	part string
	gate Gate
	// lost says that the exit was given an IPv6 address, but has no IPv6 here.
	lost   bool
	noIPv6 bool // the host's kernel has none
}

// exitOf is the exit of a router to its external network; r is nil for the host's own exit.
func (s Site) exitOf(n *desired.Network, r *desired.Router) exit {
	e := exit{owner: n.UID, namespace: ExternalNamespace(n.UID), gate: openGate(), noIPv6: s.read.NoIPv6()}
	gateway := n.Gateway
	e.leg = Leg{OwnerUID: n.UID, Device: ExternalLegDevice(n.UID), MAC: object.MAC(s.Host.RouterMAC)}
	if r != nil && r.Central != nil {
		e.owner, e.namespace, e.gate, e.part = r.UID, ExternalNamespace(r.UID), s.backend.Gate(s, r), n.UID
		gateway = r.Central.External
		e.leg = Leg{OwnerUID: r.UID, Device: CentralLegDevice(r.UID, n.UID), MAC: routerMAC(r), Central: r}
	}
	e.leg.Veth = object.Key{Kind: object.KindVeth, Name: e.namespace + "/" + externalDevice}
	if e.gateway, e.lost = s.usableGateway(gateway); e.gateway != nil {
		e.leg.Addresses = hostParts(e.gateway.Addresses)
	}
	return e
}

// exitFault says what an exit lacks on this host; empty when nothing.
func exitFault(n *desired.Network, e exit) string {
	mac, g := e.leg.MAC, e.gateway
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
		if _, ok := subnetOf(n, via.Addr); !ok || seen[via.Is4()] {
			return "next hop " + Quote(via.String()) + " is in no subnet of the external network, or the second of its family"
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

// externalRoad finds the exit to an external network for floating addresses of a router, or says why there is none.
func (s Site) externalRoad(uid string, r *desired.Router) (n *desired.Network, e exit, wait string) {
	n = s.read.Network(uid)
	switch {
	case n == nil:
		return nil, e, "waits for external network " + Quote(uid)
	case s.networkRefusal(n) != "":
		return nil, e, "external network " + n.Project + "/" + n.Name + " is refused: " + s.networkRefusal(n)
	}
	e = s.exitOf(n, r)
	if why := exitFault(n, e); why != "" {
		return nil, e, why
	}
	return n, e, ""
}

// everything is the prefix of all addresses of the address's family.
func everything(a netip.Addr) netip.Prefix {
	if a.Is4() {
		return netip.PrefixFrom(netip.IPv4Unspecified(), 0)
	}
	return netip.PrefixFrom(netip.IPv6Unspecified(), 0)
}

func hostParts(prefixes []netip.Prefix) []netip.Addr {
	out := make([]netip.Addr, len(prefixes))
	for i, p := range prefixes {
		out[i] = p.Addr()
	}
	return out
}
