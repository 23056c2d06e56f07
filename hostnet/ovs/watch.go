package ovs

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"weft/hostnet/object"
)

// Pauses between attempts to reach ovsdb-server or a switch. They are doubled up to the longest while the attempts fail.
const (
	retryFirst   = 50 * time.Millisecond
	retryLongest = 500 * time.Millisecond
	// steadyAfter is how long a connection must last so that the next pause is the shortest again.
	steadyAfter = 5 * time.Second
)

// Watch implements the engine's driver. It owns the connection to the database, and monitors for each bridge of ours. When it
// returns, all of them have ended.
func (d *Driver) Watch(ctx context.Context, notify func(object.Event)) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var tasks sync.WaitGroup
	defer tasks.Wait()
	tasks.Go(func() { d.keepDatabase(ctx) })
	tasks.Go(func() { d.keepMonitors(ctx) })
	tasks.Go(func() { d.keepSessions(ctx) })
	tasks.Go(func() { d.keepDevices(ctx) })
	for {
		select {
		case <-ctx.Done():
			cancel()
			return nil
		case <-d.events.wake:
			if e, any := d.events.take(); any {
				notify(e)
			}
		}
	}
}

// keepDatabase connects again whenever the connection is lost.
func (d *Driver) keepDatabase(ctx context.Context) {
	var wait retryWait
	for first := true; ctx.Err() == nil; first = false {
		db, err := d.connected(ctx)
		if err != nil {
			wait.complain(func() { d.cfg.Log.Warn("open vswitch: cannot read the database, trying again", "error", err) })
			wait.pause(ctx)
			continue
		}
		if !first {
			d.cfg.Log.Info("open vswitch: connected to the database again")
			d.events.put(true, nil)
		}
		wait.begin()
		select {
		case <-db.Gone():
			d.cfg.Log.Warn("open vswitch: lost the connection to the database")
		case <-ctx.Done():
		}
		wait.pause(ctx)
	}
}

// keepMonitors runs the monitors for each flow view. It ends those whose view is gone.
func (d *Driver) keepMonitors(ctx context.Context) {
	var tasks sync.WaitGroup
	defer tasks.Wait()
	running := map[*flowView]context.CancelFunc{}
	for {
		wanted := map[*flowView]bool{}
		for bridge, v := range d.flowViews() {
			wanted[v] = true
			if running[v] == nil {
				one, cancel := context.WithCancel(ctx)
				running[v] = cancel
				tasks.Go(func() { d.keepMonitor(one, bridge, v) })
				tasks.Go(func() { d.keepPorts(one, bridge, v) })
			}
		}
		for v, cancel := range running {
			if !wanted[v] {
				cancel()
				delete(running, v)
			}
		}
		select {
		case <-ctx.Done():
			for _, cancel := range running {
				cancel()
			}
			return
		case <-d.events.bridges:
		}
		if db := d.database(); db != nil && !db.Lost() {
			d.syncBridges(db)
		}
	}
}

// keepMonitor follows one bridge's flows until ctx ends. Each time the monitor starts to work, all flows are read once, because
// changes before that were missed. Then the engine is told to look at everything.
func (d *Driver) keepMonitor(ctx context.Context, bridge string, v *flowView) {
	log := d.cfg.Log.With("bridge", bridge)
	var wait retryWait
	var established atomic.Bool
	failures := 0
	for ctx.Err() == nil {
		one, cancel := context.WithCancel(ctx)
		var base sync.WaitGroup
		ready := func() {
			established.Store(true)
			v.setLive(true)
			wait.begin()
			// The monitor must be read while the flows are read, because the switch waits for neither.
			base.Go(func() {
				if err := errors.Join(d.refreshFlows(one, bridge, v, nil), d.readFragments(one, bridge, v)); err != nil {
					if ctx.Err() == nil {
						log.Warn("open vswitch: cannot read flows", "error", err)
					}
					cancel() // without the dump the monitor's reports are useless
					return
				}
				if db := d.database(); db != nil {
					d.sessions.base(bridge, len(v.cookies()) > 0, db.read())
				}
				v.setFresh()
				d.events.put(true, nil)
			})
		}
		err := d.flows.monitor(one, bridge, ready, func(events []flowEvent) {
			if cookies := v.apply(events); len(cookies) > 0 {
				d.events.flowsChanged(bridge, cookies)
			}
		})
		v.setLive(false)
		cancel()
		base.Wait()
		if ctx.Err() == nil {
			if failures++; alarming(established.Load(), failures) {
				wait.complain(func() { log.Warn("open vswitch: flow monitor lost, trying again", "error", err) })
			}
			wait.pause(ctx)
		}
	}
}

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
