package compile

import (
	"maps"
	"slices"

	"weft/hostnet/object"
)

// observe takes over the facts of the host and of the devices.
func (x *Index) observe(facts *object.Facts, devices []string, changed readSet) {
	x.observeHost(facts, changed)
	for _, d := range devices {
		x.observeDevice(facts, d, changed)
	}
}

func (x *Index) observeHost(facts *object.Facts, changed readSet) {
	if facts.DatapathType != x.facts.DatapathType {
		changed[Read{ReadDatapathType, ""}] = struct{}{}
	}
	if facts.NoIPv6 != x.facts.NoIPv6 {
		changed[Read{ReadNoIPv6, ""}] = struct{}{}
	}
	if facts.BridgeNetfilter != x.facts.BridgeNetfilter {
		changed[Read{ReadBridgeNetfilter, ""}] = struct{}{}
	}
	if facts.NoBridgeFilter != x.facts.NoBridgeFilter {
		changed[Read{ReadNoBridgeFilter, ""}] = struct{}{}
	}
	x.facts.DatapathType, x.facts.NoIPv6, x.facts.BridgeNetfilter = facts.DatapathType, facts.NoIPv6, facts.BridgeNetfilter
	x.facts.NoBridgeFilter = facts.NoBridgeFilter
	if maps.Equal(facts.ForeignBridges, x.facts.ForeignBridges) {
		return
	}
	for _, bridges := range []map[string]string{facts.ForeignBridges, x.facts.ForeignBridges} {
		for name := range bridges {
			changed[Read{ReadForeignBridge, name}] = struct{}{}
		}
	}
	x.facts.ForeignBridges = maps.Clone(facts.ForeignBridges)
}

func (x *Index) observeDevice(facts *object.Facts, device string, changed readSet) {
	link, hasLink := facts.Links[device]
	if old, had := x.facts.Links[device]; hasLink != had || !sameLink(link, old) {
		changed[Read{ReadLink, device}] = struct{}{}
		delete(x.facts.Links, device)
		if hasLink {
			link.Addresses, link.AltNames = slices.Clone(link.Addresses), slices.Clone(link.AltNames)
			x.facts.Links[device] = link
		}
	}
	iface, hasIface := facts.Interfaces[device]
	if old, had := x.facts.Interfaces[device]; hasIface != had || iface != old {
		changed[Read{ReadInterface, device}] = struct{}{}
		delete(x.facts.Interfaces, device)
		if hasIface {
			x.facts.Interfaces[device] = iface
		}
	}
	now := []Read{{GroupPlugged, iface.InterfaceID}}
	for _, alt := range link.AltNames {
		now = append(now, Read{GroupAltName, alt})
	}
	now = named(now)
	x.share(device, x.devices[device], now, changed)
	delete(x.devices, device)
	if len(now) > 0 {
		x.devices[device] = now
	}
	x.fileStranger(device, changed)
}

func deviceNames(all ...*object.Facts) []string {
	names := map[string]struct{}{}
	for _, f := range all {
		for n := range f.Links {
			names[n] = struct{}{}
		}
		for n := range f.Interfaces {
			names[n] = struct{}{}
		}
	}
	return slices.Collect(maps.Keys(names))
}

func sameLink(a, b object.LinkFacts) bool {
	return a.Index == b.Index && a.MAC == b.MAC && a.MTU == b.MTU && a.Up == b.Up && a.DefaultRoute == b.DefaultRoute &&
		a.EtcdRoute == b.EtcdRoute && a.Master == b.Master && a.MasterOwner == b.MasterOwner && a.Kind == b.Kind &&
		slices.Equal(a.Addresses, b.Addresses) && slices.Equal(a.AltNames, b.AltNames)
}
