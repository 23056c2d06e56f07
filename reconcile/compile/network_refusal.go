package compile

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/netip"
	"strings"

	"weft/hostnet/object"
	"weft/model"
	"weft/model/desired"
)

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
	case n.Type != model.NetworkTypeVLAN && n.Type != model.NetworkTypeFlat:
		return "network type " + Quote(string(n.Type)) + " is not known to this version"
	case !hasNumber:
		return "uid " + Quote(n.UID) + " is no UUID with a number of its own"
	case n.Type == model.NetworkTypeVLAN && (n.SegmentationID < 1 || n.SegmentationID > 4094):
		return "VLAN id is not between 1 and 4094"
	case n.Type == model.NetworkTypeFlat && n.SegmentationID != 0:
		return "a flat network has no VLAN id"
	case n.Type == model.NetworkTypeFlat && n.PhysicalNetwork == "":
		return "a flat network has no physical network"
	case n.MTU < 68 || n.MTU > 65535:
		return "MTU is not between 68 and 65535"
	case len(n.Subnets) > maxSubnets:
		return "more than 64 subnets"
	}
	for _, s := range n.Subnets {
		if why := gatewayFault(s); why != "" {
			return "gateway " + Quote(s.Gateway.String()) + " " + why
		}
	}
	return ""
}

// gatewayFault says why a subnet cannot have its gateway; empty when it can, or has none.
func gatewayFault(s desired.Subnet) string {
	switch a := s.Gateway.Addr; {
	case !a.IsValid():
	case a == object.ServerLinkLocal || a == object.GatewayLinkLocal || a == object.MetadataIPv4 || a == object.MetadataIPv6:
		return "is reserved for Weft's own servers and routers"
	case a.Is4In6() || a.Zone() != "" || a.Is4() != s.CIDR.Addr().Is4():
		return "is not in canonical form, or not of the family of " + s.CIDR.String()
	case !s.CIDR.Contains(a) && a.Is6() && !a.IsLinkLocalUnicast():
		return "is neither in " + s.CIDR.String() + " nor link-local"
	}
	return ""
}

// maxSubnets bounds the subnets of one network on a host.
const maxSubnets = 64

// networkRival says which other network has this one's number or segment: that with the lower uid. It is empty when there is none.
func (c Compiler) networkRival(n *desired.Network) string {
	number, _ := NetworkNumber(n.UID)
	for _, uid := range c.read.Sorted(GroupNumber, numberName(number)) {
		if c.precedes(uid, n.UID) {
			return "its number on this host (the first half of its uid) belongs to network " + uid
		}
	}
	for _, uid := range c.read.Sorted(GroupSegment, segmentName(n)) {
		if c.precedes(uid, n.UID) && n.Type == model.NetworkTypeFlat {
			return "the untagged segment of physical network " + Quote(n.PhysicalNetwork) + " belongs to network " + uid
		}
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

// segmentName names a network's segment. A flat network's has the id 0.
func segmentName(n *desired.Network) string {
	return fmt.Sprintf("%s/%d", n.PhysicalNetwork, n.SegmentationID)
}

func numberName(number uint64) string { return fmt.Sprint(number) }

// OnlyLocal is the sentence that a network's guests only reach this host, with the reason.
func OnlyLocal(why string) string { return "guests reach only this host: " + why }

// NoUplink is the reason that a host has no uplink to a network's physical network.
func NoUplink(n *desired.Network) string {
	return "it has no uplink to physical network " + Quote(n.PhysicalNetwork)
}

// NetworkNumber is the number by which a host tells its networks apart: the first 8 bytes of a network's uid, which is a UUID. It
// needs no allocation and survives restarts. It is false when the uid is no UUID or the number would be 0.
func NetworkNumber(uid string) (uint64, bool) {
	if len(uid) != 36 || uid[8] != '-' || uid[13] != '-' || uid[18] != '-' || uid[23] != '-' {
		return 0, false
	}
	raw, err := hex.DecodeString(strings.ReplaceAll(uid, "-", ""))
	if err != nil || len(raw) != 16 {
		return 0, false
	}
	n := binary.BigEndian.Uint64(raw)
	return n, n != 0
}

// subnetOf finds the subnet an address is in.
func subnetOf(n *desired.Network, a netip.Addr) (desired.Subnet, bool) {
	for _, s := range n.Subnets {
		if s.CIDR.Contains(a) {
			return s, true
		}
	}
	return desired.Subnet{}, false
}
