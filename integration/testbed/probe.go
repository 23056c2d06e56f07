package testbed

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"weft/integration/timescale"
)

const probeTimeout = 10 * time.Second

// Ping sends count echo requests, a fifth of a second apart. Every one must be answered.
func (g *Guest) Ping(ctx context.Context, address string, count int) error {
	out, err := g.Run(ctx, "ping", "-n", "-i", "0.2", "-W", "2", "-c", fmt.Sprint(count), address)
	if err != nil {
		return fmt.Errorf("ping from %s to %s: %w\n%s", g.Name, address, err, out)
	}
	if !strings.Contains(out, " 0% packet loss") {
		return fmt.Errorf("ping from %s to %s: packets were lost:\n%s", g.Name, address, out)
	}
	return nil
}

// Unreachable sends count echo requests. None must be answered. What the guest's kernel still tries to resolve then is forgotten: it
// gives up after three seconds, and would tell a ping that begins meanwhile that nobody is there.
func (g *Guest) Unreachable(ctx context.Context, address string, count int) error {
	out, err := g.Run(ctx, "ping", "-n", "-i", "0.2", "-W", "1", "-c", fmt.Sprint(count), address)
	if err == nil || strings.Contains(out, "bytes from") {
		return fmt.Errorf("ping from %s to %s was answered:\n%s", g.Name, address, out)
	}
	if out, err := g.Run(ctx, "ip", "neighbor", "flush", "nud", "incomplete", "nud", "failed"); err != nil {
		return fmt.Errorf("%s: forget neighbors that do not answer: %w\n%s", g.Name, err, out)
	}
	return nil
}

// TCP sends size bytes from one guest to an address of another over TCP and back, and compares them. It detects a broken checksum or MTU,
// which a ping does not.
func TCP(ctx context.Context, from, to *Guest, address string, size int) error {
	return TCPThrough(ctx, from, to, address, address, size)
}

// TCPThrough is TCP to a guest that listens on one address. The sender connects to another address, which is translated on the way.
func TCPThrough(ctx context.Context, from, to *Guest, address, called string, size int) error {
	var l net.Listener
	err := to.Do(func() (err error) {
		l, err = net.Listen("tcp", net.JoinHostPort(address, "0"))
		return err
	})
	if err != nil {
		return fmt.Errorf("tcp: listen on %s of %s: %w", address, to.Name, err)
	}
	echoed := make(chan error, 1)
	go func() {
		c, err := l.Accept()
		if err == nil {
			c.SetDeadline(time.Now().Add(timescale.Bound(probeTimeout)))
			_, err = io.Copy(c, c)
			c.Close()
		}
		echoed <- err
	}()
	ctx, cancel := context.WithTimeout(ctx, timescale.Bound(probeTimeout))
	defer cancel()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	called = net.JoinHostPort(called, port)
	if from.machine != nil {
		err = from.exchange(ctx, called, size)
	} else {
		err = exchange(ctx, from.Do, called, size)
	}
	l.Close()
	echo := <-echoed
	if err != nil {
		return fmt.Errorf("tcp from %s to %s of %s: %w", from.Name, called, to.Name, errors.Join(err, echo))
	}
	return nil
}

// exchange sends and receives over a connection. The function given to in opens it.
func exchange(ctx context.Context, in func(func() error) error, address string, size int) error {
	var c *net.TCPConn
	err := in(func() error {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
		if err == nil {
			c = conn.(*net.TCPConn)
		}
		return err
	})
	if err != nil {
		return err
	}
	defer c.Close()
	stop := context.AfterFunc(ctx, func() { c.SetDeadline(time.Now()) })
	defer stop()
	sent, got := sha256.New(), sha256.New()
	wrote := make(chan error, 1)
	go func() {
		_, err := io.CopyN(io.MultiWriter(c, sent), rand.Reader, int64(size))
		wrote <- errors.Join(err, c.CloseWrite())
	}()
	n, err := io.Copy(got, c)
	if err := errors.Join(<-wrote, err); err != nil {
		return err
	}
	if n != int64(size) || string(sent.Sum(nil)) != string(got.Sum(nil)) {
		return fmt.Errorf("%d of %d bytes came back, or others", n, size)
	}
	return nil
}

// Listening waits until something listens on the TCP port in the guest. It polls, because programs such as iperf3 do not say when they
// listen.
func (g *Guest) Listening(ctx context.Context, port int) error {
	return g.sockets(ctx, "listening", port, 1)
}

// Connected waits until this many TCP connections to the guest's port are established.
func (g *Guest) Connected(ctx context.Context, port, connections int) error {
	return g.sockets(ctx, "established", port, connections)
}

func (g *Guest) sockets(ctx context.Context, state string, port, count int) error {
	ctx, cancel := context.WithTimeout(ctx, timescale.Bound(probeTimeout))
	defer cancel()
	for {
		out, err := g.Run(ctx, "ss", "-Htn", "state", state, "sport", "=", fmt.Sprintf(":%d", port))
		if err != nil {
			return fmt.Errorf("%s: %d TCP sockets of port %d %s were waited for in vain: %w", g.Name, count, port, state, err)
		}
		if strings.Count(out, "\n") >= count {
			return nil
		}
	}
}
