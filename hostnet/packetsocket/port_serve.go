package packetsocket

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
)

// The token bucket of a port: how many frames per second are read, and how many at once. A booting guest sends fewer than ten.
// More are dropped unread, and clients ask again.
const (
	framesPerSecond = 20
	framesBurst     = 40
)

// receiveSize is the size in bytes of the largest frame that is read. Longer frames are cut and then fail to parse.
const receiveSize = 2048

// Limit is the token bucket of a port's server. Frames beyond it are dropped unread.
type Limit struct{ PerSecond, Burst int }

// Service is what is served on one port. It must not be changed after it was passed on.
type Service struct {
	Filter Filter
	// Limit is zero for servers that exchange a few frames with a guest. It is read when the device's server begins.
	Limit Limit
	// Answer returns the frames to send back for a received one. It must not keep the received frame, which may not have passed
	// the filter. One goroutine at a time calls it. It does not wait, and its work is bounded by the frame's size.
	Answer func(received []byte, log *slog.Logger) [][]byte
	// Begin is called when the server of a device begins, before its first frame. It is not called when another Service takes the
	// place of one on the same device. The Sender sends to the guest at any time, until PortConfig.Ended is called. Begin may be nil.
	Begin func(Sender)
	// Limited is called for each frame that the token bucket drops. It may be nil.
	Limited func()
	// Unsolicited returns the frames that are sent when the service starts or is replaced, and then again after each Interval.
	// Interval gets the number of times that they were sent since. If Unsolicited is nil, none are sent.
	Unsolicited func() [][]byte
	Interval    func(sent int) time.Duration
}

// port is one served device. The driver's lock protects binding, sent and next.
type port struct {
	device    string
	transport Transport               // set once, before the driver lists the port
	service   atomic.Pointer[Service] // without its filter, which the transport has
	begun     atomic.Bool             // frames that arrive before are dropped; clients repeat them
	limit     *rate.Limiter           // nil before the first frame
	log       *slog.Logger
	binding   Binding
	sent      int       // how often the service's unsolicited frames were sent
	next      time.Time // when the unsolicited frames are due; zero for never. schedule sets it, and slot.
	slot      int
}

func newPort(device string, b Binding, s *Service, log *slog.Logger) *port {
	p := &port{device: device, binding: b, log: log}
	p.store(s)
	return p
}

// store sets what is served.
func (p *port) store(s *Service) {
	bare := *s
	bare.Filter = Filter{}
	p.service.Store(&bare)
}

// logger names the device. Most ports never log anything, and a host has thousands of them: so none keeps a logger of its own.
func (p *port) logger() *slog.Logger { return p.log.With("device", p.device) }

// answer reads a received frame if the bucket has a token. One goroutine at a time calls it.
func (p *port) answer(received []byte) [][]byte {
	if !p.begun.Load() {
		return nil
	}
	s := p.service.Load()
	if p.limit == nil {
		p.limit = s.Limit.bucket()
	}
	if !p.limit.Allow() {
		if s.Limited != nil {
			s.Limited()
		}
		return nil
	}
	return s.Answer(received, p.logger())
}

// bucket is the full bucket of the limit.
func (l Limit) bucket() *rate.Limiter {
	if l == (Limit{}) {
		l = Limit{framesPerSecond, framesBurst}
	}
	return rate.NewLimiter(rate.Limit(l.PerSecond), l.Burst)
}

// speak sends the port's unsolicited frames and sets the time of the next ones.
func (d *PortDriver) speak(p *port) {
	s := p.service.Load()
	if s.Unsolicited == nil {
		return
	}
	for _, f := range s.Unsolicited() {
		if err := p.transport.Send(f); err != nil {
			p.logger().Debug("frame not sent", "error", err) // a guest whose device is down sends a solicitation when it comes up
		}
	}
	if s.Interval == nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.ports[p.device] != p {
		return // it has ended meanwhile
	}
	p.sent++
	d.schedule.set(p, time.Now().Add(s.Interval(p.sent)))
	wake(d.scheduled)
}

// repeat sends the unsolicited frames of all ports when they are due, until ctx ends.
func (d *PortDriver) repeat(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-d.scheduled:
		case <-timer.C:
		}
		due, next := d.due(time.Now())
		for _, p := range due {
			d.speak(p)
		}
		if !next.IsZero() {
			timer.Reset(time.Until(next))
		}
	}
}

// due takes out the ports that are due, and says when the next one is. A zero time means never.
func (d *PortDriver) due(now time.Time) ([]*port, time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.schedule.due(now)
}
