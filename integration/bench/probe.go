package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"weft/integration/testbed"
)

// echo answers every datagram in the inner guest with the same content.
type echo struct {
	conn net.PacketConn
	wg   sync.WaitGroup
}

func (c *cloud) serveEcho() (*echo, error) {
	g, err := c.testbed.Guest(inner)
	if err != nil {
		return nil, err
	}
	e := &echo{}
	err = g.Do(func() (err error) {
		e.conn, err = net.ListenPacket("udp4", net.JoinHostPort(innerAddr, echoPort))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("echo in %s: %w", g.Name, err)
	}
	e.wg.Go(func() {
		buf := make([]byte, 64)
		for {
			n, from, err := e.conn.ReadFrom(buf)
			if err != nil {
				return
			}
			_, _ = e.conn.WriteTo(buf[:n], from) // a lost answer is asked for again
		}
	})
	return e, nil
}

func (e *echo) close() {
	e.conn.Close()
	e.wg.Wait()
}

// probe sends a datagram every probeEvery until it is closed.
type probe struct {
	conn     net.Conn
	stop     chan struct{}
	wg       sync.WaitGroup
	answered chan time.Time // of the first answer
}

func startProbe(from *testbed.Guest, to string) (*probe, error) {
	p := &probe{stop: make(chan struct{}), answered: make(chan time.Time, 1)}
	err := from.Do(func() (err error) {
		p.conn, err = net.Dial("udp4", to)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("probe from %s: %w", from.Name, err)
	}
	p.wg.Go(p.send)
	p.wg.Go(p.receive)
	return p, nil
}

func (p *probe) send() {
	tick := time.NewTicker(probeEvery)
	defer tick.Stop()
	for {
		select {
		case <-p.stop:
			return
		case <-tick.C:
			_, _ = p.conn.Write([]byte("weft")) // refused and unreachable are expected at first
		}
	}
}

func (p *probe) receive() {
	buf := make([]byte, 64)
	for {
		_, err := p.conn.Read(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err == nil {
			p.answered <- time.Now()
			return
		}
	}
}

// first is when the first answer came.
func (p *probe) first(ctx context.Context) (time.Time, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	select {
	case at := <-p.answered:
		return at, nil
	case <-ctx.Done():
		return time.Time{}, fmt.Errorf("no answer from %s: %w", p.conn.RemoteAddr(), ctx.Err())
	}
}

func (p *probe) close() {
	close(p.stop)
	p.conn.Close()
	p.wg.Wait()
}
