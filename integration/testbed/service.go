package testbed

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"

	"weft/integration/testbed/lease"
	"weft/integration/timescale"
)

// Service answers on transport ports of a guest or a host. Its answer says which one and which port it is, and from which address it saw the
// request.
type Service struct {
	name string
	wg   sync.WaitGroup
	open closers
}

// Serve answers on ports first to last, "tcp" or "udp", on every address that the guest has now.
func (g *Guest) Serve(ctx context.Context, network string, first, last int) (*Service, error) {
	addresses, err := g.Addresses(ctx)
	if err != nil {
		return nil, err
	}
	s := &Service{name: g.Name}
	for _, a := range addresses {
		for port := first; port <= last; port++ {
			err := g.Do(func() error { return s.listen(network, net.JoinHostPort(a, fmt.Sprint(port))) })
			if err != nil {
				s.Close()
				return nil, fmt.Errorf("testbed: serve in %s: %w", g.Name, err)
			}
		}
	}
	return s, nil
}

// ServeAt answers at one address of the host, such as a loopback one: "tcp" with address and port, or "unix" with a path.
func (h *Host) ServeAt(network, address string) (*Service, error) {
	s := &Service{name: h.Name}
	if err := h.Do(func() error { return s.listen(network, address) }); err != nil {
		return nil, fmt.Errorf("testbed: serve in %s: %w", h.Name, err)
	}
	return s, nil
}

func (s *Service) listen(network, address string) error {
	if network == "udp" {
		c, err := net.ListenPacket(network, address)
		if err == nil && s.open.hold(c) {
			s.wg.Go(func() { s.answer(c) })
		}
		return err
	}
	l, err := net.Listen(network, address)
	if err == nil && s.open.hold(l) {
		s.wg.Go(func() { s.accept(l) })
	}
	return err
}

// greeting is "alpha/web-1 8080 from 203.0.113.99".
func (s *Service) greeting(local, remote net.Addr) string {
	_, port, _ := net.SplitHostPort(local.String())
	from, _, _ := net.SplitHostPort(remote.String())
	return fmt.Sprintf("%s %s from %s\n", s.name, port, from)
}

func (s *Service) answer(c net.PacketConn) {
	buf := make([]byte, 64)
	for {
		_, from, err := c.ReadFrom(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err == nil {
			c.WriteTo([]byte(s.greeting(c.LocalAddr(), from)), from) // if it is lost, the client asks again
		}
	}
}

func (s *Service) accept(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		if !s.open.hold(c) {
			return
		}
		s.wg.Go(func() {
			defer s.open.drop(c)
			if _, err := io.WriteString(c, s.greeting(c.LocalAddr(), c.RemoteAddr())); err == nil {
				io.Copy(c, c) // the other side reports a broken connection
			}
		})
	}
}

// Close ends the service and its connections.
func (s *Service) Close() {
	s.open.closeAll() // a socket that was open is closed, whatever it says
	s.wg.Wait()
}

// Connection is a connection from a guest to a Service.
type Connection struct {
	conn net.Conn
	read *bufio.Reader
	// Greeting is the service's last greeting.
	Greeting string
}

// datagramTimeout is the time after which an unanswered datagram is repeated.
const datagramTimeout = 300 * time.Millisecond

// Connect connects to the service behind an address and port ("203.0.113.50:80"), by "tcp" or "udp". It uses the given source port of the
// guest, or any if that is 0. The context bounds how long it waits for an answer. To a link-local address with a zone it connects when the guest
// has such an address too.
func (g *Guest) Connect(ctx context.Context, network, address string, port int) (*Connection, error) {
	c := &Connection{}
	var local net.Addr = &net.TCPAddr{Port: port}
	if network == "udp" {
		local = &net.UDPAddr{Port: port}
	}
	err := g.Do(func() (err error) {
		if to, err := netip.ParseAddrPort(address); err == nil && to.Addr().Zone() != "" {
			if err := lease.AwaitLinkLocal(to.Addr().Zone()); err != nil {
				return err
			}
		}
		c.conn, err = (&net.Dialer{LocalAddr: local}).DialContext(ctx, network, address)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("testbed: connect from %s: %w", g.Name, err)
	}
	c.read = bufio.NewReader(c.conn)
	if network == "udp" {
		err = c.Again(ctx, "")
	} else {
		c.until(ctx)
		c.Greeting, err = c.read.ReadString('\n')
	}
	if err != nil {
		c.Close()
		return nil, fmt.Errorf("testbed: connect from %s to %s: %w", g.Name, address, err)
	}
	return c, nil
}

// until sets the deadline for reading.
func (c *Connection) until(ctx context.Context) {
	end, _ := ctx.Deadline()
	c.conn.SetReadDeadline(end)
}

// Again sends a text and waits for its answer until the context ends. Over TCP the answer is the same text, which must have no line end.
// Over UDP it is a greeting.
func (c *Connection) Again(ctx context.Context, text string) error {
	if _, datagrams := c.conn.(*net.UDPConn); datagrams {
		return c.ask(ctx)
	}
	if _, err := io.WriteString(c.conn, text+"\n"); err != nil {
		return err
	}
	c.until(ctx)
	line, err := c.read.ReadString('\n')
	if err == nil && line != text+"\n" {
		err = fmt.Errorf("sent %q and got %q", text, line)
	}
	return err
}

// ask repeats a datagram until it is answered.
func (c *Connection) ask(ctx context.Context) error {
	for {
		if _, err := c.conn.Write([]byte{'?'}); err != nil {
			return err
		}
		try, cancel := context.WithTimeout(ctx, timescale.Bound(datagramTimeout))
		c.until(try)
		line, err := c.read.ReadString('\n')
		cancel()
		switch {
		case err == nil:
			c.Greeting = line
			return nil
		case !timedOut(err) || ctx.Err() != nil:
			return err
		}
	}
}

func timedOut(err error) bool {
	var e net.Error
	return errors.As(err, &e) && e.Timeout()
}

// Close ends the connection.
func (c *Connection) Close() { c.conn.Close() }
