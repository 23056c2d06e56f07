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
)

// LeaseEvent is an event that a DHCP client gave to its script. It is sent after the script has carried it out.
type LeaseEvent struct {
	Guest  string // the name of the guest's folder
	Client string // childUdhcpc or childDhclient
	Reason string // the client's own word: "bound", "BOUND6" …
	Values map[string]string
}

// String writes the event as sorted lines of key=value under its reason.
func (e LeaseEvent) String() string {
	var w strings.Builder
	fmt.Fprintf(&w, "reason=%s\n", e.Reason)
	for _, k := range sortedKeys(e.Values) {
		fmt.Fprintf(&w, "%s=%s\n", k, e.Values[k])
	}
	return w.String()
}

// leaseListener collects the events of all guests of a testbed from a datagram socket.
type leaseListener struct {
	conn    *net.UnixConn
	done    chan struct{}
	mu      sync.Mutex
	events  []LeaseEvent
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
		var e LeaseEvent
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
func (l *leaseListener) wait(ctx context.Context, mark int, guest, client string, p *Process, reasons ...string) (LeaseEvent, error) {
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
				return LeaseEvent{}, errors.New("testbed: " + p.Name + " gave up:\n" + p.Tail(1500))
			}
		case <-ctx.Done():
			return LeaseEvent{}, fmt.Errorf("testbed: %s: no %s: %w\n%s", p.Name, strings.Join(reasons, " or "), ctx.Err(),
				p.Tail(1500))
		}
	}
}

// send is the other side: a client's script sends an event to the testbed.
func (e LeaseEvent) send(path string) error {
	data, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("testbed: lease event: %w", err)
	}
	conn, err := net.Dial("unixgram", path)
	if err != nil {
		return fmt.Errorf("testbed: lease event: %w", err)
	}
	defer conn.Close()
	if _, err := conn.Write(data); err != nil {
		return fmt.Errorf("testbed: lease event: %w", err)
	}
	return nil
}
