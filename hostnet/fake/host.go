// Package fake is a host in memory for tests. It holds every kind of object, refuses orders that a real host could not carry out,
// fails when it is told to, and reports changes as real drivers do.
//
// Invariants:
//   - An impossible order is an error and changes nothing.
//   - A driver's cache changes only by Sync, Apply and events. So a silent change stays unseen, as on a real host.
package fake

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"sync"

	"weft/hostnet/object"
)

// Host is one host in memory. Any goroutine may call its methods.
type Host struct {
	mu         sync.Mutex
	facts      object.Facts
	objects    map[object.Key]object.Object
	drivers    []*Driver
	nextOFPort uint32
	nextIndex  int // of netdevs, and of the rows of OVS interfaces
	writes     map[string]int
	calls      int
	journal    []object.Change
	factsRead  int
	failCall   map[int]error
	failKey    map[object.Key][]error
	lateOFPort bool
	vanishing  map[string]bool // netdevs that vanish when they are next to be changed
	warnings   map[object.Key][]object.Warning
	rejected   map[object.Key][]object.Rejected
	unshaped   []object.Key     // traffic control that Open vSwitch has removed, not told yet
	heard      map[string]int64 // migrations whose guest has announced itself, by the port's uid
}

// New returns a host with OVS but no bridge and no netdev. It also holds objects of the kinds in more, which are not of this version.
func New(more ...object.Kind) *Host {
	h := &Host{
		facts: object.Facts{DatapathType: "netdev", Links: map[string]object.LinkFacts{},
			Interfaces: map[string]object.InterfaceFacts{}, ForeignBridges: map[string]string{}},
		objects: map[object.Key]object.Object{}, nextOFPort: 1, writes: map[string]int{},
		failCall: map[int]error{}, failKey: map[object.Key][]error{}, heard: map[string]int64{},
		vanishing: map[string]bool{}, warnings: map[object.Key][]object.Warning{}, rejected: map[object.Key][]object.Rejected{},
	}
	h.drivers = []*Driver{
		newDriver(h, "ovs", false, object.KindBridge, object.KindUplink, object.KindOVSPort, object.KindSession,
			object.KindMeter, object.KindFlowSet),
		newDriver(h, "rtnl", false, object.KindLink, object.KindQdisc),
		newDriver(h, "tagfilter", false, object.KindTagFilter),
		newDriver(h, "dhcp", true, object.KindDHCPBinding),
		newDriver(h, "ra", true, object.KindRABinding),
		newDriver(h, "metadata", true, object.KindMetadataBinding),
		newDriver(h, "activation", true, object.KindActivation),
		newDriver(h, "announce", true, object.KindAnnouncement),
		newDriver(h, "netns", false, object.KindNamespace, object.KindVeth, object.KindAddresses, object.KindRoute,
			object.KindRule, object.KindNeighbor, object.KindProxy),
		newDriver(h, "hostfilter", false, object.KindHostFilter, object.KindSilentDevice),
		newDriver(h, "nft", false, object.KindNATTable, object.KindNATMapping),
		newDriver(h, "bridge", false, object.KindVLANDevice, object.KindLinuxBridge, object.KindBridgePort),
		newDriver(h, "portsecurity", false, object.KindPortSecurity, object.KindPortSecurityElements, object.KindPortSecurityUplink),
		newDriver(h, "bridgefilter", false, object.KindBridgeFilter, object.KindFilterNetwork, object.KindFilterPort, object.KindFilterGroup,
			object.KindFilterMembers),
	}
	if len(more) > 0 {
		h.drivers = append(h.drivers, newDriver(h, "more", false, more...))
	}
	return h
}

// Drivers are the host's drivers, the same on each call. A restarted reconciler calls Restart first.
func (h *Host) Drivers() []*Driver { return h.drivers }

// Restart forgets what exists only as long as the reconciler's process: caches, and the objects of in-process drivers.
func (h *Host) Restart() {
	h.mu.Lock()
	defer h.mu.Unlock()
	clear(h.heard)
	for _, d := range h.drivers {
		d.cache, d.pending = map[object.Key]object.Object{}, nil
		if d.inProcess {
			maps.DeleteFunc(h.objects, func(k object.Key, _ object.Object) bool { return d.has(k) })
		}
	}
}

// Writes counts the changes that were carried out since the host was made, by driver.
func (h *Host) Writes() map[string]int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return maps.Clone(h.writes)
}

