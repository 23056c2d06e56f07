package packetsocket

// Sender sends raw Ethernet frames out of one device. Any goroutine may call its methods.
type Sender interface {
	// Send sends one frame. It does not wait: if there is no room, it is an error.
	Send(frame []byte) error
	// Alive says whether the device is still the one that was opened. A device that was removed and made again under the same
	// name is another one.
	Alive() bool
	// Close ends it. A transport's receiver is not called any more after Close has returned.
	Close() error
}

// Transport carries raw Ethernet frames between weftd and one guest. For a netdev it is the device's place on the Mux. For a
// port without a netdev it could be a vhost-user connection.
type Transport interface {
	Sender
	// SetFilter replaces the filter at once.
	SetFilter(Filter) error
}

// Receiver gets what a transport receives.
type Receiver struct {
	// Frame is called by one goroutine at a time, for each frame of the guest that passes the filter. It
	// returns the frames to send back. The frame is cut to 2,048 bytes and valid only during the call. Frame must not wait,
	// because others wait meanwhile, and must not open or close transports.
	Frame func(frame []byte) [][]byte
	// Lost is called when the device does not exist any more, possibly more than once. It may close the transport.
	Lost func()
}

// Opener opens the transport of a device. Frames are received as soon as it returns.
type Opener func(device string, f Filter, r Receiver) (Transport, error)
