package testbed

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"weft/integration/timescale"
)

// readiness listens in the place of systemd (sd_notify(3)) and records when a daemon last said that it is ready.
type readiness struct {
	conn    *net.UnixConn
	done    chan struct{}
	mu      sync.Mutex
	at      time.Time
	changed chan struct{} // closed and replaced each time
}

func listenReadiness(path string) (*readiness, error) {
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		return nil, fmt.Errorf("testbed: readiness: %w", err)
	}
	r := &readiness{conn: conn, done: make(chan struct{}), changed: make(chan struct{})}
	go r.read()
	return r, nil
}

func (r *readiness) read() {
	defer close(r.done)
	buf := make([]byte, 4096)
	for {
		n, err := r.conn.Read(buf)
		if err != nil {
			return
		}
		if !strings.Contains("\n"+string(buf[:n])+"\n", "\nREADY=1\n") {
			continue
		}
		r.mu.Lock()
		r.at = time.Now()
		close(r.changed)
		r.changed = make(chan struct{})
		r.mu.Unlock()
	}
}

func (r *readiness) close() error {
	err := r.conn.Close()
	<-r.done
	return err
}

// AwaitReady waits until the weftd that runs now has said that it is ready. It says so after its first full sync.
func (h *Host) AwaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, timescale.Bound(startTimeout))
	defer cancel()
	for {
		h.ready.mu.Lock()
		at, changed := h.ready.at, h.ready.changed
		h.ready.mu.Unlock()
		if at.After(h.Weftd.Started()) {
			return nil
		}
		select {
		case <-changed:
		case <-h.Weftd.Exited():
			return fmt.Errorf("testbed: %s ended:\n%s", h.Weftd.Name, h.Weftd.Tail(2000))
		case <-ctx.Done():
			return fmt.Errorf("testbed: %s is not ready: %w\n%s", h.Weftd.Name, ctx.Err(), h.Weftd.Tail(2000))
		}
	}
}
