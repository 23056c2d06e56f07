package testbed

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"

	"weft/integration/testbed/lease"
)

// leaseListener collects the events of all guests of a testbed from a datagram socket.
type leaseListener struct {
	conn    *net.UnixConn
	done    chan struct{}
	mu      sync.Mutex
	events  []lease.Event
	changed chan struct{} // closed and replaced with each event
}

func listenLeases(path string) (*leaseListener, error) {
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		return nil, fmt.Errorf("testbed: lease events: %w", err)
	}
	l := &leaseListener{conn: conn, done: make(chan struct{}), changed: make(chan struct{})}
	go l.read()
	return l, nil
}

func (l *leaseListener) read() {
	defer close(l.done)
	buf := make([]byte, 1<<16)
	for {
		n, err := l.conn.Read(buf)
		if err != nil {
			return
		}
		var e lease.Event
		if json.Unmarshal(buf[:n], &e) != nil {
			continue
		}
		l.mu.Lock()
		l.events = append(l.events, e)
		close(l.changed)
		l.changed = make(chan struct{})
		l.mu.Unlock()
	}
}

func (l *leaseListener) close() error {
	err := l.conn.Close()
	<-l.done
	return err
}

// mark is the number of events so far. wait looks only at later ones.
func (l *leaseListener) mark() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.events)
}

// wait returns the guest's and client's first event after the mark with one of the given reasons. It gives up when the client's process
// ends.
func (l *leaseListener) wait(ctx context.Context, mark int, guest, client string, p *Process, reasons ...string) (lease.Event, error) {
	exited := p.Exited()
	for {
		l.mu.Lock()
		changed := l.changed
		for _, e := range l.events[mark:] {
			if e.Guest == guest && e.Client == client && slices.Contains(reasons, e.Reason) {
				l.mu.Unlock()
				return e, nil
			}
		}
		mark = len(l.events)
		l.mu.Unlock()
		select {
		case <-changed:
		case <-exited:
			exited = nil // look once more: its last event may have come before its end
			select {
			case <-changed:
			default:
				return lease.Event{}, errors.New("testbed: " + p.Name + " gave up:\n" + p.Tail(1500))
			}
		case <-ctx.Done():
			return lease.Event{}, fmt.Errorf("testbed: %s: no %s: %w\n%s", p.Name, strings.Join(reasons, " or "), ctx.Err(),
				p.Tail(1500))
		}
	}
}
