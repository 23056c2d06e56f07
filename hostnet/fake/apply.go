package fake

import (
	"weft/hostnet/object"
)

// apply carries out one change or refuses it. The lock is held.
func (h *Host) apply(c object.Change, d *Driver) error {
	k := c.Key()
	h.calls++
	if err := h.fault(k); err != nil {
		return err
	}
	if s, ok := c.Desired.(object.OnDevice); ok && h.vanishing[s.Netdev()] {
		delete(h.vanishing, s.Netdev())
		h.unplug(s.Netdev())
		return refuse(k, "no such device")
	}
	_, there := h.objects[k]
	switch {
	case !d.has(k):
		return refuse(k, "is not a kind of driver %s", d.name)
	case c.Op == object.Create && there:
		return refuse(k, "already exists")
	case c.Op != object.Create && !there:
		return refuse(k, "does not exist")
	case c.Op == object.Delete:
		return h.remove(k)
	}
	if err := h.possible(c); err != nil {
		return err
	}
	h.put(c.Desired)
	return nil
}

// fault takes the failure that a test requested, if any.
func (h *Host) fault(k object.Key) error {
	if err, ok := h.failCall[h.calls]; ok {
		delete(h.failCall, h.calls)
		return err
	}
	if errs := h.failKey[k]; len(errs) > 0 {
		h.failKey[k] = errs[1:]
		return errs[0]
	}
	return nil
}

// possible refuses what a real host could not carry out.
func (h *Host) possible(c object.Change) error {
	k := c.Key()
	if c.Op == object.Create && (k.Kind == object.KindLink || k.Kind == object.KindQdisc) {
		return refuse(k, "the reconciler makes no netdevs")
	}
	if b := bridgeOf(c.Desired); b != "" && !h.has(object.KindBridge, b) {
		return refuse(k, "there is no bridge %s", b)
	}
	for _, d := range c.Desired.DependsOn() {
		if _, ok := h.objects[d]; !ok {
			return refuse(k, "%s is not there yet", d)
		}
	}
	switch o := c.Desired.(type) {
	case *object.OVSPort:
		if o.Adopted && c.Op == object.Create {
			return refuse(k, "an adopted interface is never created")
		}
	case *object.Uplink:
		if !h.has(object.KindLink, o.Device) {
			return refuse(k, "there is no netdev %s", o.Device)
		}
	case *object.TagFilter:
		if !h.hasDevice("", o.Device) {
			return refuse(k, "there is no netdev %s", o.Device)
		}
	case *object.Addresses, *object.Route, *object.Neighbor, *object.Proxy, *object.Veth:
		return h.devicesPossible(c)
	case *object.VLANDevice, *object.LinuxBridge, *object.BridgePort, *object.PortSecurityUplink:
		return h.bridgingPossible(c)
	case *object.FlowSet:
		return h.flowsPossible(o)
	}
	return nil
}

// flowsPossible refuses flows with an OpenFlow port or a meter that does not exist.
func (h *Host) flowsPossible(f *object.FlowSet) error {
	have := map[uint32]bool{}
	for _, i := range h.facts.Interfaces {
		have[i.OFPort] = true
	}
	for _, flow := range f.Flows {
		if p := flow.Match.InPort; p != 0 && !have[p] {
			return refuse(f.Key(), "in_port %d is no port of the bridge", p)
		}
	}
	for _, flow := range f.Flows {
		if id := flow.MeterOf(); id != 0 && !h.has(object.KindMeter, object.MeterName(f.Bridge, id)) {
			return refuse(f.Key(), "there is no meter %d", id)
		}
	}
	return nil
}

func (h *Host) has(kind object.Kind, name string) bool {
	_, ok := h.objects[object.Key{Kind: kind, Name: name}]
	return ok
}

// put stores the object as a driver would read it back, without what a host does not hold.
func (h *Host) put(want object.Object) {
	switch o := want.(type) {
	case *object.FlowSet:
		seen := *o
		seen.After = nil
		want = &seen
	case *object.Qdisc:
		seen := *o
		seen.After, seen.OwnerUID = nil, ""
		want = &seen
	case *object.Meter:
		seen := *o
		seen.OwnerUID = ""
		want = &seen
	case *object.Link:
		seen := *o
		seen.After, seen.OwnerUID = nil, ""
		want = &seen
		f := h.facts.Links[o.Name]
		f.MTU, f.Up = o.MTU, o.Up
		h.facts.Links[o.Name] = f
	case *object.OVSPort:
		seen := *o
		seen.After = nil
		want = &seen
		if _, there := h.facts.Interfaces[o.Device]; !there {
			h.unshape(o.Device)
		}
		h.plug(o.Device, o.Bridge, o.OwnerUID, o.InterfaceID, !o.Adopted)
	case *object.Uplink:
		h.plug(o.Device, o.Bridge, o.OwnerUID, "", true)
	case *object.Session:
		h.plugSession(o)
	case *object.Veth:
		if old, ok := h.objects[o.Key()].(*object.Veth); ok && (old.MAC != o.MAC || old.Peer != o.Peer) {
			h.dropVeth(old) // made again, or set down for its address: what was on it is gone
		}
		h.plugVeth(o)
	case *object.VLANDevice, *object.LinuxBridge, *object.BridgePort, *object.PortSecurity, *object.PortSecurityElements, *object.PortSecurityUplink:
		want = h.putBridging(o)
	case *object.BridgeFilter, *object.FilterNetwork, *object.FilterPort, *object.FilterGroup, *object.FilterMembers:
		want = putFilter(o)
	}
	h.objects[want.Key()] = want
}

func (h *Host) plug(device, bridge, owner, interfaceID string, created bool) {
	i := h.facts.Interfaces[device]
	i.Bridge, i.OwnerUID, i.InterfaceID, i.Created = bridge, owner, interfaceID, created
	h.facts.Interfaces[device] = i
	h.giveOFPort(device)
}

// remove deletes an object if a real host could do so.
func (h *Host) remove(k object.Key) error {
	switch o := h.objects[k].(type) {
	case *object.Link, *object.Qdisc:
		return refuse(k, "the reconciler removes no netdevs")
	case *object.Bridge:
		for other, p := range h.objects {
			if bridgeOf(p) == o.Name {
				return refuse(k, "still holds %s", other)
			}
		}
	case *object.OVSPort:
		if o.Adopted { // given back, not deleted
			free := *o
			free.OwnerUID, free.Tag = "", 0
			h.objects[k] = &free
			i := h.facts.Interfaces[o.Device]
			i.OwnerUID = ""
			h.facts.Interfaces[o.Device] = i
			return nil
		}
	}
	if why := h.filterNeeds(k); why != "" {
		return refuse(k, "%s", why)
	}
	h.drop(k)
	return nil
}
