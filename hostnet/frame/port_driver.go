package frame

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"

	"golang.org/x/time/rate"

	"weft/hostnet/object"
)

// closers bounds how many transports are closed at once: closing a packet socket waits for an RCU grace period, which
// many can share.
const closers = 32

// Binding is an object that is served on one device, which is its key's name.
type Binding = object.Object

// PortDriver serves one kind of binding, each on its own device, in this process. It implements the engine's driver:
// what it observes are the bindings being served, so that a binding whose device went away or was made again is not
// observed, and is created again.
type PortDriver struct {
	name    string
	kind    object.Kind
	open    Opener
	service func(Binding) (Service, error)
	log     *slog.Logger

	ctx    context.Context // ends all ports' goroutines
	cancel context.CancelFunc

	mu    sync.Mutex
	ports map[string]*served
	lost  map[string]bool
	woken chan struct{} // holds one token when lost has names
}

type served struct {
	*port
	binding Binding
}

// PortConfig makes a PortDriver.
type PortConfig struct {
	Name    string
	Kind    object.Kind
	Open    Opener                         // OpenSocket when nil
	Service func(Binding) (Service, error) // pure; refuses a binding that cannot be served
	Logger  *slog.Logger                   // slog.Default when nil
}

// NewPortDriver makes a driver that serves nothing yet. Close ends it.
func NewPortDriver(c PortConfig) *PortDriver {
	if c.Open == nil {
		c.Open = OpenSocket
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	ctx, cancel := context.WithCancel(context.Background())
	return &PortDriver{
		name: c.Name, kind: c.Kind, open: c.Open, service: c.Service, log: c.Logger.With("server", c.Name),
		ctx: ctx, cancel: cancel,
		ports: map[string]*served{}, lost: map[string]bool{}, woken: make(chan struct{}, 1),
	}
}

// Close ends every server and waits for it.
func (d *PortDriver) Close() error {
	d.cancel()
	d.mu.Lock()
	all := slices.Collect(maps.Values(d.ports))
	d.ports = map[string]*served{}
	d.mu.Unlock()
	stop(all)
	return nil
}

// Name implements the engine's driver.
func (d *PortDriver) Name() string { return d.name }

// Kinds implements the engine's driver.
func (d *PortDriver) Kinds() []object.Kind { return []object.Kind{d.kind} }

// InProcess says that what the driver holds lives and dies with this process: creating it again after a restart writes
// nothing to the host.
func (d *PortDriver) InProcess() bool { return true }

// Sync has nothing to read: the view is the state itself.
func (d *PortDriver) Sync(context.Context) error { return nil }

// Facts adds nothing.
func (d *PortDriver) Facts(*object.Facts) {}

// Observe returns the bindings that are being served on the device that has their name now.
func (d *PortDriver) Observe(_ context.Context, keys []object.Key) ([]object.Object, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	found := make([]object.Object, 0, len(keys))
	for _, k := range keys {
		if s, ok := d.ports[k.Name]; ok && k.Kind == d.kind && s.transport.Alive() {
			found = append(found, s.binding)
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

// Apply begins, changes and ends servers.
func (d *PortDriver) Apply(_ context.Context, changes []object.Change) []error {
	errs := make([]error, len(changes))
	var ended []*served
	for i, c := range changes {
		device := c.Key().Name
		if c.Op == object.Delete {
			if s := d.take(device); s != nil {
				ended = append(ended, s)
			}
			continue
		}
		if err := d.serve(device, c.Desired); err != nil {
			errs[i] = fmt.Errorf("%s: %w", c.Key(), err)
		}
	}
	stop(ended)
	return errs
}

// take removes the device's server from the view; the caller stops it.
func (d *PortDriver) take(device string) *served {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := d.ports[device]
	delete(d.ports, device)
	return s
}

// serve begins to serve the binding, or serves it instead of the device's last one without a gap.
func (d *PortDriver) serve(device string, b Binding) error {
	service, err := d.service(b)
	if err != nil {
		return err
	}
	d.mu.Lock()
	s := d.ports[device]
	d.mu.Unlock()
	if s != nil && s.transport.Alive() {
		return d.change(s, b, &service)
	}
	if s != nil {
		d.take(device)
		stop([]*served{s})
	}
	t, err := d.open(device, service.Filter)
	if err != nil {
		return err
	}
	d.begin(device, b, &service, t)
	return nil
}

func (d *PortDriver) change(s *served, b Binding, service *Service) error {
	if err := s.transport.SetFilter(service.Filter); err != nil {
		return fmt.Errorf("change the filter: %w", err)
	}
	s.service.Store(service)
	s.sendUnsolicited()
	d.mu.Lock()
	defer d.mu.Unlock()
	s.binding = b
	return nil
}

func (d *PortDriver) begin(device string, b Binding, service *Service, t Transport) {
	ctx, cancel := context.WithCancel(d.ctx)
	p := &port{
		cancel: cancel, device: device, transport: t, limit: rate.NewLimiter(framesPerSecond, framesBurst),
		log: d.log.With("device", device), done: make(chan struct{}),
	}
	p.service.Store(service)
	s := &served{p, b}
	d.mu.Lock()
	d.ports[device] = s
	d.mu.Unlock()
	go func() {
		defer close(p.done)
		if p.run(ctx) {
			d.forget(s)
		}
	}()
}

// forget drops a server whose transport was lost and wakes Watch.
func (d *PortDriver) forget(s *served) {
	s.cancel()
	if err := s.transport.Close(); err != nil {
		s.log.Debug("close the lost transport", "error", err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.ports[s.device] == s {
		delete(d.ports, s.device)
	}
	d.lost[s.device] = true
	select {
	case d.woken <- struct{}{}:
	default:
	}
}

// Watch reports bindings that are served no longer because their device went away.
func (d *PortDriver) Watch(ctx context.Context, notify func(object.Event)) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-d.woken:
		}
		d.mu.Lock()
		var e object.Event
		for _, device := range slices.Sorted(maps.Keys(d.lost)) {
			e.Keys = append(e.Keys, object.Key{Kind: d.kind, Name: device})
		}
		clear(d.lost)
		d.mu.Unlock()
		notify(e)
	}
}

// stop closes the transports, several at a time, and waits until their goroutines have ended.
func stop(all []*served) {
	slots := make(chan struct{}, closers)
	var wait sync.WaitGroup
	for _, s := range all {
		slots <- struct{}{}
		wait.Go(func() {
			defer func() { <-slots }()
			s.cancel()
			if err := s.transport.Close(); err != nil {
				s.log.Debug("close the transport", "error", err)
			}
			<-s.done
		})
	}
	wait.Wait()
}
