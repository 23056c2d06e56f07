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
	testbed  *Testbed
	to       string
	wg       sync.WaitGroup
	conns    closers
}

func (b *Testbed) forward(to string) (*forwarder, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("testbed: forward: %w", err)
	}
	f := &forwarder{listener: l, testbed: b, to: to}
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
	if !f.conns.hold(near) {
		return
	}
	defer f.conns.drop(near)
	var far net.Conn
	err := f.testbed.ctl.Do(func() error {
		var err error
		far, err = net.DialTimeout("tcp", f.to, timescale.Bound(2*time.Second))
		return err
	})
	if err != nil || !f.conns.hold(far) {
		return
	}
	defer f.conns.drop(far)
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

func (f *forwarder) close() error {
	err := errors.Join(f.listener.Close(), f.conns.closeAll())
	f.wg.Wait()
	return err
}
