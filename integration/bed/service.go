package bed

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"weft/integration/timescale"
)

// Service answers on transport ports of a guest, and says to everybody who asks which guest and port that was and whom it
// took the asker for.
type Service struct {
	guest   *Guest
	wg      sync.WaitGroup
	mu      sync.Mutex
	closed  bool
	closers map[io.Closer]bool
}

// Serve answers on ports first to last, "tcp" or "udp", of every address that the guest has now.
func (g *Guest) Serve(ctx context.Context, network string, first, last int) (*Service, error) {
	addresses, err := g.Addresses(ctx)
	if err != nil {
		return nil, err
	}
	s := &Service{guest: g, closers: map[io.Closer]bool{}}
	for _, a := range addresses {
		for port := first; port <= last; port++ {
			err := g.Do(func() error { return s.listen(network, net.JoinHostPort(a, fmt.Sprint(port))) })
			if err != nil {
				s.Close()
				return nil, fmt.Errorf("bed: serve in %s: %w", g.Name, err)
			}
		}
	}
	return s, nil
}

func (s *Service) listen(network, address string) error {
	if network == "udp" {
		c, err := net.ListenPacket(network, address)
		if err == nil && s.hold(c) {
			s.wg.Go(func() { s.answer(c) })
		}
		return err
	}
	l, err := net.Listen(network, address)
	if err == nil && s.hold(l) {
		s.wg.Go(func() { s.accept(l) })
	}
	return err
}

// greeting is "alpha/web-1 8080 from 203.0.113.99".
func (s *Service) greeting(local, remote net.Addr) string {
	_, port, _ := net.SplitHostPort(local.String())
	from, _, _ := net.SplitHostPort(remote.String())
	return fmt.Sprintf("%s %s from %s\n", s.guest.Name, port, from)
}

func (s *Service) answer(c net.PacketConn) {
	buf := make([]byte, 64)
	for {
		_, from, err := c.ReadFrom(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err == nil {
			c.WriteTo([]byte(s.greeting(c.LocalAddr(), from)), from) // whoever asked asks again
		}
	}
}

func (s *Service) accept(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		if !s.hold(c) {
			return
		}
		s.wg.Go(func() {
			defer s.drop(c)
			if _, err := io.WriteString(c, s.greeting(c.LocalAddr(), c.RemoteAddr())); err == nil {
				io.Copy(c, c) // a broken connection is for the other side to see
			}
		})
	}
}

// hold remembers what Close closes; it says no, and closes, when that was called already.
func (s *Service) hold(c io.Closer) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		c.Close()
		return false
	}
	s.closers[c] = true
	return true
}

func (s *Service) drop(c io.Closer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.closers, c)
	c.Close()
}

// Close ends the service and its connections.
func (s *Service) Close() {
	s.mu.Lock()
	s.closed = true
	for c := range s.closers {
		c.Close()
	}
	s.mu.Unlock()
	s.wg.Wait()
}

// Connection is one from a guest to a Service.
type Connection struct {
	conn net.Conn
	read *bufio.Reader
	// Greeting is what the service said last.
	Greeting string
}

// datagramTimeout is after what an unanswered datagram is repeated.
const datagramTimeout = 300 * time.Millisecond

// Connect begins a connection to the service behind an address and port ("203.0.113.50:80"), "tcp" or "udp", from a port of the
// guest, or any if that is 0. The context bounds how long an answer is waited for.
func (g *Guest) Connect(ctx context.Context, network, address string, port int) (*Connection, error) {
	c := &Connection{}
	var local net.Addr = &net.TCPAddr{Port: port}
	if network == "udp" {
		local = &net.UDPAddr{Port: port}
	}
	err := g.Do(func() (err error) {
		c.conn, err = (&net.Dialer{LocalAddr: local}).DialContext(ctx, network, address)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("bed: connect from %s: %w", g.Name, err)
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
		return nil, fmt.Errorf("bed: connect from %s to %s: %w", g.Name, address, err)
	}
	return c, nil
}

// until bounds reading.
func (c *Connection) until(ctx context.Context) {
	end, _ := ctx.Deadline()
	c.conn.SetReadDeadline(end)
}

// Again sends something and wants its answer before the context ends: over TCP the same text, which is in no line; of UDP
// a greeting.
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
