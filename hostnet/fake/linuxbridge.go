package fake

import (
	"weft/hostnet/object"
)

// bridgingPossible refuses what the kernel would not do with its own bridges and VLAN devices.
func (h *Host) bridgingPossible(c object.Change) error {
	k := c.Key()
	switch o := c.Desired.(type) {
	case *object.VLANDevice:
		return h.vlanPossible(c, o)
	case *object.LinuxBridge:
		if c.Op == object.Create && h.hasDevice("", o.Name) {
			return refuse(k, "there is a device %s already", o.Name)
		}
	case *object.BridgePort:
		link, there := h.facts.Links[o.Device]
		switch {
		case !there:
			return refuse(k, "there is no netdev %s", o.Device)
		case link.Master != "" && link.MasterOwner == "":
			return refuse(k, "is enslaved to %s, which is somebody else's", link.Master)
		}
	case *object.PortSecurityUplink:
		if !h.hasDevice("", o.Device) {
			return refuse(k, "there is no netdev %s", o.Device)
		}
	}
	return nil
}

// vlanPossible refuses a VLAN device if its parent does not exist or has a smaller MTU, or if its name or id is taken.
func (h *Host) vlanPossible(c object.Change, v *object.VLANDevice) error {
	parent, there := h.facts.Links[v.Parent]
	switch {
	case !there:
		return refuse(c.Key(), "there is no netdev %s", v.Parent)
	case c.Op == object.Create && h.hasDevice("", v.Name):
		return refuse(c.Key(), "there is a device %s already", v.Name)
	case v.MTU > parent.MTU:
		return refuse(c.Key(), "its MTU %d is larger than that of %s, which is %d", v.MTU, v.Parent, parent.MTU)
	}
	for _, o := range h.objects {
		if other, ok := o.(*object.VLANDevice); ok && other.Name != v.Name && other.Parent == v.Parent && other.ID == v.ID {
			return refuse(c.Key(), "VLAN %d of %s is that of %s already", v.ID, v.Parent, other.Name)
		}
	}
	return nil
}

// putBridging does what the kernel does with the object. It returns the object as it is read back. Without an alias it has no
// owner.
func (h *Host) putBridging(want object.Object) object.Object {
	switch o := want.(type) {
	case *object.VLANDevice:
		if old, ok := h.objects[o.Key()].(*object.VLANDevice); ok && (old.Parent != o.Parent || old.ID != o.ID) {
			h.drop(o.Key()) // made again: what was on it is gone
		}
		h.showLink(o.Name, "vlan", o.MTU, !o.Down)
		seen := *o
		seen.After = nil
		return &seen
	case *object.LinuxBridge:
		h.showLink(o.Name, "bridge", o.MTU, true)
		seen := *o
		seen.After = nil
		return &seen
	case *object.BridgePort:
		owner := ""
		if b, ok := h.objects[object.Key{Kind: object.KindLinuxBridge, Name: o.Bridge}]; ok {
			owner = b.Owner()
		}
		h.setMaster(o.Device, o.Bridge, owner)
		seen := *o
		seen.OwnerUID, seen.After = "", nil
		return &seen
	case *object.PortSecurity:
		return &object.PortSecurity{Rules: o.Rules}
	case *object.PortSecurityElements:
		return &object.PortSecurityElements{Name: o.Name, Elements: o.Elements}
	case *object.PortSecurityUplink:
		return &object.PortSecurityUplink{Device: o.Device, Rules: o.Rules}
	}
	return want
}

// showLink adds a device that Weft made or changed to the host's links.
func (h *Host) showLink(name, kind string, mtu int, up bool) {
	l, there := h.facts.Links[name]
	if !there {
		h.nextIndex++
		l.Index = h.nextIndex
	}
	l.Kind, l.MTU, l.Up = kind, mtu, up
	h.facts.Links[name] = l
}

// setMaster sets in the host's links which bridge a device is a port of.
func (h *Host) setMaster(device, bridge, owner string) {
	if l, there := h.facts.Links[device]; there {
		l.Master, l.MasterOwner = bridge, owner
		h.facts.Links[device] = l
	}
}

// dropDevice removes a netdev and what is on it: its port of a bridge, VLAN devices, filters, and the ports of a bridge. The lock
// is held.
func (h *Host) dropDevice(name string) {
	delete(h.facts.Links, name)
	h.dropAll(func(o object.Object) bool {
		switch o := o.(type) {
		case *object.BridgePort:
			return o.Device == name || o.Bridge == name
		case *object.VLANDevice:
			return o.Parent == name || o.Name == name
		case *object.LinuxBridge:
			return o.Name == name
		case *object.PortSecurityUplink:
			return o.Device == name
		case *object.TagFilter:
			return o.Device == name
		}
		return false
	})
}

// Enslave plays somebody who adds a netdev to a foreign bridge, with an event.
func (h *Host) Enslave(device, bridge string) {
	h.change(nil, func() {
		delete(h.objects, object.Key{Kind: object.KindBridgePort, Name: device})
		h.setMaster(device, bridge, "")
	}, device)
}
