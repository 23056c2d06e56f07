package frame

import (
	"errors"
	"time"
)

// ErrDown says that a transport's device went down or away: ask Alive which.
var ErrDown = errors.New("the device is down")

// Transport carries raw Ethernet frames between weftd and one guest: a packet socket on the host's end of the guest's
// interface now, a vhost-user connection where there is no netdev. Receive is called by one goroutine, the rest by any.
type Transport interface {
	// Receive waits for the next frame that passes the filter and copies it into buf, cut to its size. It fails with
	// os.ErrDeadlineExceeded at the deadline (never for the zero time), with ErrDown when the device goes down or away,
	// and with net.ErrClosed after Close.
	Receive(buf []byte, deadline time.Time) (int, error)
	// Send sends one frame to the guest.
	Send(frame []byte) error
	// SetFilter replaces the filter at once.
	SetFilter(Filter) error
	// Alive says whether the device is still the one that was opened: a device removed and made again under the same
	// name is another.
	Alive() bool
	// Close ends Receive.
	Close() error
}

// Opener opens the transport of a device. Only frames that pass the filter are received, from the first on.
type Opener func(device string, f Filter) (Transport, error)
