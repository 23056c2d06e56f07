// Package arrival hears, on the device of a standby port, the guest announce itself that was moved there: its hypervisor
// sends reverse ARP for it, or it sends gratuitous ARP and unsolicited neighbour advertisements itself.
//
// Invariants: only a frame that the device itself sends, from the port's own MAC, counts; nothing is ever sent; what was
// heard is kept until the port is no longer waited for, and belongs to one migration alone.
package arrival

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"

	"weft/hostnet/frame"
	"weft/hostnet/object"
)

// Driver is the driver of object.KindArrival. What the embedded driver serves is the listening.
type Driver struct {
	*frame.PortDriver
	log *slog.Logger

	mu    sync.Mutex
	heard map[string]object.Arrival // by the port's uid
	news  []object.Key              // heard since Watch last told
	woken chan struct{}             // holds one token when there is news
}

// New makes the driver, which listens nowhere yet. open opens the transports of ports, frame.Exchange's Open for netdevs.
// Close ends it.
func New(open frame.Opener, log *slog.Logger) *Driver {
	if log == nil {
		log = slog.Default()
	}
	d := &Driver{log: log.With("server", "arrival"), heard: map[string]object.Arrival{}, woken: make(chan struct{}, 1)}
	d.PortDriver = frame.NewPortDriver(frame.PortConfig{
		Name: "arrival", Kind: object.KindArrival, Open: open, Service: d.service, Logger: log,
	})
	return d
}

func (d *Driver) service(b frame.Binding) (frame.Service, error) {
	a, ok := b.(*object.Arrival)
	if !ok {
		return frame.Service{}, fmt.Errorf("%T is not an arrival", b)
	}
	return frame.Service{
		Filter: frame.Filter{Rules: []frame.Rule{
			frame.RARP().From(a.MAC), frame.AnyARP().From(a.MAC), frame.ICMPv6Type(neighborAdvertisement).From(a.MAC),
		}},
		Answer: func(received []byte, _ *slog.Logger) [][]byte {
			if Announces(received, a.MAC) {
				d.hear(*a)
			}
			return nil
		},
	}, nil
}

// hear keeps what was heard and tells it once.
func (d *Driver) hear(a object.Arrival) {
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

// Arrived is the number of the migration for which the port's guest has announced itself, or 0. It may be called by any
// goroutine.
func (d *Driver) Arrived(uid string) int64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.heard[uid].Migration
}

// Apply begins and ends the listening. Who is no longer waited for is forgotten.
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

// Watch also reports arrivals, by their keys.
func (d *Driver) Watch(ctx context.Context, notify func(object.Event)) error {
	ctx, stop := context.WithCancel(ctx)
	lost := make(chan error, 1)
	go func() { lost <- d.PortDriver.Watch(ctx, notify) }()
	defer func() { stop(); <-lost }()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-d.woken:
		}
		d.mu.Lock()
		news := slices.Clone(d.news)
		d.news = nil
		d.mu.Unlock()
		notify(object.Event{Keys: news})
	}
}
