package portsecurity

import (
	"bytes"
	"errors"
	"os"
	"sync"
	"time"

	"github.com/google/nftables"

	"weft/hostnet/object"
)

// How many link-local addresses the rules let a guest claim: so many at once, and so many in that time (set rate).
const (
	linkLocalBurst  = 8
	linkLocalWithin = time.Hour
)

// told is what the rules noted of guests whose frames are dropped although nothing failed. It is read with every Sync.
type told struct {
	mu      sync.Mutex
	sources map[string]source // by device
	limited map[string]bool   // devices
}

// source is a guest that sent frames from another MAC than its own.
type source struct {
	watch object.SourceWatch
	first object.MAC // the source MAC of the first such frame
}

// look compares the notes with the last look. It returns the elements of set macs without a counter, of guests that sent foreign
// frames. As long as a guest's own frames are not counted, each look is its first.
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

// warnings are the warnings about a guest's elements.
func (t *told) warnings(m *object.PortSecurityElements) (found []object.Warning) {
	var port object.MAC
	guest := false
	for _, e := range m.Elements {
		switch e.Set {
		case object.PortSecurityGuests:
			guest = true
		case object.PortSecurityMACs:
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

// forget removes what is known of devices that are not a guest's any more.
func (t *told) forget(devices map[string]string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for device := range devices {
		delete(t.sources, device)
		delete(t.limited, device)
	}
}

// Warnings implements the engine's Warner. It says of a guest's elements that nothing of what it sends is from the port's MAC, or
// that the guest has claimed as many link-local addresses as it may.
func (d *Driver) Warnings(desired object.Object) []object.Warning {
	if m, ok := desired.(*object.PortSecurityElements); ok {
		return d.told.warnings(m)
	}
	return nil
}

// look reads what the rules noted. A guest's own frames are counted only after foreign ones were noted, so that honest guests
// cost nothing. The caller holds the lock, and the cache is fresh.
func (d *Driver) look() error {
	foreign, err := d.noted(setForeign)
	if err != nil {
		return err
	}
	limited, err := d.noted(setLimited)
	if err != nil {
		return err
	}
	rejected, err := d.noted(setRejected)
	if err != nil {
		return err
	}
	d.rejected.Look(rejectedOf(rejected))
	return countOwn(d.told.look(foreign, limited, d.cache.own))
}

// noted are the elements of a set that the rules fill. There are none before the rules are loaded.
func (d *Driver) noted(set string) ([]nftables.SetElement, error) {
	elements, err := d.conn.Elements(d.handle(set))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	return elements, err
}

// deviceOfKey is the device at the beginning of a key.
func deviceOfKey(key []byte) string {
	name, _, _ := bytes.Cut(key[:min(len(key), nameSize)], []byte{0})
	return string(name)
}
