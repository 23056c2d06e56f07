package compile

import (
	"net/netip"

	"weft/hostnet/object"
	"weft/model"
	"weft/model/desired"
)

// routerKind compiles a router: its namespace, its router interfaces and its routes.
func routerKind() Kind {
	return Kind{ItemKind: desired.RouterKind(), Item: ReadRouter, Shares: routerShares,
		Compile: compiling((*Reader).Router, Compiler.router),
		filed:   func(x *Index, _ *desired.NodeConfig, changed readSet) { x.assignTransits(changed) }}
}

// router compiles a router's namespace with its interfaces and its connection to the external network.
func (c Compiler) router(b *Builder, r *desired.Router) {
	s, ok := c.site(b)
	if !ok {
		return
	}
	r = c.usableRouter(b, r)
	if why := routerFault(r); why != "" {
		b.Refuse("%s", why)
		return
	}
	if r.Central != nil {
		if why := centralFault(s.Host, r); why != "" {
			b.Refuse("%s", why)
			return
		}
		role := s.backend.FailoverGate(s, r).GatewayRole
		b.Gateway = &role
	}
	namespace := RouterNamespace(r.UID)
	b.Add(&object.Namespace{OwnerUID: r.UID, Name: namespace})
	for _, iface := range r.Interfaces {
		s.routerInterface(b, r, iface)
	}
	if r.External != "" {
		s.transit(b, r)
	}
}

// routerInterface adds one interface of a router, unless its network is missing or another router has it.
func (s Site) routerInterface(b *Builder, r *desired.Router, iface desired.RouterInterface) {
	n := s.read.Network(iface.Network)
	if n == nil {
		b.Pend("waits for network %s", Quote(iface.Network))
		return
	}
	if why := s.networkRefusal(n); why != "" {
		b.Pend("network %s/%s is refused: %s", n.Project, n.Name, why)
		return
	}
	if owner := s.read.interfaceOwner(iface.Network); owner != r.UID {
		b.Refuse("network %s/%s belongs to router %s already", n.Project, n.Name, owner)
		return
	}
	if n.Gateway != nil { // the host's own router interface there takes the same frames
		b.Refuse("network %s/%s is an external network: a router has no interface on one", n.Project, n.Name)
		return
	}
	if why := interfaceFault(n, iface); why != "" {
		b.Refuse("network %s/%s: %s", n.Project, n.Name, why)
		return
	}
	namespace, inner, outer := RouterNamespace(r.UID), RouterInterfaceName(n.UID), RouterInterfaceDevice(r.UID, n.UID)
	veth := &object.Veth{OwnerUID: r.UID, Namespace: namespace, Name: inner, MAC: routerMAC(r),
		Peer: object.VethEnd{Name: outer}, MTU: n.MTU, Threaded: s.userspace(), After: []object.Key{b.Silence(r.UID, outer)}}
	b.Add(veth)
	addresses := &object.Addresses{OwnerUID: r.UID, Namespace: namespace, Device: inner, Prefixes: iface.Addresses,
		After: []object.Key{veth.Key()}}
	b.Add(addresses)
	joined := RouterInterface{OwnerUID: r.UID, Device: outer, MAC: routerMAC(r), Addresses: hostAddresses(iface.Addresses), Veth: veth.Key()}
	if r.Central == nil {
		plug := s.backend.RouterInterface(b, s, n, joined)
		announceInterface(b, n, joined, plug, openFailoverGate(), n.UID, addresses.Key())
		return
	}
	joined.Central = r
	plug := s.backend.ExternalGateway(b, s, n, joined)
	announceInterface(b, n, joined, plug, s.backend.FailoverGate(s, r), n.UID, addresses.Key())
}