// Journal lists the changes that were carried out since the host was made, in order.
func (h *Host) Journal() []object.Change {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.journal)
}

// Calls counts the requested changes, including refused and failed ones.
func (h *Host) Calls() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.calls
}

// FactsRead counts how often all facts of a driver were requested. Requests for single devices do not count.
func (h *Host) FactsRead() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.factsRead
}

// Objects is what the host really holds, by key.
func (h *Host) Objects() map[object.Key]object.Object {
	h.mu.Lock()
	defer h.mu.Unlock()
	return maps.Clone(h.objects)
}

// FailCall makes the nth change from now fail with err, whatever it is about. 1 is the next one.
func (h *Host) FailCall(n int, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.failCall[h.calls+n] = err
}

// FailKey makes the next changes of an object fail. Each error is used for one change.
func (h *Host) FailKey(k object.Key, errs ...error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.failKey[k] = append(h.failKey[k], errs...)
}

// Plug makes a netdev appear, down and with the kernel's default queueing.
func (h *Host) Plug(device string) {
	h.change(nil, func() {
		h.nextIndex++
		h.facts.Links[device] = object.LinkFacts{Index: h.nextIndex, MTU: 1500}
		h.objects[object.Key{Kind: object.KindLink, Name: device}] = &object.Link{Name: device, MTU: 1500}
		h.objects[object.Key{Kind: object.KindQdisc, Name: device}] = &object.Qdisc{Device: device}
		h.giveOFPort(device)
	}, device)
}

// Vanishing makes a netdev vanish at the moment when something on it is to be changed.
func (h *Host) Vanishing(device string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.vanishing[device] = true
}

// Unplug makes a netdev vanish. OVS keeps the interface without an OpenFlow port number.
func (h *Host) Unplug(device string) {
	h.change(nil, func() { h.unplug(device) }, device)
}

// unplug is Unplug with the lock held.
func (h *Host) unplug(device string) {
	delete(h.objects, object.Key{Kind: object.KindLink, Name: device})
	delete(h.objects, object.Key{Kind: object.KindQdisc, Name: device})
	h.dropDevice(device)
	if i, ok := h.facts.Interfaces[device]; ok {
		i.OFPort, i.Error = 0, "could not open network device "+device+" (No such device)"
		h.facts.Interfaces[device] = i
	}
}

// Announce plays a guest that announces itself on a device. It is heard only if somebody waits for it there.
func (h *Host) Announce(device string) {
	k := object.Key{Kind: object.KindActivation, Name: device}
	h.change([]object.Key{k}, func() {
		if a, waits := h.objects[k].(*object.Activation); waits {
			h.heard[a.OwnerUID] = a.Migration
		}
	})
}

// PlugOVS does what libvirt or os-vif does: it makes a netdev a port of the bridge with an iface-id.
func (h *Host) PlugOVS(bridge, device, interfaceID string) {
	h.Plug(device)
	h.change([]object.Key{{Kind: object.KindOVSPort, Name: device}}, func() {
		p := &object.OVSPort{Bridge: bridge, Device: device, Adopted: true, InterfaceID: interfaceID}
		h.objects[p.Key()] = p
		h.nextIndex++
		h.facts.Interfaces[device] = object.InterfaceFacts{Bridge: bridge, InterfaceID: interfaceID, Row: strconv.Itoa(h.nextIndex)}
		h.giveOFPort(device)
	}, device)
}

// UnplugOVS does what libvirt or os-vif does when a guest ends: the interface leaves the bridge, and its netdev is removed.
func (h *Host) UnplugOVS(device string) {
	h.change(nil, func() { h.drop(object.Key{Kind: object.KindOVSPort, Name: device}) })
	h.Unplug(device)
}

// LateOFPorts decides whether new OVS ports get their OpenFlow port number at once (false) or only from GiveOFPorts.
func (h *Host) LateOFPorts(late bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.lateOFPort = late
}

// GiveOFPorts gives every waiting interface its OpenFlow port number, with events.
func (h *Host) GiveOFPorts() {
	h.mu.Lock()
	var waiting []string
	for name, i := range h.facts.Interfaces {
		if i.OFPort == 0 {
			waiting = append(waiting, name)
		}
	}
	slices.Sort(waiting)
	h.lateOFPort = false
	h.mu.Unlock()
	h.change(nil, func() {
		for _, name := range waiting {
			h.giveOFPort(name)
		}
	}, waiting...)
}

