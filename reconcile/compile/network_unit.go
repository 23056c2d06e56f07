package compile

import (
	"fmt"
	"net/netip"
	"weft/hostnet/object"
	"weft/model"
	"weft/model/desired"
)

// networkKind compiles a network: its segment on the physical network, and its gateway when it is external.
func networkKind() Kind {
	return Kind{ItemKind: desired.NetworkKind(), Item: ReadNetwork, Compile: compiling((*Reader).Network, Compiler.network), Shares: networkShares}
}

// maxSubnets bounds the subnets of one network on a host.
const maxSubnets = 64

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
		s.addExit(b, n, s.exitOf(n, nil))
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

// OnlyLocal is the sentence that a network's guests only reach this host, with the reason.
func OnlyLocal(why string) string { return "guests reach only this host: " + why }

// NoUplink is the reason that a host has no uplink to a network's physical network.
func NoUplink(n *desired.Network) string {
	return "it has no uplink to physical network " + Quote(n.PhysicalNetwork)
}

// networkRefusal says why a network is refused: a fault of its own or a conflict with another one; empty when it is not.
func (c Compiler) networkRefusal(n *desired.Network) string {
	if why := networkFault(n); why != "" {
		return why
	}
	return c.networkRival(n)
}

// networkFault says why a network cannot be wired anywhere; empty when it can.
func networkFault(n *desired.Network) string {
	_, hasNumber := NetworkNumber(n.UID)
	switch {
	case n.Type != model.NetworkTypeVLAN:
		return "network type " + Quote(string(n.Type)) + " is not known to this version"
	case !hasNumber:
		return "uid " + Quote(n.UID) + " is no UUID with a number of its own"
	case n.SegmentationID < 1 || n.SegmentationID > 4094:
		return "VLAN id is not between 1 and 4094"
	case n.MTU < 68 || n.MTU > 65535:
		return "MTU is not between 68 and 65535"
	case len(n.Subnets) > maxSubnets:
		return "more than 64 subnets"
	}
	return ""
}

// networkRival says which other network has this one's number or VLAN: that with the lower uid. It is empty when there is none.
func (c Compiler) networkRival(n *desired.Network) string {
	number, _ := NetworkNumber(n.UID)
	for _, uid := range c.read.Sorted(GroupNumber, numberName(number)) {
		if c.precedes(uid, n.UID) {
			return "its number on this host (the first half of its uid) belongs to network " + uid
		}
	}
	for _, uid := range c.read.Sorted(GroupSegment, segmentName(n)) {
		if c.precedes(uid, n.UID) {
			return "its VLAN id on physical network " + Quote(n.PhysicalNetwork) + " belongs to network " + uid
		}
	}
	return ""
}

func (c Compiler) precedes(rival, uid string) bool {
	n := c.read.Network(rival)
	return rival < uid && n != nil && networkFault(n) == ""
}

func networkShares(c *desired.NodeConfig, uid string) []Read {
	n := c.Network(uid)
	if n == nil {
		return nil
	}
	shares := []Read{{GroupSegment, segmentName(n)}}
	if number, ok := NetworkNumber(uid); ok {
		shares = append(shares, Read{GroupNumber, numberName(number)})
	}
	if n.Gateway != nil {
		shares = append(shares, Read{GroupLegDevice, ExternalLegDevice(uid)})
	}
	return shares
}

func segmentName(n *desired.Network) string {
	return fmt.Sprintf("%s/%d", n.PhysicalNetwork, n.SegmentationID)
}

func numberName(number uint64) string { return fmt.Sprint(number) }
