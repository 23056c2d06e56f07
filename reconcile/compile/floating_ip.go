package compile

import (
	"net/netip"
	"slices"

	"weft/hostnet/object"
	"weft/model/desired"
)

// floatingKind compiles a floating address: its translation and its announcement.
func floatingKind() Kind {
	return Kind{ItemKind: desired.FloatingIPKind(), Item: ReadFloatingIP, Shares: floatingShares,
		Compile: compiling((*Reader).FloatingIP, Compiler.floatingIP)}
}

// floatingIP compiles one floating address: its translation in the router's namespace, the route to it from the external network,
// and its announcement there. Its cost does not depend on the number of others.
func (c Compiler) floatingIP(b *Builder, f *desired.FloatingIP) {
	s, ok := c.site(b)
	if !ok {
		return
	}
	if c.read.NoIPv6() && f.Address.Is6() {
		b.Pend("%s", withoutIPv6)
		return
	}
	router, why := floatingRouter(f)
	if why == "" {
		why = c.floatingRival(f)
	}
	if why != "" {
		b.Refuse("%s", why)
		return
	}
	n, e, wait := s.readyExternalGateway(f.Network, c.read.Router(router))
	if wait == "" {
		wait = c.floatingWait(f, n, e, router)
	}
	if wait != "" {
		b.Pend("%s", wait)
		return
	}
	address := f.Address.Addr
	mapping := &object.NATMapping{OwnerUID: f.UID, Namespace: RouterNamespace(router), Floating: address, Fixed: f.Fixed.Addr,
		Forwards: natForwards(f.Forwards), Rates: rateLimits(f.Limits)}
	b.Add(mapping)
	s.floatingRoute(b, n, e, f, router, mapping.Key())
}

// floatingRoute adds the route, the proxy and the announcement by which the external network reaches the address here.
func (s Site) floatingRoute(b *Builder, n *desired.Network, e externalGateway, f *desired.FloatingIP, router string,
	mapping object.Key) {
	address, external, peer := f.Address.Addr, e.namespace, transitPeer(router)
	_, ours := transitPair(s.read.Transit(router))
	via := ours[0].Addr()
	if address.Is6() {
		via = ours[1].Addr()
	}
	route := &object.Route{OwnerUID: f.UID, Namespace: external, Destination: netip.PrefixFrom(address, address.BitLen()), Via: via,
		Device: peer, After: []object.Key{{Kind: object.KindAddresses, Name: external + "/" + peer}, mapping}}
	b.Add(route)
	iface := e.iface
	proxy := &object.Proxy{OwnerUID: f.UID, Namespace: external, Device: externalDevice, Address: address,
		After: []object.Key{iface.Veth, route.Key()}}
	b.Add(proxy)
	plug := s.backend.ExternalGateway(&Builder{}, s, n, iface)
	if plug.Device != "" && e.gate.Active {
		b.Add(&object.Announcement{OwnerUID: f.UID, Device: plug.Uplink, VLAN: n.SegmentationID, MAC: iface.MAC,
			Addresses: []netip.Addr{address}, After: append(plug.Announce, proxy.Key()), Network: n.UID, Local: iface.Device, Router: true})
	}
}

// floatingRouter finds the one router that a floating address leads through, or says what is wrong with the floating address
// itself.
func floatingRouter(f *desired.FloatingIP) (router, why string) {
	a := f.Address
	switch {
	case f.UID == "":
		return "", "the floating address has no uid"
	case !canonical(a.Addr):
		return "", "address " + Quote(a.String()) + " is not in canonical form"
	case rateLimitsFault(f.Limits) != "":
		return "", rateLimitsFault(f.Limits)
	case len(f.Forwards) > maxForwards:
		return "", "more than 1000 port forwards"
	case f.Fixed.IsValid() == (len(f.Forwards) > 0):
		return "", "a floating address has either a fixed address or port forwards"
	case f.Fixed.IsValid():
		if !canonical(f.Fixed.Addr) || f.Fixed.Is4() != a.Is4() {
			return "", "fixed address " + Quote(f.Fixed.String()) + " is not of the floating address's family"
		}
		return f.Router, ""
	}
	for i, w := range f.Forwards {
		switch {
		case w.Router != f.Forwards[0].Router:
			return "", "its port forwards lead through more than one router"
		case !canonical(w.To.Addr) || w.To.Is4() != a.Is4():
			return "", "a forward's address " + Quote(w.To.String()) + " is not of the floating address's family"
		case w.Protocol != "tcp" && w.Protocol != "udp":
			return "", "forwarded protocol " + Quote(w.Protocol) + " is neither tcp nor udp"
		case w.First == 0 || w.Last < w.First || w.ToFirst == 0 || int(w.ToFirst)+int(w.Last-w.First) > 65535:
			return "", "forwarded ports are out of range"
		case slices.ContainsFunc(f.Forwards[:i], func(o desired.Forward) bool { return forwardsOverlap(o, w) }):
			return "", "its port forwards overlap"
		}
	}
	return f.Forwards[0].Router, ""
}

func forwardsOverlap(a, b desired.Forward) bool {
	return a.Protocol == b.Protocol && a.First <= b.Last && b.First <= a.Last
}

func canonical(a netip.Addr) bool {
	return a.IsValid() && !a.Is4In6() && a.Zone() == "" && !a.IsUnspecified() && !a.IsMulticast() && !a.IsLoopback()
}

// floatingRival says which other floating address has this one's address: that with the lower uid. It is empty when there is none.
func (c Compiler) floatingRival(f *desired.FloatingIP) string {
	for _, uid := range c.read.Sorted(GroupFloatingAddress, floatingName(f)) {
		if uid < f.UID && c.read.FloatingIP(uid) != nil {
			return "address " + f.Address.String() + " belongs to floating address " + uid + " already"
		}
	}
	return ""
}

// floatingWait says what a floating address waits for on this host; empty when nothing.
func (c Compiler) floatingWait(f *desired.FloatingIP, n *desired.Network, e externalGateway, router string) string {
	r := c.read.Router(router)
	switch {
	case r == nil || routerFault(r) != "" || r.External != n.UID:
		return "waits for a router to external network " + n.Project + "/" + n.Name
	case !inSubnets(n, f.Address.Addr):
		return "address " + f.Address.String() + " is in no subnet of the external network"
	}
	for _, p := range e.gateway.Addresses {
		if p.Addr() == f.Address.Addr {
			return "address " + f.Address.String() + " is this host's own on the external network"
		}
	}
	return ""
}

func natForwards(in []desired.Forward) []object.NATForward {
	var out []object.NATForward
	for _, w := range in {
		out = append(out, object.NATForward{Protocol: w.Protocol, First: w.First, Last: w.Last, To: w.To.Addr, ToFirst: w.ToFirst})
	}
	return out
}

func inSubnets(n *desired.Network, a netip.Addr) bool {
	_, ok := subnetOf(n, a)
	return ok
}

func floatingShares(c *desired.NodeConfig, uid string) []Read {
	f := c.FloatingIP(uid)
	if f == nil {
		return nil
	}
	return []Read{{GroupFloatingAddress, floatingName(f)}}
}

func floatingName(f *desired.FloatingIP) string { return f.Network + "/" + f.Address.String() }
