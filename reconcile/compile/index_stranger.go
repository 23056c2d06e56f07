package compile

import (
	"maps"
	"slices"

	"weft/hostnet/object"
	"weft/model/desired"
)

// fileStranger notes whether an OVS interface is one that others made, for a port which this host is not told of or for none at
// all. A bridge's own interface has its name.
func (x *Index) fileStranger(device string) {
	i, there := x.facts.Interfaces[device]
	others := there && !i.Created && i.OwnerUID == "" && device != i.Bridge
	is := others && (i.InterfaceID == "" || len(x.byInterfaceID[i.InterfaceID]) == 0)
	if is == x.strangers[device] {
		return
	}
	if is {
		x.strangers[device] = true
	} else {
		delete(x.strangers, device)
	}
	if x.turned[device] { // and back: a port is taken out and put in again with each change
		delete(x.turned, device)
	} else {
		x.turned[device] = true
	}
}

// strangersTurned has the host compiled again when interfaces have become strangers, or are none any more.
func (x *Index) strangersTurned(dirty keySet) {
	if len(x.turned) > 0 && x.host != nil {
		dirty.add(desired.KindHost, x.host.UID)
	}
	clear(x.turned)
}

// onBridge lists the strangers on the host's bridge, in order.
func (x *Index) onBridge() (names []string) {
	for _, name := range slices.Sorted(maps.Keys(x.strangers)) {
		if x.host != nil && x.facts.Interfaces[name].Bridge == x.host.Bridge {
			names = append(names, name)
		}
	}
	return names
}

func (x *Index) fileStrangers(interfaceID string) {
	for device := range x.interfaces[interfaceID] {
		x.fileStranger(device)
	}
}

// shownStrangers bounds how many interfaces of nobody are told of one by one.
const shownStrangers = 5

// Strangers are warnings about interfaces on the host's bridge that belong to no port here, by the interface's name, in order: a
// hypervisor that asks for a port of another cloud, or of another host, or somebody else who uses the bridge. At most a few are
// told of.
func (x *Index) Strangers() (names []string, warning func(name string) object.Warning) {
	names = x.onBridge()
	return names[:min(len(names), shownStrangers)], func(name string) object.Warning {
		var b Builder
		if x.facts.Interfaces[name].InterfaceID == "" {
			b.Warn(object.WarnUnknownInterface, "OVS interface %s on bridge %s belongs to nobody: it has no iface-id and is no uplink of this host, so it neither hears nor says anything; "+
				"give it the interfaceID of a port, or take it to a bridge of its own",
				quote(name), x.host.Bridge)
			return b.Warnings[0]
		}
		b.Warn(object.WarnUnknownInterface, "OVS interface %s on bridge %s has iface-id %s, which no port has on this host: its guest has no network; "+
			"declare the port with that interfaceID and this host, or correct the domain", quote(name), x.host.Bridge, quote(x.facts.Interfaces[name].InterfaceID))
		return b.Warnings[0]
	}
}
