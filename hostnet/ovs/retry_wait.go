package ovs

import (
	"context"
	"sync"
	"time"
)

// Pauses between attempts to reach ovsdb-server or a switch. They are doubled up to the longest while the attempts fail.
const (
	retryFirst   = 50 * time.Millisecond
	retryLongest = 500 * time.Millisecond
	// steadyAfter is how long a connection must last so that the next pause is the shortest again.
	steadyAfter = 5 * time.Second
)

// quietFailures is how often a monitor that never worked may fail without a warning. A switch that is still making the bridge
// refuses the first attempts, which is normal. On a slow machine with a busy switch that takes more than ten seconds. With the
// pauses this is half a minute. Those who wait for flows or ports get their own errors meanwhile.
const quietFailures = int(30 * time.Second / retryLongest)

// alarming says that a failed monitor is worth a warning.
func alarming(established bool, failures int) bool { return established || failures > quietFailures }

// retryWait sets the pauses between attempts. It logs only the first complaint of a series.
type retryWait struct {
	mu       sync.Mutex
	next     time.Duration
	since    time.Time // when the last attempt succeeded
	silenced bool
}

// begin notes that an attempt succeeded.
func (w *retryWait) begin() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.since, w.silenced = time.Now(), false
}

func (w *retryWait) complain(say func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.silenced {
		say()
	}
	w.silenced = true
}

// pause waits before the next attempt.
func (w *retryWait) pause(ctx context.Context) {
	w.mu.Lock()
	if !w.since.IsZero() && time.Since(w.since) > steadyAfter {
		w.next = 0
	}
	w.since = time.Time{}
	w.next = min(max(2*w.next, retryFirst), retryLongest)
	next := w.next
	w.mu.Unlock()
	timer := time.NewTimer(next)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
