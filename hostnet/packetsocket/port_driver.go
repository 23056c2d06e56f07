package packetsocket

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"

	"weft/hostnet/object"
)

// Binding is an object that is served on one device. The name of its key is the device.
type Binding = object.Object

// PortDriver serves one kind of binding, each on its own device, in this process. It implements the engine's driver. It observes
// the bindings that are being served. So a binding whose device was removed or made again is not observed, and is created again.
type PortDriver struct {
	name    string
	kind    object.Kind
	open    Opener
	service func(Binding) (Service, error)
	gone    func(device string)
	ended   func(device string)
	log     *slog.Logger

	end  context.CancelFunc
	wait sync.WaitGroup // for the one goroutine, which repeats unsolicited frames

	mu        sync.Mutex
	ports     map[string]*port
	lost      map[string]bool
	woken     chan struct{} // holds one token if lost has names
	schedule  schedule
	scheduled chan struct{} // holds one token if a port's next time was set
}

// PortConfig makes a PortDriver.
type PortConfig struct {
	Name    string
	Kind    object.Kind
	Open    Opener                         // Mux.Open for netdevs
	Service func(Binding) (Service, error) // refuses a binding that cannot be served; only Apply calls it
	// Apply calls Gone when a binding is removed because its device does not exist any more. It may be nil.
	Gone func(device string)
	// Ended is called after the server of a device has ended for any reason: its binding or its device was removed, or the driver is
	// closed. No frame of it is read any more. It may be nil.
	Ended  func(device string)
	Logger *slog.Logger // slog.Default when nil
}

// NewPortDriver makes a driver that serves nothing yet, and starts its goroutine. Close ends both.
func NewPortDriver(c PortConfig) *PortDriver {
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.Gone == nil {
		c.Gone = func(string) {}
	}
	if c.Ended == nil {
		c.Ended = func(string) {}
	}
	ctx, end := context.WithCancel(context.Background())
	d := &PortDriver{
		name: c.Name, kind: c.Kind, open: c.Open, service: c.Service, gone: c.Gone, ended: c.Ended, log: c.Logger.With("server", c.Name), end: end,
		ports: map[string]*port{}, lost: map[string]bool{},
		woken: make(chan struct{}, 1), scheduled: make(chan struct{}, 1),
	}
	d.wait.Go(func() { d.repeat(ctx) })
	return d
}

// Close ends every server and the goroutine, and waits for it.
func (d *PortDriver) Close() error {
	d.end()
	d.wait.Wait()
	d.mu.Lock()
	all := d.ports
	d.ports = map[string]*port{}
	d.mu.Unlock()
	var errs []error
	for _, p := range all {
		errs = append(errs, d.shut(p))
	}
	return errors.Join(errs...)
}

// Name implements the engine's driver.
func (d *PortDriver) Name() string { return d.name }

// Kinds implements the engine's driver.
func (d *PortDriver) Kinds() []object.Kind { return []object.Kind{d.kind} }

// InProcess says that what the driver holds exists only in this process. Creating it again after a restart writes nothing to the
// host.
func (d *PortDriver) InProcess() bool { return true }

// Sync has nothing to read, because the driver itself is the state.
func (d *PortDriver) Sync(context.Context) error { return nil }

// Observe returns the bindings that are served on the device that has their name now.
func (d *PortDriver) Observe(_ context.Context, keys []object.Key) ([]object.Object, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	found := make([]object.Object, 0, len(keys))
	for _, k := range keys {
		if p, ok := d.ports[k.Name]; ok && k.Kind == d.kind && p.transport.Alive() {
			found = append(found, p.binding)
		}
	}
	return found, nil
}

// Ours lists every binding that is held, alive or not.
func (d *PortDriver) Ours(context.Context) ([]object.Key, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	keys := make([]object.Key, 0, len(d.ports))
	for device := range d.ports {
		keys = append(keys, object.Key{Kind: d.kind, Name: device})
	}
	return keys, nil
}

