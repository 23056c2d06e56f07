package fake

import (
	"context"
	"maps"
	"slices"
	"sync"

	"weft/hostnet/object"
)

// Driver manages some kinds of the host's objects, as the reconciler asks.
type Driver struct {
	host      *Host
	name      string
	kinds     []object.Kind
	inProcess bool
	cache     map[object.Key]object.Object // guarded by host.mu

	mu      sync.Mutex
	notify  func(object.Event)
	late    bool           // events wait, as those that were sent while nobody watched
	pending []object.Event // not sent yet
	syncErr error
}

func newDriver(h *Host, name string, inProcess bool, kinds ...object.Kind) *Driver {
	return &Driver{host: h, name: name, kinds: kinds, inProcess: inProcess, cache: map[object.Key]object.Object{}}
}

// Name is the driver's name in metrics and logs.
func (d *Driver) Name() string { return d.name }

// Kinds are the kinds it looks after.
func (d *Driver) Kinds() []object.Kind { return d.kinds }

// InProcess says that the driver's objects live in the reconciler's process.
func (d *Driver) InProcess() bool { return d.inProcess }

func (d *Driver) has(k object.Key) bool { return slices.Contains(d.kinds, k.Kind) }

// Activated implements the engine's Activations.
func (d *Driver) Activated(uid string) int64 {
	d.host.mu.Lock()
	defer d.host.mu.Unlock()
	return d.host.heard[uid]
}

// FailSync makes Sync fail until it is called with nil.
func (d *Driver) FailSync(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.syncErr = err
}

// Sync reads the host into the cache.
func (d *Driver) Sync(context.Context) error {
	d.mu.Lock()
	err := d.syncErr
	d.mu.Unlock()
	if err != nil {
		return err
	}
	d.host.mu.Lock()
	defer d.host.mu.Unlock()
	d.cache = map[object.Key]object.Object{}
	for k, o := range d.host.objects {
		if d.has(k) {
			d.cache[k] = o
		}
	}
	return nil
}

// refresh brings one key of the cache up to date. The host's lock is held.
func (d *Driver) refresh(k object.Key) {
	if o, ok := d.host.objects[k]; ok {
		d.cache[k] = o
		return
	}
	delete(d.cache, k)
}

// Observe returns what the cache holds.
func (d *Driver) Observe(_ context.Context, keys []object.Key) ([]object.Object, error) {
	d.host.mu.Lock()
	defer d.host.mu.Unlock()
	var out []object.Object
	for _, k := range keys {
		if o, ok := d.cache[k]; ok {
			out = append(out, o)
		}
	}
	return out, nil
}

// Ours lists the objects with an owner, and what is where only ours may be: flows in our tables, ports of our bridges, and the
// content of the tables of port security and of security groups.
func (d *Driver) Ours(context.Context) ([]object.Key, error) {
	d.host.mu.Lock()
	defer d.host.mu.Unlock()
	var out []object.Key
	for k, o := range d.cache {
		switch k.Kind {
		case object.KindLink, object.KindQdisc: // never removed by us
		case object.KindFlowSet, object.KindMeter, object.KindBridgePort, object.KindPortSecurity, object.KindPortSecurityElements, object.KindPortSecurityUplink,
			object.KindBridgeFilter, object.KindFilterNetwork, object.KindFilterPort, object.KindFilterGroup, object.KindFilterMembers:
			out = append(out, k)
		default:
			if o.Owner() != "" {
				out = append(out, k)
			}
		}
	}
	slices.SortFunc(out, object.Key.Compare)
	return out, nil
}

// Facts adds links (rtnl) or interfaces (ovs).
func (d *Driver) Facts(into *object.Facts) {
	d.host.mu.Lock()
	defer d.host.mu.Unlock()
	d.host.factsRead++
	switch d.name {
	case "rtnl":
		into.Links = maps.Clone(d.host.facts.Links)
	case "ovs":
		into.Interfaces = maps.Clone(d.host.facts.Interfaces)
		d.bridgeFacts(into)
	}
}

// DeviceFacts sets the links (rtnl) or interfaces (ovs) of the devices.
func (d *Driver) DeviceFacts(devices []string, into *object.Facts) {
	d.host.mu.Lock()
	defer d.host.mu.Unlock()
	switch d.name {
	case "rtnl":
		copyFacts(into.Links, d.host.facts.Links, devices)
	case "ovs":
		copyFacts(into.Interfaces, d.host.facts.Interfaces, devices)
		d.bridgeFacts(into)
	}
}

func (d *Driver) bridgeFacts(into *object.Facts) {
	into.ForeignBridges = maps.Clone(d.host.facts.ForeignBridges)
	into.DatapathType = d.host.facts.DatapathType
}

func copyFacts[F any](into, from map[string]F, devices []string) {
	for _, name := range devices {
		if f, there := from[name]; there {
			into[name] = f
		} else {
			delete(into, name)
		}
	}
}

// Apply makes the changes, one error each.
func (d *Driver) Apply(_ context.Context, changes []object.Change) []error {
	d.host.mu.Lock()
	defer d.host.mu.Unlock()
	errs := make([]error, len(changes))
	for i, c := range changes {
		errs[i] = d.host.apply(c, d)
		d.refresh(c.Key())
		if errs[i] == nil {
			d.host.writes[d.name]++
			d.host.journal = append(d.host.journal, c)
		}
	}
	d.host.tellTaken()
	d.tellPatches(changes)
	return errs
}

// tellPatches reports, as Open vSwitch does, the patch ports that were added or removed with sessions.
func (d *Driver) tellPatches(changes []object.Change) {
	var e object.Event
	for _, c := range changes {
		for _, o := range []object.Object{c.Desired, c.Observed} {
			if s, ok := o.(*object.Session); ok {
				e.Devices = append(e.Devices, s.Device, s.PeerDevice)
			}
		}
	}
	if len(e.Devices) > 0 {
		d.send(e)
	}
}

// tellTaken reports, as a kernel does, what a change has removed or changed with it, to the driver of that kind. The lock is held.
func (h *Host) tellTaken() {
	for _, d := range h.drivers {
		var e object.Event
		for k := range d.cache {
			if _, there := h.objects[k]; !there {
				delete(d.cache, k)
				e.Keys = append(e.Keys, k)
			}
		}
		for _, k := range h.unshaped {
			if d.has(k) {
				d.refresh(k)
				e.Keys = append(e.Keys, k)
			}
		}
		if len(e.Keys) > 0 {
			d.send(e)
		}
	}
	h.unshaped = nil
}

// Watch passes events to notify until ctx ends.
func (d *Driver) Watch(ctx context.Context, notify func(object.Event)) error {
	d.mu.Lock()
	d.notify = notify
	d.mu.Unlock()
	d.sendPending()
	<-ctx.Done()
	d.mu.Lock()
	d.notify = nil
	d.mu.Unlock()
	return nil
}

// sendPending sends what could not be sent before.
func (d *Driver) sendPending() {
	d.mu.Lock()
	pending := d.pending
	d.pending = nil
	d.mu.Unlock()
	for _, e := range pending {
		d.send(e)
	}
}

func (d *Driver) send(e object.Event) {
	d.mu.Lock()
	notify := d.notify
	if d.late {
		notify = nil
	}
	if notify == nil {
		d.pending = append(d.pending, e)
	}
	d.mu.Unlock()
	if notify != nil {
		notify(e)
	}
}
