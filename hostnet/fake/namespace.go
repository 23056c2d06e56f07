package fake

import (
	"reflect"
	"slices"
	"strings"

	"weft/hostnet/object"
)

// onDevice is the device that an object is on: its namespace and name. It is false for objects that are not on a device.
func onDevice(o object.Object) (namespace, device string, ok bool) {
	switch o := o.(type) {
	case *object.Addresses:
		return o.Namespace, o.Device, true
	case *object.Route:
		return o.Namespace, o.Device, true
	case *object.Neighbor:
		return o.Namespace, o.Device, true
	case *object.Proxy:
		return o.Namespace, o.Device, true
	}
	return "", "", false
}

// ends lists both ends of a pair.
func ends(v *object.Veth) [2]object.VethEnd {
	return [2]object.VethEnd{{Namespace: v.Namespace, Name: v.Name}, {Namespace: v.Peer.Namespace, Name: v.Peer.Name}}
}

// devicesPossible refuses objects on a missing device, and a pair whose name is taken.
func (h *Host) devicesPossible(c object.Change) error {
	if v, ok := c.Desired.(*object.Veth); ok {
		for _, e := range ends(v) {
			if c.Op == object.Create && h.hasDevice(e.Namespace, e.Name) {
				return refuse(c.Key(), "there is a device %s already", e.Name)
			}
		}
		return nil
	}
	if namespace, device, ok := onDevice(c.Desired); ok && !h.hasDevice(namespace, device) {
		return refuse(c.Key(), "there is no device %s in namespace %s", device, namespace)
	}
	return nil
}

func (h *Host) hasDevice(namespace, device string) bool {
	for _, o := range h.objects {
		if v, ok := o.(*object.Veth); ok {
			for _, e := range ends(v) {
				if e.Namespace == namespace && e.Name == device {
					return true
				}
			}
		}
	}
	_, there := h.facts.Links[device]
	return namespace == "" && there
}

// plugVeth adds a pair's end in the host's own namespace to the host's links. A real driver reports that by an event.
func (h *Host) plugVeth(v *object.Veth) {
	for _, e := range ends(v) {
		if e.Namespace == "" {
			h.nextIndex++
			h.facts.Links[e.Name] = object.LinkFacts{Index: h.nextIndex, MTU: v.MTU, Up: true, Kind: "veth"}
			h.giveOFPort(e.Name)
		}
	}
}

// dropVeth removes what is on a pair that was removed.
func (h *Host) dropVeth(gone object.Object) {
	v, ok := gone.(*object.Veth)
	if !ok {
		return
	}
	for _, e := range ends(v) {
		if e.Namespace == "" {
			h.dropDevice(e.Name)
			if i, ok := h.facts.Interfaces[e.Name]; ok {
				i.OFPort = 0
				h.facts.Interfaces[e.Name] = i
			}
		}
		for k, o := range h.objects {
			if namespace, device, ok := onDevice(o); ok && namespace == e.Namespace && device == e.Name {
				delete(h.objects, k)
			}
		}
	}
}

// dropNamespace removes everything in a namespace.
func (h *Host) dropNamespace(name string) {
	for k, o := range h.objects {
		switch o := o.(type) {
		case *object.Veth:
			if o.Namespace == name || o.Peer.Namespace == name {
				h.drop(k)
			}
		case *object.NATTable, *object.NATMapping:
			if k.Name == name || strings.HasPrefix(k.Name, name+"/") {
				delete(h.objects, k)
			}
		case *object.Rule:
			if o.Namespace == name {
				delete(h.objects, k)
			}
		default:
			if namespace, _, ok := onDevice(o); ok && namespace == name {
				delete(h.objects, k)
			}
		}
	}
}

// changedDevices lists devices that have changed, for events.
func (h *Host) changedDevices(links map[string]object.LinkFacts, interfaces map[string]object.InterfaceFacts) (names []string) {
	for _, now := range []map[string]object.LinkFacts{links, h.facts.Links} {
		for name := range now {
			was, known := links[name]
			if is, there := h.facts.Links[name]; known != there || !reflect.DeepEqual(was, is) {
				names = append(names, name)
			}
		}
	}
	for _, now := range []map[string]object.InterfaceFacts{interfaces, h.facts.Interfaces} {
		for name := range now {
			if interfaces[name] != h.facts.Interfaces[name] {
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