// Apply starts, changes and ends servers.
func (d *PortDriver) Apply(_ context.Context, changes []object.Change) []error {
	errs := make([]error, len(changes))
	for i, c := range changes {
		device := c.Key().Name
		var err error
		if c.Op == object.Delete {
			err = d.remove(device)
		} else {
			err = d.serve(device, c.Desired)
		}
		if err != nil {
			errs[i] = fmt.Errorf("%s: %w", c.Key(), err)
		}
	}
	return errs
}

// remove ends the device's server. It calls gone if the device does not exist any more.
func (d *PortDriver) remove(device string) error {
	d.mu.Lock()
	p := d.ports[device]
	d.mu.Unlock()
	if p == nil || !p.transport.Alive() {
		d.gone(device)
	}
	return d.stop(device)
}

// stop ends the device's server, if there is one.
func (d *PortDriver) stop(device string) error {
	d.mu.Lock()
	p := d.ports[device]
	if p != nil {
		d.schedule.clear(p)
	}
	delete(d.ports, device)
	d.mu.Unlock()
	if p == nil {
		return nil
	}
	return d.shut(p)
}

// shut ends a server that is not listed any more.
func (d *PortDriver) shut(p *port) error {
	err := p.transport.Close()
	d.ended(p.device)
	return err
}

// serve starts to serve the binding. If the device is served already, the new binding replaces the old one without a gap.
func (d *PortDriver) serve(device string, b Binding) error {
	service, err := d.service(b)
	if err != nil {
		return err
	}
	d.mu.Lock()
	p := d.ports[device]
	d.mu.Unlock()
	if p != nil && p.transport.Alive() {
		return d.change(p, b, &service)
	}
	if err := d.stop(device); err != nil {
		d.log.Debug("cannot close the transport of a lost device", "device", device, "error", err)
	}
	return d.begin(device, b, &service)
}

func (d *PortDriver) change(p *port, b Binding, service *Service) error {
	if err := p.transport.SetFilter(service.Filter); err != nil {
		return fmt.Errorf("change the filter: %w", err)
	}
	p.store(service)
	d.mu.Lock()
	p.binding, p.sent = b, 0
	d.schedule.clear(p)
	d.mu.Unlock()
	d.speak(p)
	return nil
}

func (d *PortDriver) begin(device string, b Binding, service *Service) error {
	p := newPort(device, b, service, d.log)
	t, err := d.open(device, service.Filter, Receiver{Frame: p.answer, Lost: func() { d.forget(p) }})
	if err != nil {
		return err
	}
	if service.Begin != nil {
		service.Begin(t)
	}
	p.begun.Store(true)
	d.mu.Lock()
	p.transport = t
	d.ports[device] = p
	d.mu.Unlock()
	d.speak(p)
	return nil
}

// forget removes a server whose device was lost and wakes Watch.
func (d *PortDriver) forget(p *port) {
	d.mu.Lock()
	held := d.ports[p.device] == p
	if held {
		d.schedule.clear(p)
		delete(d.ports, p.device)
	}
	d.lost[p.device] = true
	d.mu.Unlock()
	wake(d.woken)
	if !held {
		return
	}
	if err := d.shut(p); err != nil {
		p.logger().Debug("cannot close the transport of a lost device", "error", err)
	}
}

// wake puts the token into the channel unless it is there.
func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Watch reports bindings that are not served any more because their device was removed.
func (d *PortDriver) Watch(ctx context.Context, notify func(object.Event)) error {
	return d.WatchAlso(ctx, notify, nil, nil)
}

// WatchAlso is Watch for a driver that has news of its own. After each token of woken it reports the keys that take returns. Like
// Watch, it runs once at a time.
func (d *PortDriver) WatchAlso(ctx context.Context, notify func(object.Event), woken <-chan struct{}, take func() []object.Key) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-d.woken:
			notify(object.Event{Keys: d.takeLost()})
		case <-woken:
			notify(object.Event{Keys: take()})
		}
	}
}

func (d *PortDriver) takeLost() (keys []object.Key) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, device := range slices.Sorted(maps.Keys(d.lost)) {
		keys = append(keys, object.Key{Kind: d.kind, Name: device})
	}
	clear(d.lost)
	return keys
}
