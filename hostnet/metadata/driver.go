// Package metadata is the metadata service of a host: OpenStack's and EC2's documents for each guest, on the guest's own port.
//
// Invariants:
//   - The guest is known by the device that its frames arrive on. No address, header or name says who asks.
//   - What is answered depends on the port's binding only. There is no other network, no file and no clock in it.
//   - Only the port's own MAC is answered, on its own port, and only if the source address is one that the port may use.
//   - Whatever guests send is bounded: frames, stacks, connections, memory and time. One guest's use takes nothing from another one.
//   - Nothing of user data, keys and words is logged.
package metadata

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"weft/hostnet/object"
	"weft/hostnet/packetsocket"
)

// The token bucket of a port: frames that are read. A request takes six to eight, and a booting guest makes some forty requests. The mux
// shuts out a device with more than 1,000 frames a second, so that a guest that only asks a lot must be slowed before.
const (
	framesPerSecond = 500
	framesBurst     = 400
)

// How long a connection may take for its parts.
const (
	headTime  = 5 * time.Second  // until the head of a request is there
	writeTime = 30 * time.Second // until the answer is sent: 64 KiB at the lowest limit of a port take 6 s
	idleTime  = 5 * time.Second  // between requests
)

// stackInterval is how long a port waits for another stack. A stack lasts much longer, unless a host has too many.
const stackInterval = time.Second

// Driver is the driver of object.KindMetadataBinding. The embedded driver reads the frames of ports.
type Driver struct {
	*packetsocket.PortDriver
	log    *slog.Logger
	pool   *pool
	server *http.Server
	counts counts

	end  context.CancelFunc
	wait sync.WaitGroup // for the goroutine that destroys stacks

	mu     sync.Mutex
	guests map[string]*guest // by device
}

// guest is a served port.
type guest struct {
	driver  *Driver
	to      *sender
	binding atomic.Pointer[object.MetadataBinding]
	stack   atomic.Pointer[portStack] // nil until the guest opens a connection, and after some time without one
	made    atomic.Pointer[documents] // of a binding, perhaps a former one
	next    time.Time                 // when a stack may be made; only the mux's goroutine uses it
}

// sender sends to the guest until its server has ended.
type sender struct {
	packetsocket.Sender
	ended atomic.Bool
}

// Send implements packetsocket.Sender.
func (s *sender) Send(frame []byte) error {
	if s.ended.Load() {
		return net.ErrClosed
	}
	return s.Sender.Send(frame)
}

// New makes the driver and starts its goroutine. It serves nothing yet. open opens the transports of ports; for netdevs it is
// packetsocket.Mux's Open. Close ends the driver. log may be nil.
func New(open packetsocket.Opener, log *slog.Logger) *Driver {
	if log == nil {
		log = slog.Default()
	}
	ctx, end := context.WithCancel(context.Background())
	d := &Driver{log: log.With("server", "metadata"), pool: newPool(), end: end, guests: map[string]*guest{}}
	d.server = &http.Server{
		Handler: http.HandlerFunc(d.handle), ReadHeaderTimeout: headTime, ReadTimeout: headTime, WriteTimeout: writeTime, IdleTimeout: idleTime,
		MaxHeaderBytes: maxHeader, DisableGeneralOptionsHandler: true, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug),
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			return context.WithValue(ctx, guestKey{}, c.(*connection).of.guest)
		},
		ConnState: trackHandlers,
	}
	d.PortDriver = packetsocket.NewPortDriver(packetsocket.PortConfig{
		Name: "metadata", Kind: object.KindMetadataBinding, Open: open, Service: d.service, Ended: d.ended, Logger: log,
	})
	d.wait.Go(func() { d.destroy(ctx) })
	return d
}

// guestKey is the key of the guest in the context of a request.
type guestKey struct{}

// trackHandlers counts the goroutines of a stack's connections.
func trackHandlers(c net.Conn, s http.ConnState) {
	switch s {
	case http.StateNew:
		c.(*connection).of.handlers.Add(1)
	case http.StateClosed:
		c.(*connection).of.handlers.Done()
	}
}

// Close ends every server, and waits until all stacks are destroyed.
func (d *Driver) Close() error {
	err := d.PortDriver.Close()
	d.end()
	d.wait.Wait()
	return errors.Join(err, d.server.Close())
}