// giveOFPort gives an interface its number if netdev and interface exist. A patch port needs no netdev. The lock is held.
func (h *Host) giveOFPort(device string) {
	i, there := h.facts.Interfaces[device]
	_, plugged := h.facts.Links[device]
	if !there || !plugged && !h.patchPort(device) || i.OFPort != 0 || h.lateOFPort {
		return
	}
	i.OFPort, i.Error = h.nextOFPort, ""
	h.nextOFPort++
	h.facts.Interfaces[device] = i
}

// Damage removes objects as somebody else would, with events.
func (h *Host) Damage(keys ...object.Key) {
	h.change(keys, func() {
		for _, k := range keys {
			h.drop(k)
		}
	})
}

// Alter puts an object as somebody else would, with an event.
func (h *Host) Alter(o object.Object) {
	h.change([]object.Key{o.Key()}, func() { h.objects[o.Key()] = o })
}

// AlterSilently puts an object as somebody else would, or removes it if o is nil. There is no event, so only Sync finds out.
func (h *Host) AlterSilently(k object.Key, o object.Object) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if o == nil {
		h.drop(k)
		return
	}
	h.objects[k] = o
}

// LateEvents decides whether the drivers keep their events until it is called with false. The caches know of the changes meanwhile.
func (h *Host) LateEvents(late bool) {
	for _, d := range h.drivers {
		d.mu.Lock()
		d.late = late
		d.mu.Unlock()
		if !late {
			d.sendPending()
		}
	}
}

// RestartSwitch does what a restart of ovs-vswitchd does with fail_mode=secure: all flows and meters are lost, OpenFlow port
// numbers are new, and the root qdiscs of its ports' devices are removed. The ovs driver reports Resync.
func (h *Host) RestartSwitch() {
	h.mu.Lock()
	maps.DeleteFunc(h.objects, func(k object.Key, _ object.Object) bool {
		return k.Kind == object.KindFlowSet || k.Kind == object.KindMeter
	})
	for _, name := range slices.Sorted(maps.Keys(h.facts.Interfaces)) {
		i := h.facts.Interfaces[name]
		i.OFPort = 0
		h.facts.Interfaces[name] = i
		h.giveOFPort(name)
		h.unshape(name)
	}
	ovs := h.drivers[0]
	h.tellTaken()
	h.mu.Unlock()
	ovs.send(object.Event{Resync: true})
}

// unshape removes the root qdisc of a device, as Open vSwitch does when it opens the device. The lock is held.
func (h *Host) unshape(device string) {
	k := object.Key{Kind: object.KindQdisc, Name: device}
	if q, ok := h.objects[k].(*object.Qdisc); ok && q.Root != "" {
		bare := *q
		bare.Root, bare.Shaper = "", object.Shaper{}
		h.objects[k] = &bare
		h.unshaped = append(h.unshaped, k)
	}
}

// change runs fn under the lock, updates the caches for the keys and for the devices' links, and sends the events.
func (h *Host) change(keys []object.Key, fn func(), devices ...string) {
	h.mu.Lock()
	before, links, interfaces := maps.Clone(h.objects), maps.Clone(h.facts.Links), maps.Clone(h.facts.Interfaces)
	fn()
	devices = append(devices, h.changedDevices(links, interfaces)...)
	for k, o := range before {
		if h.objects[k] != o && !slices.Contains(keys, k) {
			keys = append(keys, k)
		}
	}
	for k := range h.objects {
		if _, was := before[k]; !was && !slices.Contains(keys, k) {
			keys = append(keys, k)
		}
	}
	type told struct {
		d *Driver
		e object.Event
	}
	var events []told
	for _, d := range h.drivers {
		e := object.Event{By: "fake[1]"}
		for _, k := range keys {
			if d.has(k) {
				d.refresh(k)
				e.Keys = append(e.Keys, k)
			}
		}
		if d.name == "ovs" || d.name == "rtnl" {
			e.Devices = devices
		}
		if len(e.Keys)+len(e.Devices) > 0 {
			events = append(events, told{d, e})
		}
	}
	h.mu.Unlock()
	for _, t := range events {
		t.d.send(t.e)
	}
}

// refuse is the error for an order that no host can carry out.
func refuse(k object.Key, format string, args ...any) error {
	return fmt.Errorf("%s: %s", k, fmt.Sprintf(format, args...))
}
