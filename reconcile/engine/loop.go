package engine

import (
	"context"
	"time"
)

const (
	// timerFloor prevents a busy loop when a due time has passed and nothing was done about it.
	timerFloor = 5 * time.Millisecond
	// heartbeat is how often the loop turns when nothing happens, to show that it is alive.
	heartbeat = time.Second
	// Stalled is how long the loop may take for a turn before it counts as stuck. It is longer than any driver's deadline.
	Stalled = 3 * time.Minute
)

// loop runs reconcile passes until ctx ends.
func (e *Engine) loop(ctx context.Context) error {
	e.started = time.Now()
	e.index = e.c.Kinds.NewIndex(e.config.applied, nil)
	e.carry = newWork()
	for k := range e.config.applied.All() { // from disk: compiled as soon as there is a node config to apply
		e.carry.items[k] = true
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-e.inbox.ready:
		case <-timer.C:
		case a := <-e.asks:
			a.do(ctx)
			close(a.done)
		}
		e.beat.Store(time.Now().UnixNano())
		e.turn(ctx)
		e.noteState(time.Now())
		e.beat.Store(time.Now().UnixNano())
		timer.Reset(e.wait(time.Now()))
	}
}

// Alive says that the loop has turned recently. It may be called from any goroutine.
func (e *Engine) Alive() bool {
	last := e.beat.Load()
	return last != 0 && time.Since(time.Unix(0, last)) < Stalled
}

// wait is how long the loop may sleep.
func (e *Engine) wait(now time.Time) time.Duration {
	if e.usable && e.carry.any() || len(e.sweepRest) > 0 {
		return 0
	}
	next := now.Add(heartbeat)
	for _, t := range []time.Time{e.releaseAt, e.retries.next(), e.damper.next(), e.host.nextSync(), e.nextSweep, e.nextStranger()} {
		next = earliest(next, t)
	}
	if after := e.started.Add(e.c.CacheAfter); !e.usable && after.After(now) {
		next = earliest(next, after)
	}
	return max(timerFloor, next.Sub(now))
}

// turn takes in what has arrived, and runs a reconcile pass if there is something to do.
func (e *Engine) turn(ctx context.Context) {
	start := time.Now()
	w := e.carry
	e.carry = newWork()
	batches := e.collect(ctx, w, e.inbox.take(), start)
	if !e.usable {
		e.serveEarly(ctx, w)
		e.carry = w // nothing to apply yet, except the guests' servers
		return
	}
	if next := e.nextStranger(); !w.any() && !next.IsZero() && !next.After(start) {
		e.watchStrangers(w, start)
	}
	if !w.any() && !batches && len(w.changed) == 0 {
		e.idle(start)
		return
	}
	if w.any() {
		e.pass(ctx, w)
	}
	e.finish(w, batches)
}

// idle does what is not urgent.
func (e *Engine) idle(now time.Time) {
	e.metrics.cacheAge.Set(e.cacheAge(now).Seconds())
	if !e.saveAt.IsZero() && !e.saveAt.After(now) {
		e.save()
	}
	e.noteHeld(now)
}

// cacheAge is the time since etcd last answered.
func (e *Engine) cacheAge(now time.Time) time.Duration {
	if t := e.source.LastContact(); !t.IsZero() {
		return now.Sub(t)
	}
	return now.Sub(e.started)
}

// finish reports the result of a reconcile pass, and then does what is not urgent.
func (e *Engine) finish(w *work, batches bool) {
	now := time.Now()
	synced, _ := e.host.synced()
	e.metrics.processed.Set(float64(e.config.applied.Revision))
	e.metrics.lag.Set(float64(max(0, e.config.received-e.config.applied.Revision)))
	e.metrics.objects.Set(float64(len(e.items.objects)))
	e.publish(w, now)
	if w.configChanged && e.saveAt.IsZero() {
		e.saveAt = now.Add(stateFileDelay)
	}
	if !e.wasReady && synced && !e.carry.any() {
		e.wasReady = true
		e.log.Info("first full sync done", "revision", e.config.applied.Revision, "items", e.config.applied.Len(),
			"objects", len(e.items.objects), "fromDisk", !e.config.synced, "took", now.Sub(e.started))
		e.noteState(now)
		if e.c.Ready != nil {
			e.c.Ready()
		}
	}
	e.idle(now)
}

// noteHeld logs when a hold begins and when it ends.
func (e *Engine) noteHeld(now time.Time) {
	held := e.config.held(now)
	if held == e.heldLogged {
		return
	}
	e.heldLogged = held
	if held == "" {
		e.metrics.held.Set(0)
		e.log.Info("not holding any more: following the node config again")
		e.report.Publish(e.nodeReport(now), nil, true)
		e.save()
		return
	}
	e.metrics.held.Set(1)
	e.log.Error("holding the last good state", "reason", held)
	e.report.Publish(e.nodeReport(now), nil, true)
	e.save()
}

// save hands the node config to the state file.
func (e *Engine) save() {
	e.saveAt = time.Time{}
	s := savedState{ClusterID: e.config.seen.ClusterID, Revision: e.config.seen.Revision, Held: e.config.hold,
		HeldSince: e.config.since, Items: make([]savedItem, 0, len(e.config.raw))}
	for k, v := range e.config.raw {
		s.Items = append(s.Items, savedItem{k.Kind, k.UID, string(v)})
	}
	e.disk.save(s)
}
