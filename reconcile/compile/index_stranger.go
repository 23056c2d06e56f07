package compile

import (
	"maps"
	"slices"

	"weft/hostnet/object"
)

// fileStranger notes whether an OVS interface is one that others made for a port which this host is not told of.
func (x *Index) fileStranger(device string) {
	i, there := x.facts.Interfaces[device]
	if there && !i.Created && i.OwnerUID == "" && i.InterfaceID != "" && len(x.byInterfaceID[i.InterfaceID]) == 0 {
		x.strangers[device] = true
	} else {
		delete(x.strangers, device)
	}
}

func (x *Index) fileStrangers(interfaceID string) {
	for device := range x.interfaces[interfaceID] {
		x.fileStranger(device)
	}
}

// shownStrangers bounds how many interfaces of nobody are told of one by one.
const shownStrangers = 5

// Strangers are warnings about interfaces on the host's bridge whose interface id no port has here, by the interface's name,
// in order: a hypervisor that asks for a port of another cloud, or of another host. At most a few are told of.
func (x *Index) Strangers() (names []string, warning func(name string) object.Warning) {
	for _, name := range slices.Sorted(maps.Keys(x.strangers)) {
		if x.host != nil && x.facts.Interfaces[name].Bridge == x.host.Bridge && len(names) < shownStrangers {
			names = append(names, name)
		}
	}
	return names, func(name string) object.Warning {
		var b Builder
		b.Warn(object.WarnUnknownInterface, "OVS interface %s on bridge %s has iface-id %s, which no port has on this host: its guest has no network; "+
			"declare the port with that interfaceID and this host, or correct the domain", quote(name), x.host.Bridge, quote(x.facts.Interfaces[name].InterfaceID))
		return b.Warnings[0]
	}
}
