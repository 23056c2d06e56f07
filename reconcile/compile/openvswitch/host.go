package openvswitch

import (
	"slices"

	"weft/hostnet/object"
	"weft/model/desired"
	"weft/reconcile/compile"
)

// Host adds the bridge, the uplinks and the flows that all guests share.
func (Backend) Host(b *compile.Builder, s compile.Site) {
	h := s.Host
	if why := bridgeRefusal(s); why != "" {
		b.Refuse("%s", why)
		return
	}
	b.Add(&object.Bridge{
		OwnerUID: h.UID, Name: h.Bridge, DatapathType: s.Reader().DatapathType(), FailMode: "secure",
		Protocols: object.BridgeProtocols(), Fragments: object.FragmentsNXMatch,
		// In-band control would insert hidden flows before ours.
		Settings: []object.Setting{{Key: "disable-in-band", Value: "true"}},
	})
	b.Silence(h.UID, h.Bridge)
	silenceStrangers(b, s)
	var ports []uint32
	for i, wanted := range h.Uplinks {
		up := uplink(s, i)
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
		b.Add(&object.TagFilter{OwnerUID: h.UID, Device: wanted.Interface, Hook: tagFilterHook(s.Reader().DatapathType())})
		after := []object.Key{port.Key()}
		// The host may be reached by an address that somebody has put on our uplink meanwhile.
		link, _ := s.Reader().Link(wanted.Interface)
		silent := compile.Carries(link) == ""
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
		Flows: append(bridgeFlows(ports, macPrefixes(h), Cookie(h.UID, FeatureBridge)), managementFlows(s.Management())...),
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

// silenceStrangers keeps the host's own network stack away from interfaces on the bridge that no port has, because whoever is
// behind one may be as hostile as a guest. An interface with an address is left alone: the host may be reached by it.
func silenceStrangers(b *compile.Builder, s compile.Site) {
	for _, name := range s.Reader().Sorted(compile.GroupStrangers, "") {
		if i, _ := s.Reader().Interface(name); i.Bridge != s.Host.Bridge {
			continue
		}
		isUplink := slices.ContainsFunc(s.Host.Uplinks, func(u desired.Uplink) bool { return u.Interface == name })
		if link, there := s.Reader().Link(name); there && !isUplink && compile.Carries(link) == "" {
			b.Silence(s.Host.UID, name)
		}
	}
}
