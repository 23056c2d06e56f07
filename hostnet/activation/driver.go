// Package activation listens on the device of a standby port for the announcement of the migrated guest. Its hypervisor sends
// reverse ARP for it, or the guest itself sends gratuitous ARP and unsolicited neighbour advertisements.
//
// Invariants:
//   - Only a frame that the device itself sends, from the port's own MAC, counts.
//   - Nothing is ever sent.
//   - What was heard is kept until the port is not waited for any more. It belongs to one migration only.
package activation

import (
	"context"
	"fmt"
	"log/slog"
	"sync"

	"weft/hostnet/object"
	"weft/hostnet/packetsocket"
)

// Driver is the driver of object.KindActivation. The service of the embedded driver is the listening.
type Driver struct {
	*packetsocket.PortDriver
	log *slog.Logger

	mu    sync.Mutex
	heard map[string]object.Activation // by the port's uid
	news  []object.Key                 // heard since Watch last reported
	woken chan struct{}                // holds one token if there is news
}

// New makes the driver. It listens nowhere yet. open opens the transports of ports; for netdevs it is packetsocket.Mux's Open.
// Close ends the driver.
func New(open packetsocket.Opener, log *slog.Logger) *Driver {
	if log == nil {
		log = slog.Default()
	}
	d := &Driver{log: log.With("server", "activation"), heard: map[string]object.Activation{}, woken: make(chan struct{}, 1)}
	d.PortDriver = packetsocket.NewPortDriver(packetsocket.PortConfig{
		Name: "activation", Kind: object.KindActivation, Open: open, Service: d.service, Logger: log,
	})
	return d
}

func (d *Driver) service(b packetsocket.Binding) (packetsocket.Service, error) {
	a, ok := b.(*object.Activation)
	if !ok {
		return packetsocket.Service{}, fmt.Errorf("%T is no activation", b)
	}
	return packetsocket.Service{
		Filter: packetsocket.Filter{Rules: []packetsocket.Rule{
			packetsocket.RARP().From(a.MAC), packetsocket.AnyARP().From(a.MAC), packetsocket.ICMPv6Type(neighborAdvertisement).From(a.MAC),
		}},
		Answer: func(received []byte, _ *slog.Logger) [][]byte {
			if Announces(received, a.MAC) {
				d.hear(*a)
			}
			return nil
		},
	}, nil
}

// hear keeps what was heard and reports it once.
func (d *Driver) hear(a object.Activation) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.heard[a.OwnerUID] == a {
		return
	}
	d.heard[a.OwnerUID] = a
	d.news = append(d.news, a.Key())
	d.log.Info("a guest has announced itself on its standby port", "device", a.Device, "guest", a.MAC)
	select {
	case d.woken <- struct{}{}:
	default:
	}
}

// Activated is the number of the migration for which the port's guest has announced itself, or 0. Any goroutine may call it.
func (d *Driver) Activated(uid string) int64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.heard[uid].Migration
}

// Apply starts and ends the listening. A port that is not waited for any more is forgotten.
func (d *Driver) Apply(ctx context.Context, changes []object.Change) []error {
	errs := d.PortDriver.Apply(ctx, changes)
	d.mu.Lock()
	defer d.mu.Unlock()
	for i, c := range changes {
		if c.Op == object.Delete && errs[i] == nil {
			delete(d.heard, c.Observed.Owner())
		}
	}
	return errs
}

// Watch also reports activations, by their keys.
func (d *Driver) Watch(ctx context.Context, notify func(object.Event)) error {
	return d.WatchAlso(ctx, notify, d.woken, d.takeNews)
}

func (d *Driver) takeNews() []object.Key {
	d.mu.Lock()
	defer d.mu.Unlock()
	news := d.news
	d.news = nil
	return news
}
