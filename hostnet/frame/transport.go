package frame

// Sender sends raw Ethernet frames out of one device. All methods may be called by any goroutine.
type Sender interface {
	// Send sends one frame. It does not wait: what there is no room for is an error.
	Send(frame []byte) error
	// Alive says whether the device is still the one that was opened: a device removed and made again under the same
	// name is another.
	Alive() bool
	// Close ends it; a transport's receiver is called no more when it returns.
	Close() error
}

// Transport carries raw Ethernet frames between weftd and one guest: its device's place on the Exchange now, a
// vhost-user connection where there is no netdev.
type Transport interface {
	Sender
	// SetFilter replaces the filter at once.
	SetFilter(Filter) error
}

// Receiver takes what a transport hears.
type Receiver struct {
	// Frame is called, by one goroutine at a time, for each frame of the guest that passes the filter, and perhaps for
	// some that do not, and returns the frames to be sent back. The frame, cut to 2,048 bytes, is the callee's only during
	// the call. It must not wait, for others do meanwhile, nor open or close transports.
	Frame func(frame []byte) [][]byte
	// Lost is called when the device is there no longer, perhaps more than once. It may close the transport.
	Lost func()
}

// Opener opens the transport of a device. Frames are received from the first on after it returns.
type Opener func(device string, f Filter, r Receiver) (Transport, error)
