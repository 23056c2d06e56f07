package ovs

import (
	"context"
	"sync"
	"sync/atomic"

	"weft/hostnet/object"
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

// keepMonitors runs the monitors for each flow cache. It ends those whose cache is gone.
func (d *Driver) keepMonitors(ctx context.Context) {
	var tasks sync.WaitGroup
	defer tasks.Wait()
	running := map[*flowCache]context.CancelFunc{}
	for {
		wanted := map[*flowCache]bool{}
		for bridge, v := range d.flowCaches() {
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
func (d *Driver) keepMonitor(ctx context.Context, bridge string, v *flowCache) {
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
				if err := d.readBridge(one, bridge, v); err != nil {
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
			cookies, metered := v.apply(events)
			if metered {
				d.metersGone(one, bridge, v)
			}
			if len(cookies) > 0 {
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
