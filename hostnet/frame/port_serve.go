package frame

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
)

// The token bucket of a port: what a guest may ask per second, and how much at once. A booting guest sends fewer than
// ten frames; a guest that floods delays itself only, for its frames wait in its own socket's small buffer.
const (
	framesPerSecond = 20
	framesBurst     = 40
)

// receiveSize is the largest frame in bytes that is looked at; longer ones arrive cut and fail to parse.
const receiveSize = 2048

// Service is what is served on one port. It is not changed after it is handed over; its functions are called from one
// goroutine.
type Service struct {
	Filter Filter
	// Answer returns the frames to send back for a received one, which it must not keep. Its work is bounded by the
	// frame's size.
	Answer func(received []byte, log *slog.Logger) [][]byte
	// Unsolicited frames are sent when the service begins or is replaced and then again after each Interval; nil sends
	// none.
	Unsolicited [][]byte
	Interval    func() time.Duration
}

// port is one device that is served. Its goroutine ends when the transport is closed or lost.
type port struct {
	device    string
	transport Transport
	service   atomic.Pointer[Service]
	limit     *rate.Limiter
	log       *slog.Logger
	cancel    context.CancelFunc
	done      chan struct{} // closed when the goroutine has ended
}

// run serves until the transport ends, and says whether it was lost rather than closed.
func (p *port) run(ctx context.Context) (lost bool) {
	buf := make([]byte, receiveSize)
	p.sendUnsolicited()
	next := p.nextUnsolicited()
	for {
		n, err := p.transport.Receive(buf, next)
		switch {
		case ctx.Err() != nil:
			return false
		case err == nil:
			p.answer(buf[:n])
			if p.limit.Wait(ctx) != nil {
				return false
			}
		case errors.Is(err, os.ErrDeadlineExceeded):
			p.sendUnsolicited()
			next = p.nextUnsolicited()
		case errors.Is(err, ErrDown) && p.transport.Alive():
			// The socket hears of the device again when it comes up.
		default:
			p.log.Debug("transport lost", "error", err)
			return true
		}
	}
}

func (p *port) answer(received []byte) {
	p.send(p.service.Load().Answer(received, p.log))
}

func (p *port) send(frames [][]byte) {
	for _, f := range frames {
		if err := p.transport.Send(f); err != nil {
			// A guest whose device is down asks again; there is nobody to give the error to.
			p.log.Debug("frame not sent", "error", err)
		}
	}
}

func (p *port) sendUnsolicited() { p.send(p.service.Load().Unsolicited) }

// nextUnsolicited is the time of the next unsolicited frames, zero for never.
func (p *port) nextUnsolicited() time.Time {
	s := p.service.Load()
	if s.Interval == nil || len(s.Unsolicited) == 0 {
		return time.Time{}
	}
	return time.Now().Add(s.Interval())
}
