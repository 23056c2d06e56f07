package ovs

import (
	"reflect"
	"sync"

	"weft/hostnet/object"
	"weft/hostnet/ovsdb"
)

// eventBox collects what happened until Watch takes it, so that the monitors never wait for the engine. Its size is the number of
// different things that changed.
type eventBox struct {
	mu      sync.Mutex
	keys    map[object.Key]struct{}
	devices map[string]struct{}
	resync  bool
	wake    chan struct{} // has room for one
	bridges chan struct{} // has room for one: the set of bridges may have changed
	// sessions has room for one: an interface changed that may belong to a session or be an uplink.
	sessions chan struct{}
}

func newEventBox() *eventBox {
	return &eventBox{keys: map[object.Key]struct{}{}, devices: map[string]struct{}{}, wake: make(chan struct{}, 1),
		bridges: make(chan struct{}, 1), sessions: make(chan struct{}, 1)}
}

// take empties the box.
func (b *eventBox) take() (e object.Event, any bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	e.Resync = b.resync
	for k := range b.keys {
		e.Keys = append(e.Keys, k)
	}
	for d := range b.devices {
		e.Devices = append(e.Devices, d)
	}
	clear(b.keys)
	clear(b.devices)
	b.resync = false
	return e, e.Resync || len(e.Keys) > 0 || len(e.Devices) > 0
}

func (b *eventBox) put(resync bool, keys []object.Key, devices ...string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.resync = b.resync || resync
	for _, k := range keys {
		b.keys[k] = struct{}{}
	}
	for _, d := range devices {
		b.devices[d] = struct{}{}
	}
	signal(b.wake)
}

func (b *eventBox) bridgesChanged() { signal(b.bridges) }

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default: // one is waiting already
	}
}

// flowsChanged reports flow sets by their cookies.
func (b *eventBox) flowsChanged(bridge string, cookies []uint64) {
	keys := make([]object.Key, len(cookies))
	for i, c := range cookies {
		keys[i] = object.Key{Kind: object.KindFlowSet, Name: object.FlowSetName(bridge, c)}
	}
	b.put(false, keys)
}

// rowChanged reports a row of the database. old is nil if the row is new, new is nil if it was deleted.
func (b *eventBox) rowChanged(db *ovsdb.Client, old, new ovsdb.Row) {
	row := new
	if row == nil {
		row = old
	}
	switch r := row.(type) {
	case *ovsdb.Bridge:
		b.put(false, []object.Key{{Kind: object.KindBridge, Name: r.Name}})
		if old == nil || new == nil || id(old.(*ovsdb.Bridge).ExternalIDs, idOwner) != id(new.(*ovsdb.Bridge).ExternalIDs, idOwner) {
			b.bridgesChanged()
		}
		if old != nil && new != nil {
			b.replugged(db, old.(*ovsdb.Bridge).Ports, new.(*ovsdb.Bridge).Ports)
		}
	case *ovsdb.Port:
		b.put(false, portKeys(r.Name), r.Name) // whether an interface exists is a fact and changes with the port
	case *ovsdb.Interface:
		b.interfaceChanged(r, onlyCarrier(old, new))
	case *ovsdb.Controller:
		// A controller's target may change in place. Only a full look tells which bridge it belongs to.
		if old != nil && new != nil {
			b.put(true, nil)
		}
	}
}

// interfaceChanged reports an interface. If only its carrier changed, only those who wait for sessions are told.
func (b *eventBox) interfaceChanged(r *ovsdb.Interface, carrier bool) {
	session := id(r.ExternalIDs, idSession)
	if session != "" || id(r.ExternalIDs, idPhysicalNetwork) != "" {
		signal(b.sessions)
	}
	if carrier {
		return
	}
	keys := portKeys(r.Name)
	if session != "" {
		keys = append(keys, object.Key{Kind: object.KindSession, Name: session})
	}
	b.put(false, keys, r.Name)
}

// onlyCarrier says that only the carrier of an interface changed.
func onlyCarrier(old, new ovsdb.Row) bool {
	if old == nil || new == nil {
		return false
	}
	a, b := *old.(*ovsdb.Interface), *new.(*ovsdb.Interface)
	a.LinkState, b.LinkState = nil, nil
	return reflect.DeepEqual(a, b)
}

// replugged reports the ports that a bridge got or lost. The row of a port that moved to another bridge does not change.
func (b *eventBox) replugged(db *ovsdb.Client, old, new []string) {
	sides := make(map[string]int, len(new))
	for _, uuid := range old {
		sides[uuid]--
	}
	for _, uuid := range new {
		sides[uuid]++
	}
	for uuid, n := range sides {
		if n == 0 {
			continue
		}
		if p, ok := ovsdb.Get[*ovsdb.Port](db, uuid); ok { // otherwise the port was deleted, and its own row reports that
			b.put(false, portKeys(p.Name), p.Name)
		}
	}
}

func portKeys(name string) []object.Key {
	return []object.Key{{Kind: object.KindOVSPort, Name: name}, {Kind: object.KindUplink, Name: name}}
}
