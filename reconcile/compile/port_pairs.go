package compile

import (
	"fmt"
	"net/netip"
	"slices"

	"weft/hostnet/object"
	"weft/model"
	"weft/model/desired"
)

// pairsFault says what is wrong with a port's allowed address pairs; empty when nothing. The controllers check the same. The host checks
// it again, because a pair opens port security.
func pairsFault(n *desired.Network, p *desired.Port) string {
	if len(p.AddressPairs) > model.MaxAddressPairs {
		return fmt.Sprintf("more than %d allowed address pairs", model.MaxAddressPairs)
	}
	for _, pair := range p.AddressPairs {
		if why := pairMACFault(pair.MAC); why != "" {
			return "allowed address pair " + pair.Address.String() + ": " + why
		}
		if why := pairAddressFault(n, pair.Address.Prefix); why != "" {
			return "allowed address pair " + pair.Address.String() + " " + why
		}
	}
	return ""
}

func pairMACFault(m model.MAC) string {
	switch {
	case m.IsZero() || m[0]&1 != 0:
		return "MAC is not a unicast address"
	case object.MAC(m) == object.ServerMAC:
		return "MAC " + m.String() + " is reserved for Weft's own servers"
	case object.MAC(m) == object.GatewayMAC:
		return "MAC " + m.String() + " is reserved for routers"
	}
	return ""
}

// unpaired are the blocks that are never in a pair.
var unpaired = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("169.254.0.0/16"), netip.MustParsePrefix("224.0.0.0/3"),
	netip.MustParsePrefix("::/96"), netip.MustParsePrefix("::ffff:0:0/96"), netip.MustParsePrefix("fe80::/10"), netip.MustParsePrefix("ff00::/8"),
}

func pairAddressFault(n *desired.Network, b netip.Prefix) string {
	if !b.IsValid() || b != b.Masked() || b.Addr().Is4In6() {
		return "is not in canonical form"
	}
	if b.Bits() == 0 || slices.ContainsFunc(unpaired, b.Overlaps) {
		return "has addresses that no guest may use"
	}
	if n == nil {
		return ""
	}
	for _, s := range n.Subnets {
		if s.DHCPServer.IsValid() && b.Contains(s.DHCPServer.Addr) {
			return "has the address of the network's DHCP server"
		}
		if s.Gateway.IsValid() && b.Contains(s.Gateway.Addr) {
			return "has the address of the network's gateway"
		}
	}
	return ""
}

// pairClash says that a port's pairs use an address or MAC of a router here, or the MAC of another port of the network; empty when they do
// not.
func (c Compiler) pairClash(p *desired.Port) string {
	if len(p.AddressPairs) == 0 {
		return ""
	}
	iface, _ := c.gateway(p.Network)
	h := c.read.Host()
	for _, pair := range p.AddressPairs {
		for _, g := range iface.Addresses {
			if pair.Address.Contains(g.Addr()) {
				return "allowed address pair " + pair.Address.String() + " has " + g.Addr().String() + ", which is that of the network's router"
			}
		}
		if pair.MAC == p.MAC {
			continue
		}
		if h != nil && pair.MAC == h.RouterMAC {
			return "MAC " + pair.MAC.String() + " of an allowed address pair is the host's own for routers"
		}
		for uid := range c.read.Group(GroupMAC, macName(p.Network, pair.MAC)) {
			if uid != p.UID {
				return "MAC " + pair.MAC.String() + " of an allowed address pair belongs to port " + uid + " of the same network"
			}
		}
	}
	return ""
}

// PairMACs are the MACs of a port's allowed address pairs besides its own, each once and in order.
func PairMACs(p *desired.Port) []object.MAC {
	var list []object.MAC
	for _, pair := range p.AddressPairs {
		if m := object.MAC(pair.MAC); pair.MAC != p.MAC && !slices.Contains(list, m) {
			list = append(list, m)
		}
	}
	slices.SortFunc(list, func(a, b object.MAC) int { return slices.Compare(a[:], b[:]) })
	return list
}

// Distributed is the device of the distributed router's interface on a network here; empty when there is none.
func (s Site) Distributed(network string) string {
	owner := s.read.interfaceOwner(network)
	if r := s.read.Router(owner); owner == "" || r == nil || r.Central != nil {
		return ""
	}
	return RouterInterfaceDevice(owner, network)
}
