package metadata

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv6"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
	"gvisor.dev/gvisor/pkg/waiter"

	"weft/hostnet/object"
)

// What TCP takes for one connection. A document has at most some 200 KB, and a request one or two segments.
const (
	sendBuffer    = 32 << 10 // bytes
	receiveBuffer = 8 << 10
	// backlog is how many connections may wait until they are accepted. With more the stack answers with SYN cookies.
	backlog = 16
	// timeWait is how long an ended connection's ports stay used (RFC 9293 section 3.6.1 says four minutes, for routed networks).
	timeWait = time.Second
	// unheard is how long the stack waits for a guest that does not acknowledge, or does not close its side.
	unheard = 10 * time.Second
	retries = 6
)

const nicID tcpip.NICID = 1

// portStack is a TCP/IP stack for one port: the service's two addresses, one listener, nothing else. Its peer can only be what is plugged
// into the port.
type portStack struct {
	guest    *guest
	stack    *stack.Stack
	link     *link
	listener *listener      // of the metadata service; nil on a host network
	accepts  sync.WaitGroup // the goroutines that accept connections
	handlers sync.WaitGroup // those of connections
	used     atomic.Int64   // when the guest last sent a frame, in nanoseconds since 1970

	mu       sync.Mutex
	ports    map[uint16]*listener // of services of the host, now or before
	finished bool                 // nothing is listened on any more

	connections []*connection        // of the metadata service, oldest first; the pool's lock protects it
	relays      []*relay             // of the host's services; the same
	offered     []object.HostService // the same
	closed      bool                 // the same
}

// newPortStack makes a stack that listens, but accepts nothing yet.
func newPortStack(g *guest, b *object.MetadataBinding) (*portStack, error) {
	p := &portStack{guest: g, link: newLink(g.to, b.MAC, mtuOf(b)), ports: map[uint16]*listener{}}
	p.stack = stack.New(stack.Options{
		NetworkProtocols:   []stack.NetworkProtocolFactory{ipv4.NewProtocol, ipv6.NewProtocol},
		TransportProtocols: []stack.TransportProtocolFactory{tcp.NewProtocol},
	})
	if err := p.configure(b); err != nil {
		p.stack.Destroy()
		return nil, fmt.Errorf("device %s: make a TCP/IP stack: %w", b.Device, err)
	}
	return p, nil
}

// configure adds the interface, the addresses, the routes and the metadata service's listener.
func (p *portStack) configure(b *object.MetadataBinding) error {
	for _, o := range []tcpip.SettableTransportProtocolOption{
		&tcpip.TCPSendBufferSizeRangeOption{Min: 4 << 10, Default: sendBuffer, Max: sendBuffer},
		&tcpip.TCPReceiveBufferSizeRangeOption{Min: 4 << 10, Default: receiveBuffer, Max: receiveBuffer},
		option(tcpip.TCPModerateReceiveBufferOption(false)), option(tcpip.TCPTimeWaitTimeoutOption(timeWait)),
		option(tcpip.TCPLingerTimeoutOption(unheard)), option(tcpip.TCPMaxRetriesOption(retries)), option(tcpip.TCPSynRetriesOption(retries)),
		option(tcpip.TCPSACKEnabled(true)),
	} {
		if err := p.stack.SetTransportProtocolOption(tcp.ProtocolNumber, o); err != nil {
			return fmt.Errorf("%T: %s", o, err)
		}
	}
	if err := p.stack.CreateNIC(nicID, p.link); err != nil {
		return errors.New(err.String())
	}
	for protocol, a := range map[tcpip.NetworkProtocolNumber]netip.Addr{
		ipv4.ProtocolNumber: b.IPv4(), ipv6.ProtocolNumber: object.MetadataIPv6,
	} {
		own := tcpip.ProtocolAddress{Protocol: protocol, AddressWithPrefix: tcpip.AddrFromSlice(a.AsSlice()).WithPrefix()}
		if err := p.stack.AddProtocolAddress(nicID, own, stack.AddressProperties{}); err != nil {
			return fmt.Errorf("address %s: %s", a, err)
		}
	}
	p.stack.SetRouteTable([]tcpip.Route{{Destination: header.IPv4EmptySubnet, NIC: nicID}, {Destination: header.IPv6EmptySubnet, NIC: nicID}})
	if b.HostNet {
		return nil
	}
	var err error
	p.listener, err = p.listen(object.MetadataPort, func(endpoint tcpip.Endpoint, queue *waiter.Queue) net.Conn {
		return p.guest.driver.pool.admit(p, endpoint, queue)
	})
	return err
}

// option is the address of a value, as the stack takes options.
func option[T any](value T) *T { return &value }

// listen opens a listener. An IPv6 endpoint without an address takes IPv4 too.
func (p *portStack) listen(port uint16, admit func(tcpip.Endpoint, *waiter.Queue) net.Conn) (*listener, error) {
	queue := new(waiter.Queue)
	ep, err := p.stack.NewEndpoint(tcp.ProtocolNumber, ipv6.ProtocolNumber, queue)
	if err != nil {
		return nil, errors.New(err.String())
	}
	if err := ep.Bind(tcpip.FullAddress{Port: port}); err != nil {
		ep.Close()
		return nil, fmt.Errorf("bind to port %d: %s", port, err)
	}
	if err := ep.Listen(backlog); err != nil {
		ep.Close()
		return nil, fmt.Errorf("listen on port %d: %s", port, err)
	}
	return newListener(ep, queue, admit), nil
}

// serve accepts connections to the metadata service until the stack is closed.
func (p *portStack) serve(server *http.Server) {
	if p.listener != nil {
		p.accepts.Go(func() { _ = server.Serve(p.listener) }) // its error says that the listener was closed
	}
}

// receive gives a packet to the stack.
func (p *portStack) receive(o outcome, now time.Time) {
	p.used.Store(now.UnixNano())
	p.link.receive(o.protocol, o.packet)
}

// destroy ends everything of the stack, and waits for it. The pool has closed it before.
func (p *portStack) destroy() {
	if p.listener != nil {
		_ = p.listener.Close()
	}
	p.finish()
	p.accepts.Wait()
	p.handlers.Wait()
	_ = p.stack.RemoveNIC(nicID) // after this nothing is sent any more
	p.stack.Destroy()
}

// mtuOf is the MTU in bytes of the guest's interface. IPv6 has none below 1280 (RFC 8200 section 5), and such a network no IPv6.
func mtuOf(b *object.MetadataBinding) uint32 {
	if b.MTU < 576 || b.MTU > 65535 {
		return 1500
	}
	return uint32(b.MTU)
}
