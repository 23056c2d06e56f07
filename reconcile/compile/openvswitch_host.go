package compile

import (
	"slices"

	"weft/hostnet/object"
	"weft/model/desired"
)

// Features of flow sets. A cookie is made of the owner and the feature.
const (
	FeatureBridge  = "bridge"
	FeatureNetwork = "network"
	FeaturePort    = "port"
)

// OpenVSwitch is the backend of hosts that wire guests with one Open vSwitch bridge. README.md describes its tables.
type OpenVSwitch struct{}

// Host adds the bridge, the uplinks and the flows that all guests share.
func (OpenVSwitch) Host(b *Builder, s Site) {
	h := s.Host
	if why := s.bridgeRefusal(h); why != "" {
		b.Refuse("%s", why)
		return
	}
	b.Add(&object.Bridge{
		OwnerUID: h.UID, Name: h.Bridge, DatapathType: s.read.DatapathType(), FailMode: "secure",
		Protocols: object.BridgeProtocols(), Fragments: object.FragmentsNXMatch,
		// In-band control would insert hidden flows before ours.
		Settings: []object.Setting{{Key: "disable-in-band", Value: "true"}},
	})
	b.Silence(h.UID, h.Bridge)
	s.silenceStrangers(b)
	var ports []uint32
	for i, wanted := range h.Uplinks {
		up := s.uplink(h, i)
		switch {
		case up.refused != "":
			b.Refuse("%s", up.refused)
			continue
		case up.missing:
			b.Pend("%s", up.pending)
			continue
		case up.pending != "":
			b.Pend("%s", up.pending)
		}
		port := &object.Uplink{OwnerUID: h.UID, Bridge: h.Bridge, Device: wanted.Interface, PhysicalNetwork: wanted.PhysicalNetwork}
		b.Add(port)
		b.Add(&object.TagFilter{OwnerUID: h.UID, Device: wanted.Interface, Hook: tagFilterHook(s.read.DatapathType())})
		after := []object.Key{port.Key()}
		// The host may be reached by an address that somebody has put on our uplink meanwhile.
		link, _ := s.read.Link(wanted.Interface)
		silent := uplinkCarries(link) == ""
		if silent {
			after = append(after, b.Silence(h.UID, wanted.Interface))
		}
		s.AddUplinkLink(b, wanted, silent, after...)
		if up.ofport != 0 {
			ports = append(ports, up.ofport)
		}
	}
	b.Add(&object.FlowSet{
		OwnerUID: h.UID, Bridge: h.Bridge, Feature: FeatureBridge, Cookie: Cookie(h.UID, FeatureBridge),
		Flows: bridgeFlows(ports, macPrefixes(h)),
	})
}

// macPrefixes are the prefixes of MACs that belong to guests or routers, on this host or another. They are the controllers' present
// prefix and the default one, because MACs stay when the setting changes.
func macPrefixes(h *desired.Host) []object.MAC {
	list := []object.MAC{object.DefaultMACPrefix}
	if m := object.MAC(h.MACPrefix); m != (object.MAC{}) && m != object.DefaultMACPrefix {
		list = append(list, m)
	}
	return list
}

// tagFilterHook is the hook that sees a frame's tags before the datapath does.
func tagFilterHook(datapathType string) object.TagFilterHook {
	if datapathType == "netdev" {
		return object.TagFilterXDP
	}
	return object.TagFilterTC
}

// bridgeRefusal says why the host cannot have its bridge; empty when it can.
func (c Compiler) bridgeRefusal(h *desired.Host) string {
	if why := deviceNameFault(h.Bridge); why != "" {
		return "bridge " + quote(h.Bridge) + " " + why
	}
	if why, foreign := c.read.ForeignBridge(h.Bridge); foreign {
		return "bridge " + h.Bridge + " is not Weft's: " + why
	}
	return ""
}

// flowSetKey is the key of an owner's flow set on the bridge.
func flowSetKey(bridge, ownerUID, feature string) object.Key {
	return object.Key{Kind: object.KindFlowSet, Name: object.FlowSetName(bridge, Cookie(ownerUID, feature))}
}

// silenceStrangers keeps the host's own network stack away from interfaces on the bridge that no port has, because whoever is
// behind one may be as hostile as a guest. An interface with an address is left alone: the host may be reached by it.
func (s Site) silenceStrangers(b *Builder) {
	for _, name := range s.read.Sorted(GroupStrangers, "") {
		if i, _ := s.read.Interface(name); i.Bridge != s.Host.Bridge {
			continue
		}
		isUplink := slices.ContainsFunc(s.Host.Uplinks, func(u desired.Uplink) bool { return u.Interface == name })
		if link, there := s.read.Link(name); there && !isUplink && uplinkCarries(link) == "" {
			b.Silence(s.Host.UID, name)
		}
	}
}
