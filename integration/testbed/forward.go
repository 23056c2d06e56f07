package testbed

import (
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"weft/integration/timescale"
)

// forwarder forwards connections from the machine's loopback to an address inside the management network. So the testbed's own program
// reaches etcd from outside of the namespaces.
type forwarder struct {
	listener net.Listener
	bed      *Bed
	to       string
	wg       sync.WaitGroup
	mu       sync.Mutex
	conns    map[net.Conn]bool
	closed   bool
}

func (b *Bed) forward(to string) (*forwarder, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("testbed: forward: %w", err)
	}
	f := &forwarder{listener: l, bed: b, to: to, conns: map[net.Conn]bool{}}
	f.wg.Go(f.accept)
	return f, nil
}

func (f *forwarder) address() string { return f.listener.Addr().String() }

func (f *forwarder) accept() {
	for {
		c, err := f.listener.Accept()
		if err != nil {
			return
		}
		f.wg.Go(func() { f.serve(c) })
	}
}

func (f *forwarder) serve(near net.Conn) {
	if !f.hold(near) {
		return
	}
	defer f.drop(near)
	var far net.Conn
	err := f.bed.ctl.Do(func() error {
		var err error
		far, err = net.DialTimeout("tcp", f.to, timescale.Bound(2*time.Second))
		return err
	})
	if err != nil || !f.hold(far) {
		return
	}
	defer f.drop(far)
	done := make(chan struct{}, 2)
	pipe := func(dst, src net.Conn) {
		io.Copy(dst, src) // an error of either side ends both
		done <- struct{}{}
	}
	go pipe(far, near)
	go pipe(near, far)
	<-done
	near.Close()
	far.Close()
	<-done
}

// hold records a connection, which is closed with the forwarder. If the forwarder is closed already, hold closes the connection and
// returns false.
func (f *forwarder) hold(c net.Conn) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		c.Close()
		return false
	}
	f.conns[c] = true
	return true
}

func (f *forwarder) drop(c net.Conn) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.conns, c)
	c.Close()
}

func (f *forwarder) close() error {
	err := f.listener.Close()
	f.mu.Lock()
	f.closed = true
	for c := range f.conns {
		if e := c.Close(); !errors.Is(e, net.ErrClosed) { // the other side may have ended it just now
			err = errors.Join(err, e)
		}
	}
	f.mu.Unlock()
	f.wg.Wait()
	return err
}
