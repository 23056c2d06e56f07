package compile

import (
	"maps"
	"slices"

	"weft/hostnet/object"
)

// onBridge lists the strangers on the host's bridge in order.
func (x *Index) onBridge() (names []string) {
	for _, name := range slices.Sorted(maps.Keys(x.groups[Read{GroupStrangers, ""}])) {
		if x.host != nil && x.facts.Interfaces[name].Bridge == x.host.Bridge {
			names = append(names, name)
		}
	}
	return names
}

// shownStrangers bounds how many strangers get a warning of their own.
const shownStrangers = 5

// Strangers are warnings about interfaces on the host's bridge that belong to no port here, by the interface's name, in order. The
// reason may be a hypervisor that asks for a port of another cloud or another host, or somebody else who uses the bridge. At most
// shownStrangers are returned.
func (x *Index) Strangers() (names []string, warning func(name string) object.Warning) {
	names = x.onBridge()
	return names[:min(len(names), shownStrangers)], func(name string) object.Warning {
		var b Builder
		if x.facts.Interfaces[name].InterfaceID == "" {
			b.Warn(object.WarnUnknownInterface, "OVS interface %s on bridge %s belongs to nobody: it has no iface-id and is no uplink of this host, so it neither hears nor says anything; "+
				"give it the interfaceID of a port, or take it to a bridge of its own",
				Quote(name), x.host.Bridge)
			return b.Warnings[0]
		}
		b.Warn(object.WarnUnknownInterface, "OVS interface %s on bridge %s has iface-id %s, which no port has on this host: its guest has no network; "+
			"declare the port with that interfaceID and this host, or correct the domain", Quote(name), x.host.Bridge, Quote(x.facts.Interfaces[name].InterfaceID))
		return b.Warnings[0]
	}
}
