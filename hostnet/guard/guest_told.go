package guard

import (
	"bytes"
	"errors"
	"os"
	"sync"
	"time"

	"github.com/google/nftables"

	"weft/hostnet/object"
)

// What the rules let a guest claim of link-local addresses: so many at once, and so many in a time (set rate).
const (
	linkLocalBurst  = 8
	linkLocalWithin = time.Hour
)

// told is what the rules noted of guests whose frames do not pass, though nothing failed: it is read with every Sync.
type told struct {
	mu      sync.Mutex
	sources map[string]source // by device
	limited map[string]bool   // devices
}

// source is a guest that sent frames from elsewhere than its MAC.
type source struct {
	watch object.SourceWatch
	first object.MAC // where the first of them came from
}

// look compares what was noted with the last look. Returned are the elements of set macs that have no counter, of guests of whom
// foreign frames were noted: as long as their own frames are not counted, each look is their first.
func (t *told) look(foreign, limited []nftables.SetElement, own map[string]nftables.SetElement) (uncounted []nftables.SetElement) {
	t.mu.Lock()
	defer t.mu.Unlock()
	sources := map[string]source{}
	for _, e := range foreign {
		device := deviceOfKey(e.Key)
		element, known := own[device]
		if !known || e.Counter == nil || len(e.Val) < macSize {
			continue
		}
		s := source{first: object.MAC(e.Val[:macSize])}
		var heard uint64
		if element.Counter != nil {
			s.watch, heard = t.sources[device].watch, element.Counter.Packets
		} else {
			uncounted = append(uncounted, element)
		}
		s.watch.Look(e.Counter.Packets, heard)
		sources[device] = s
	}
	t.sources, t.limited = sources, map[string]bool{}
	for _, e := range limited {
		t.limited[deviceOfKey(e.Key)] = true
	}
	return uncounted
}

// warnings are those about a guest's elements.
func (t *told) warnings(m *object.GuardMembers) (found []object.Warning) {
	var port object.MAC
	guest := false
	for _, e := range m.Members {
		switch e.Set {
		case object.GuardGuests:
			guest = true
		case object.GuardMACs:
			port = e.MAC
		}
	}
	if !guest {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if s := t.sources[m.Name]; s.watch.Unheard() {
		found = append(found, object.ForeignSource(port, s.first))
	}
	if t.limited[m.Name] {
		wait := "for up to " + (linkLocalWithin / linkLocalBurst).String()
		found = append(found, object.LinkLocalLimit(linkLocalBurst, linkLocalWithin, wait))
	}
	return found
}

// forget is about devices that are a guest's no longer.
func (t *told) forget(devices map[string]string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for device := range devices {
		delete(t.sources, device)
		delete(t.limited, device)
	}
}

// Warnings implements the engine's Warner: it says of a guest's elements that nothing of what it sends is from the port's MAC,
// or that it has claimed as many link-local addresses as it may.
func (d *Driver) Warnings(desired object.Object) []object.Warning {
	if m, ok := desired.(*object.GuardMembers); ok {
		return d.told.warnings(m)
	}
	return nil
}

// look reads what the rules noted. The own frames of guests are counted only after foreign ones were noted: what an honest
// guest sends costs nothing more. The caller holds the lock, and the view is fresh.
func (d *Driver) look() error {
	foreign, err := d.noted(setForeign)
	if err != nil {
		return err
	}
	limited, err := d.noted(setLimited)
	if err != nil {
		return err
	}
	return countOwn(d.told.look(foreign, limited, d.view.own))
}

// noted are the elements of a set that the rules fill: none before the rules are loaded.
func (d *Driver) noted(set string) ([]nftables.SetElement, error) {
	elements, err := d.conn.Elements(d.handle(set))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	return elements, err
}

// deviceOfKey is the device that a key begins with.
func deviceOfKey(key []byte) string {
	name, _, _ := bytes.Cut(key[:min(len(key), nameSize)], []byte{0})
	return string(name)
}
