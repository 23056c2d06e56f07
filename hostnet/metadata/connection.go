package metadata

import (
	"net"
	"net/netip"
	"sync"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
	"gvisor.dev/gvisor/pkg/waiter"

	"weft/hostnet/object"
)

// connection is an accepted connection. It knows the stack, and so the port, that it came in by.
type connection struct {
	net.Conn
	of       *portStack
	endpoint tcpip.Endpoint
	accepted time.Time
}

// over says that the stack has nothing to remember of the connection any more.
func (c *connection) over() bool {
	s := tcp.EndpointState(c.endpoint.State())
	return s == tcp.StateClose || s == tcp.StateError
}

// listener is a listener of a stack, as net/http needs it.
type listener struct {
	endpoint tcpip.Endpoint
	queue    *waiter.Queue
	admit    func(tcpip.Endpoint, *waiter.Queue) net.Conn // makes a connection of an accepted endpoint; nil if it was refused
	entry    waiter.Entry
	ready    chan struct{}
	closed   chan struct{}
	once     sync.Once
}

func newListener(endpoint tcpip.Endpoint, queue *waiter.Queue, admit func(tcpip.Endpoint, *waiter.Queue) net.Conn) *listener {
	l := &listener{endpoint: endpoint, queue: queue, admit: admit, closed: make(chan struct{})}
	l.entry, l.ready = waiter.NewChannelEntry(waiter.ReadableEvents)
	queue.EventRegister(&l.entry)
	return l
}

// Accept implements net.Listener.
func (l *listener) Accept() (net.Conn, error) {
	for {
		select {
		case <-l.closed:
			return nil, net.ErrClosed
		default:
		}
		endpoint, queue, err := l.endpoint.Accept(nil)
		if err == nil {
			if c := l.admit(endpoint, queue); c != nil {
				return c, nil
			}
			continue
		}
		if _, wait := err.(*tcpip.ErrWouldBlock); !wait {
			return nil, net.ErrClosed
		}
		select {
		case <-l.closed:
		case <-l.ready:
		}
	}
}

// Close implements net.Listener. net/http calls it too.
func (l *listener) Close() error {
	l.once.Do(func() {
		close(l.closed)
		l.queue.EventUnregister(&l.entry)
		l.endpoint.Close()
	})
	return nil
}

// Addr implements net.Listener.
func (l *listener) Addr() net.Addr {
	return net.TCPAddrFromAddrPort(netip.AddrPortFrom(object.MetadataIPv4, object.MetadataPort))
}

// newConnection bounds how long the connection waits for the guest.
func newConnection(p *portStack, endpoint tcpip.Endpoint, queue *waiter.Queue, now time.Time) *connection {
	_ = endpoint.SetSockOpt(option(tcpip.TCPUserTimeoutOption(unheard))) // fails only for a connection that has ended
	return &connection{Conn: gonet.NewTCPConn(queue, endpoint), of: p, endpoint: endpoint, accepted: now}
}
