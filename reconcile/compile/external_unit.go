package compile

import (
	"net/netip"

	"weft/hostnet/object"
	"weft/model/desired"
)

// external adds the namespace through which the host's routers reach an external network, as the host's own address there.
func (c compiler) external(b *Builder, s Site, fabric Fabric, n *desired.Network) {
	if why := externalFault(s.Host, n); why != "" {
		b.Pend("%s", why)
		return
	}
	namespace := ExternalNamespace(n.UID)
	b.Add(&object.Namespace{OwnerUID: n.UID, Name: namespace})
	leg := externalLeg(s.Host, n)
	veth := &object.Veth{OwnerUID: n.UID, Namespace: namespace, Name: externalDevice, MAC: leg.MAC,
		Peer: object.VethEnd{Name: leg.Device}, MTU: n.MTU}
	b.Add(veth)
	addresses := &object.Addresses{OwnerUID: n.UID, Namespace: namespace, Device: externalDevice, Prefixes: n.Gateway.Addresses,
		After: []object.Key{veth.Key()}}
	b.Add(addresses)
	nat := &object.NATTable{OwnerUID: n.UID, Namespace: namespace, Role: object.NATExternal, Outside: externalDevice,
		Sources: leg.Addresses, After: []object.Key{veth.Key()}}
	b.Add(nat)
	for _, via := range n.Gateway.NextHops {
		b.Add(&object.Route{OwnerUID: n.UID, Namespace: namespace, Destination: everything(via.Addr), Via: via.Addr,
			Device: externalDevice, After: []object.Key{addresses.Key(), nat.Key()}})
	}
	plug := fabric.ExternalLeg(b, s, n, leg)
	if plug.Uplink != "" && len(leg.Addresses) > 0 {
		b.Add(&object.Announcement{OwnerUID: n.UID, Device: plug.Uplink, VLAN: n.SegmentationID, MAC: leg.MAC,
			Addresses: leg.Addresses, After: append(plug.Announce, addresses.Key())})
	}
}

// externalLeg is the external namespace's place on its network.
func externalLeg(h *desired.Host, n *desired.Network) Leg {
	return Leg{OwnerUID: n.UID, Device: ExternalLegDevice(n.UID), MAC: object.MAC(h.RouterMAC), Addresses: hostParts(n.Gateway.Addresses),
		Veth: object.Key{Kind: object.KindVeth, Name: ExternalNamespace(n.UID) + "/" + externalDevice}}
}

// externalFault says what an external network lacks on this host; empty when nothing.
func externalFault(h *desired.Host, n *desired.Network) string {
	switch {
	case h.RouterMAC.IsZero():
		return "waits for the host's router MAC"
	case h.RouterMAC[0]&1 != 0 || object.MAC(h.RouterMAC) == object.ServerMAC || object.MAC(h.RouterMAC) == object.GatewayMAC:
		return "the host's router MAC " + h.RouterMAC.String() + " is reserved or no unicast address"
	case len(n.Gateway.Addresses) > 2 || len(n.Gateway.NextHops) > 2:
		return "the node has more than one address or next hop of a family on the external network"
	}
	if why := prefixesFault(n, n.Gateway.Addresses); why != "" {
		return why
	}
	seen := map[bool]bool{}
	for _, via := range n.Gateway.NextHops {
		if _, ok := subnetOf(n, via.Addr); !ok || seen[via.Is4()] {
			return "next hop " + quote(via.String()) + " is in no subnet of the external network, or the second of its family"
		}
		seen[via.Is4()] = true
	}
	seen = map[bool]bool{}
	for _, p := range n.Gateway.Addresses {
		if seen[p.Addr().Is4()] {
			return "the node has more than one address of a family on the external network"
		}
		seen[p.Addr().Is4()] = true
	}
	return ""
}

// externalRoad judges a network as the way out for floating addresses: its leg and what there is to say why not.
func (c compiler) externalRoad(h *desired.Host, uid string) (n *desired.Network, wait string) {
	n = c.slice.Networks[uid]
	switch {
	case n == nil:
		return nil, "waits for external network " + quote(uid)
	case c.networkRefusal(n) != "":
		return nil, "external network " + n.Project + "/" + n.Name + " is refused: " + c.networkRefusal(n)
	case n.Gateway == nil:
		return nil, "external network " + n.Project + "/" + n.Name + " has no address on this host yet"
	}
	if why := externalFault(h, n); why != "" {
		return nil, "external network " + n.Project + "/" + n.Name + ": " + why
	}
	return n, ""
}

func inSubnets(n *desired.Network, a netip.Addr) bool {
	_, ok := subnetOf(n, a)
	return ok
}
