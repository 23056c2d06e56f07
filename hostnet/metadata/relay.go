package metadata

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"
	"gvisor.dev/gvisor/pkg/waiter"

	"weft/hostnet/object"
)

const (
	// dialTime is how long a service of the host may take to accept a connection.
	dialTime = 3 * time.Second
	// relayBuffer is what a connection takes for each direction, in bytes, besides the buffers of the stack.
	relayBuffer = 16 << 10
	// A guest that does not answer is asked so often whether it still has a connection.
	aliveInterval = 5 * time.Second
	aliveProbes   = 3
)

// relay is a connection of a guest to a service of the host.
type relay struct {
	net.Conn // the guest's side
	of       *portStack
	service  object.HostService
	endpoint tcpip.Endpoint
	ctx      context.Context
	end      context.CancelFunc // ends both sides
}

// offer makes the stack offer these services, and no others. What a connection to another one still had to say is lost: the rule of now
// counts. A port is listened on until the stack ends, because the stack frees ports only some time after their listeners. Without a
// service it gets no packets (judge) and accepts no connection.
func (p *portStack) offer(services []object.HostService) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.finished {
		return nil
	}
	p.guest.driver.pool.offer(p, services)
	var errs []error
	for _, s := range services {
		if p.ports[s.Port] != nil {
			continue
		}
		l, err := p.listen(s.Port, func(endpoint tcpip.Endpoint, queue *waiter.Queue) net.Conn {
			if r := p.guest.driver.pool.admitRelay(p, s.Port, endpoint, queue); r != nil {
				return r
			}
			return nil
		})
		if err != nil {
			errs = append(errs, fmt.Errorf("service %s: %w", s.Name, err))
			continue
		}
		p.ports[s.Port] = l
		p.accepts.Go(func() { p.accept(l) })
	}
	return errors.Join(errs...)
}

// finish ends all offers.
func (p *portStack) finish() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.finished = true
	for _, l := range p.ports {
		_ = l.Close()
	}
}

// accept accepts connections until the listener is closed. The pool has counted each one's goroutine.
func (p *portStack) accept(l *listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer p.handlers.Done()
			c.(*relay).run()
		}()
	}
}

// run connects the guest with the service, until both have said all, or the relay ends.
func (r *relay) run() {
	d := r.of.guest.driver
	defer d.pool.dismiss(r)
	defer r.end()
	ctx, cancel := context.WithTimeout(r.ctx, dialTime)
	host, err := new(net.Dialer).DialContext(ctx, r.service.Network, r.service.Address)
	cancel()
	if err != nil {
		r.endpoint.Abort()
		d.counts.service(r.service.Name, func(s *ServiceStats) { s.Failed++ })
		d.log.Debug("a service of the host does not answer", "service", r.service.Name, "error", err)
		return
	}
	d.counts.service(r.service.Name, func(s *ServiceStats) { s.Connections++ })
	defer context.AfterFunc(r.ctx, func() {
		r.endpoint.Abort()
		_ = host.Close()
	})()
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		r.copy(host, r.Conn, func(n uint64) { d.counts.service(r.service.Name, func(s *ServiceStats) { s.FromGuests += n }) })
	}()
	r.copy(r.Conn, host, func(n uint64) { d.counts.service(r.service.Name, func(s *ServiceStats) { s.ToGuests += n }) })
	<-sent
	_ = host.Close()
	_ = r.Conn.Close()
}

// halfCloser is a connection whose two directions end one by one.
type halfCloser interface{ CloseWrite() error }

// copy passes on one direction with its end. If it fails, the other direction ends too.
func (r *relay) copy(to, from net.Conn, count func(uint64)) {
	_, err := io.CopyBuffer(counter{to, count}, struct{ io.Reader }{from}, make([]byte, relayBuffer))
	if err == nil {
		err = to.(halfCloser).CloseWrite()
	}
	if err != nil {
		r.end()
	}
}

// CloseWrite ends the direction to the guest.
func (r *relay) CloseWrite() error { return r.Conn.(halfCloser).CloseWrite() }

// counter counts what is written.
type counter struct {
	to    io.Writer
	count func(uint64)
}

func (c counter) Write(p []byte) (int, error) {
	n, err := c.to.Write(p)
	c.count(uint64(n))
	return n, err
}

// admitRelay makes a relay of an endpoint that was accepted at a port, and counts its goroutine. If there are too many, or no service is at
// the port any more, it refuses and returns nil. Unlike those to the metadata service, connections last, so a new one does not take the
// place of an old one.
func (p *pool) admitRelay(s *portStack, port uint16, endpoint tcpip.Endpoint, queue *waiter.Queue) *relay {
	p.mu.Lock()
	defer p.mu.Unlock()
	i := slices.IndexFunc(s.offered, func(o object.HostService) bool { return o.Port == port })
	if s.closed || i < 0 {
		endpoint.Abort()
		return nil
	}
	service := s.offered[i]
	if len(s.relays) >= p.bounds.portRelays || p.relays >= p.bounds.relays {
		endpoint.Abort()
		s.guest.driver.counts.service(service.Name, func(c *ServiceStats) { c.Refused++ })
		return nil
	}
	_ = endpoint.SetSockOpt(option(tcpip.TCPUserTimeoutOption(unheard))) // these fail only for a connection that has ended
	_ = endpoint.SetSockOpt(option(tcpip.KeepaliveIdleOption(p.bounds.silent)))
	_ = endpoint.SetSockOpt(option(tcpip.KeepaliveIntervalOption(aliveInterval)))
	_ = endpoint.SetSockOptInt(tcpip.KeepaliveCountOption, aliveProbes)
	endpoint.SocketOptions().SetKeepAlive(true)
	r := &relay{Conn: gonet.NewTCPConn(queue, endpoint), of: s, service: service, endpoint: endpoint}
	r.ctx, r.end = context.WithCancel(context.Background())
	s.relays = append(s.relays, r)
	s.handlers.Add(1)
	p.relays++
	return r
}

// offer changes what a stack offers. Connections to what it does not offer any more end.
func (p *pool) offer(s *portStack, services []object.HostService) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s.offered = services
	for _, r := range s.relays {
		if !slices.Contains(services, r.service) {
			r.end()
		}
	}
}

// dismiss forgets a relay that is over.
func (p *pool) dismiss(r *relay) {
	p.mu.Lock()
	defer p.mu.Unlock()
	r.of.relays = slices.DeleteFunc(r.of.relays, func(o *relay) bool { return o == r })
	p.relays--
}