// transit adds the connection from a router's namespace to the gateway namespace on the same host.
func (s Site) transit(b *Builder, r *desired.Router) {
	x := s.read.Network(r.External)
	switch {
	case x == nil:
		b.Pend("waits for external network %s", Quote(r.External))
		return
	case s.networkRefusal(x) != "":
		b.Pend("external network %s/%s is refused: %s", x.Project, x.Name, s.networkRefusal(x))
		return
	}
	e := s.externalGatewayOf(x, r)
	if e.gateway == nil {
		b.Pend("external network %s/%s has no address on this host yet", x.Project, x.Name)
		return
	}
	if r.Central != nil {
		s.addExternalGateway(b, x, e)
	}
	namespace, external, peer := RouterNamespace(r.UID), e.namespace, transitPeer(r.UID)
	veth := &object.Veth{OwnerUID: r.UID, Namespace: namespace, Name: transitDevice,
		Peer: object.VethEnd{Namespace: external, Name: peer}, MTU: x.MTU}
	b.Add(veth)
	theirs, ours := transitPair(s.read.Transit(r.UID))
	theirs, _ = s.usable(theirs)
	ours, _ = s.usable(ours)
	if x.MTU < model.MinMTUv6 { // the kernel has no IPv6 on such a device (RFC 8200 section 5), nor has the external network
		theirs, ours = theirs[:1], ours[:1]
	}
	b.Add(&object.Addresses{OwnerUID: r.UID, Namespace: external, Device: peer, Prefixes: theirs, After: []object.Key{veth.Key()}})
	addresses := &object.Addresses{OwnerUID: r.UID, Namespace: namespace, Device: transitDevice, Prefixes: ours,
		After: []object.Key{veth.Key()}}
	b.Add(addresses)
	nat := &object.NATTable{OwnerUID: r.UID, Namespace: namespace, Role: object.NATRouter, Outside: transitDevice,
		Sources: hostAddresses(ours), Management: s.Management(), Limits: natLimits(e.gateway), Rates: rateLimits(r.Limits),
		After: []object.Key{veth.Key()}}
	b.Add(nat)
	if e.gateway.RoutedIPv6 && len(ours) > 1 {
		nat.Sources, nat.RoutedIPv6 = nat.Sources[:1], true
		addRouted(b, r, external, peer, ours[1].Addr())
	}
	for _, gateway := range hostAddresses(theirs) {
		b.Add(&object.Route{OwnerUID: r.UID, Namespace: namespace, Destination: everything(gateway), Via: gateway,
			Device: transitDevice, After: []object.Key{addresses.Key(), nat.Key()}})
	}
}

// addRouted adds routes for a router's IPv6 prefixes from the gateway namespace to the router. The upstream router knows the
// prefixes, and nothing is translated. If two routers of a host have the same prefix, the engine gives the route to the first one.
func addRouted(b *Builder, r *desired.Router, external, peer string, via netip.Addr) {
	seen := map[netip.Prefix]bool{}
	for _, iface := range r.Interfaces {
		for _, p := range iface.Addresses {
			if prefix := p.Masked(); p.IsValid() && p.Addr().Is6() && !seen[prefix] {
				seen[prefix] = true
				b.Add(&object.Route{OwnerUID: r.UID, Namespace: external, Destination: prefix, Via: via, Device: peer,
					After: []object.Key{{Kind: object.KindAddresses, Name: external + "/" + peer}}})
			}
		}
	}
}

func routerShares(c *desired.NodeConfig, uid string) []Read {
	r := c.Router(uid)
	if r == nil {
		return nil
	}
	shares := []Read{{GroupRouters, ""}}
	for _, iface := range r.Interfaces[:min(len(r.Interfaces), maxInterfaces)] {
		shares = append(shares, named([]Read{{GroupRouterInterface, iface.Network}, {GroupRouterDevice, RouterInterfaceDevice(uid, iface.Network)}})...)
	}
	shares = append(shares, named([]Read{{GroupExternal, r.External}})...)
	if r.Central != nil {
		shares = append(shares, named([]Read{{GroupWatch, r.Central.Watch}, {GroupRouterDevice, CentralGatewayDevice(uid, r.External)}})...)
	}
	return shares
}