func (d *Driver) service(b packetsocket.Binding) (packetsocket.Service, error) {
	binding, ok := b.(*object.MetadataBinding)
	if !ok {
		return packetsocket.Service{}, fmt.Errorf("%T is no metadata binding", b)
	}
	if binding.MAC == (object.MAC{}) || binding.MAC[0]&1 != 0 {
		return packetsocket.Service{}, fmt.Errorf("mac %s: not a unicast address", binding.MAC)
	}
	if g := d.guest(binding.Device); g != nil {
		g.change(binding)
	}
	return packetsocket.Service{
		Filter: filter(binding), Limit: packetsocket.Limit{PerSecond: framesPerSecond, Burst: framesBurst},
		Begin:   func(to packetsocket.Sender) { d.begin(binding, to) },
		Limited: func() { d.counts.reject(RejectedRate) },
		Answer: func(received []byte, log *slog.Logger) [][]byte {
			if g := d.guest(binding.Device); g != nil {
				return g.receive(binding, received, log)
			}
			return nil
		},
	}, nil
}

func (d *Driver) begin(b *object.MetadataBinding, to packetsocket.Sender) {
	d.mu.Lock()
	defer d.mu.Unlock()
	g := &guest{driver: d, to: &sender{Sender: to}}
	g.binding.Store(b)
	d.guests[b.Device] = g
}

func (d *Driver) guest(device string) *guest {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.guests[device]
}

// ended forgets the guest of a device.
func (d *Driver) ended(device string) {
	d.mu.Lock()
	g := d.guests[device]
	delete(d.guests, device)
	d.mu.Unlock()
	if g == nil {
		return
	}
	g.to.ended.Store(true)
	if s := g.stack.Load(); s != nil {
		d.pool.mu.Lock()
		d.pool.close(s)
		d.pool.mu.Unlock()
	}
}

// receive reads a frame. The mux's goroutine calls it, so it must not wait.
func (g *guest) receive(b *object.MetadataBinding, frame []byte, log *slog.Logger) [][]byte {
	o := judge(b, frame)
	switch {
	case o.rejected != "":
		g.driver.counts.reject(o.rejected)
	case o.answer != nil:
		return [][]byte{o.answer}
	case o.packet != nil:
		if s := g.ask(b, o.begins, log); s != nil {
			s.receive(o, time.Now())
		}
	}
	return nil
}

// ask is the guest's stack. It makes one for a packet that opens a connection.
func (g *guest) ask(b *object.MetadataBinding, begins bool, log *slog.Logger) *portStack {
	if s := g.stack.Load(); s != nil {
		if mtu := mtuOf(b); s.link.MTU() != mtu {
			s.link.SetMTU(mtu)
		}
		return s
	}
	now := time.Now()
	if !begins || now.Before(g.next) {
		if begins {
			g.driver.counts.reject(RejectedStacks)
		}
		return nil
	}
	g.next = now.Add(stackInterval)
	s := g.driver.pool.add(func() *portStack {
		s, err := newPortStack(g, b)
		if err != nil {
			log.Error("cannot serve metadata to a guest", "error", err)
			return nil
		}
		return s
	})
	if s == nil {
		g.driver.counts.reject(RejectedStacks)
		return nil
	}
	g.stack.Store(s)
	s.serve(g.driver.server)
	g.offer(s, log)
	return s
}

// change makes another binding the present one. Connections to services that are not in it end.
func (g *guest) change(b *object.MetadataBinding) {
	g.binding.Store(b)
	if s := g.stack.Load(); s != nil {
		g.offer(s, g.driver.log)
	}
}

// offer makes a stack offer the services of the present binding. Whoever changes the binding looks for a stack afterwards, and whoever makes a
// stack looks at the binding afterwards.
func (g *guest) offer(s *portStack, log *slog.Logger) {
	if err := s.offer(g.binding.Load().Services); err != nil {
		log.Error("cannot offer a service of the host to a guest", "error", err)
	}
}

// documents are those of the present binding.
func (g *guest) documents() *documents {
	b := g.binding.Load()
	if made := g.made.Load(); made != nil && made.of == b {
		return made
	}
	made := documentsOf(b)
	g.made.Store(made)
	return made
}

// handle answers a request with the documents of the port that its connection came in by.
func (d *Driver) handle(w http.ResponseWriter, r *http.Request) {
	g := r.Context().Value(guestKey{}).(*guest)
	d.counts.answer(g.documents().answer(w, r))
}

// destroy destroys the stacks that nobody needs, until ctx ends. Then it destroys the rest.
func (d *Driver) destroy(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		over := false
		select {
		case <-ctx.Done():
			over = true
		case <-d.pool.woken:
		case <-timer.C:
		}
		ending, next := d.pool.tidy(over)
		for _, s := range ending {
			s.guest.made.Store(nil)
			s.destroy()
		}
		d.pool.settle(len(ending))
		if over {
			return
		}
		if !next.IsZero() {
			timer.Reset(time.Until(next))
		}
	}
}
