package engine

import (
	"context"
	"errors"
	"time"

	"weft/hostnet/object"
	"weft/model/desired"
	"weft/reconcile/engine/report"
)

// work is what a reconcile pass must look at.
type work struct {
	items map[desired.Key]bool
	keys  map[object.Key]bool
	by    map[object.Key]string // who changed an object, if known

	refused map[object.Key]refusal // changes that the host refused in this reconcile pass and that have not succeeded since

	// What the reconcile pass concerns and its results, for the report.
	changed       map[desired.Key]bool // items whose report may have changed
	asked         map[desired.Key]bool // items that were found as before: only the warnings of a driver may have changed
	uids          map[string]bool      // of removed items and failed removals
	configChanged bool
	urgent        bool // somebody waits for the processed revision
	wentBack      bool
	repaired      bool
}

func newWork() *work {
	return &work{items: map[desired.Key]bool{}, keys: map[object.Key]bool{}, by: map[object.Key]string{}, refused: map[object.Key]refusal{},
		changed: map[desired.Key]bool{}, asked: map[desired.Key]bool{}, uids: map[string]bool{}}
}

func (w *work) any() bool { return len(w.items)+len(w.keys) > 0 }

func (w *work) addItems(keys []desired.Key) {
	for _, k := range keys {
		w.items[k] = true
	}
}

func (w *work) addKeys(keys []object.Key) {
	for _, k := range keys {
		w.keys[k] = true
	}
}

// collect adds to the work what has arrived and what is due. batches says that the node config's revision may have advanced.
func (e *Engine) collect(ctx context.Context, w *work, in arrived, now time.Time) (batches bool) {
	batches = e.collectConfig(ctx, w, in, now)
	if !e.usable && !e.config.synced && now.Sub(e.started) >= e.c.CacheAfter && e.config.applied.Len() > 0 {
		e.usable = true
		e.log.Warn("cannot reach etcd: working with the last good node config on disk", "revision", e.config.applied.Revision,
			"items", e.config.applied.Len())
	}
	e.usable = e.usable || e.config.synced
	for k, by := range in.keys {
		w.keys[k] = true
		w.by[k] = by
		if st := e.items.objects[k]; k.Kind == object.KindActivation && st != nil {
			w.uids[st.want.Owner()], w.urgent = true, true // the controllers wait for this report
		}
	}
	for _, d := range e.host.drivers {
		d.needSync = d.needSync || in.resync[d.Name()]
	}
	e.collectFacts(ctx, w, in, now)
	for _, r := range e.retries.due(now) {
		if r.item != (desired.Key{}) {
			w.items[r.item] = true
			continue
		}
		w.keys[r.object] = true
	}
	w.addKeys(e.damper.due(now))
	e.collectSweep(ctx, w, now)
	return batches
}

// collectConfig takes in batches, and releases the items that may leave the node config.
func (e *Engine) collectConfig(ctx context.Context, w *work, in arrived, now time.Time) bool {
	var changes []itemChange
	for _, b := range in.batches {
		if b.Snapshot && e.config.synced {
			e.metrics.restarts.Inc()
		}
		if b.WentBack {
			w.wentBack = true
			e.log.Error("etcd went back: it is another cluster, or was restored to an older state", "revision", b.Revision)
		}
		w.urgent = w.urgent || b.Snapshot || report.Awaited(e.config.kinds, b.Events)
		c, told := e.config.take(b, now)
		changes = append(changes, c...)
		if told.resync {
			e.log.Info("ordered to read the whole host again")
			for _, d := range e.host.drivers {
				d.needSync, d.retryAt = true, time.Time{}
			}
		}
	}
	wasProven := e.config.proves()
	gone, again := e.config.release(now)
	e.releaseAt = again
	if e.config.proves() && !wasProven {
		e.queueStale(ctx, w)
	}
	for _, c := range append(changes, gone...) {
		w.configChanged = true
		for _, k := range e.index.Update(e.config.applied, c.key) {
			w.items[k] = true
		}
		if c.after == nil {
			w.uids[c.key.UID] = true
		}
	}
	return len(in.batches) > 0
}

// queueStale queues objects that are ours and not desired, as soon as the node config is proved to be complete.
func (e *Engine) queueStale(ctx context.Context, w *work) {
	for _, d := range e.host.drivers {
		if !d.synced {
			continue
		}
		if ours, err := e.host.ours(ctx, d); err == nil {
			for k := range ours {
				if e.items.objects[k] == nil {
					w.keys[k] = true
				}
			}
		}
	}
}

// collectFacts syncs drivers that need it, updates the facts, and adds the items that depend on what changed.
func (e *Engine) collectFacts(ctx context.Context, w *work, in arrived, now time.Time) {
	done := e.host.sync(ctx, now)
	for _, d := range done {
		w.addKeys(e.allKeys(ctx, d))
	}
	var devices []string
	if len(done) == 0 {
		if len(in.devices) == 0 {
			return
		}
		devices = make([]string, 0, len(in.devices))
		for d := range in.devices {
			devices = append(devices, d)
		}
	}
	e.observeFacts(w, devices)
}

// observeFacts updates the facts of the devices (all facts when nil) and adds the items concerned.
func (e *Engine) observeFacts(w *work, devices []string) {
	facts := e.host.refreshFacts(devices)
	w.addItems(e.index.Observe(facts, devices))
}

// allKeys lists the objects that a driver should have, and those of ours that it has.
func (e *Engine) allKeys(ctx context.Context, d *driverState) []object.Key {
	var keys []object.Key
	for k := range e.items.objects {
		if e.host.byKind[k.Kind] == d {
			keys = append(keys, k)
		}
	}
	ours, err := e.host.ours(ctx, d)
	if err != nil && !stopping(ctx) {
		e.log.Error("cannot find stale objects", "error", err)
	}
	for k := range ours {
		if e.items.objects[k] == nil {
			keys = append(keys, k)
		}
	}
	return keys
}

// sweepBudget is how many objects a sweep compares before other work may run.
const sweepBudget = 200

// collectSweep syncs one driver when its turn has come, and adds a part of the objects that must be compared.
func (e *Engine) collectSweep(ctx context.Context, w *work, now time.Time) {
	synced, _ := e.host.synced()
	if !synced || !e.usable {
		return
	}
	turn := e.c.SweepInterval / time.Duration(len(e.host.drivers))
	switch {
	case w.any():
		return // other work first
	case len(e.sweepRest) > 0:
		n := min(sweepBudget, len(e.sweepRest))
		w.addKeys(e.sweepRest[:n])
		e.sweepRest = e.sweepRest[n:]
	case e.nextSweep.IsZero():
		e.nextSweep = now.Add(turn)
	case !e.nextSweep.After(now):
		e.nextSweep = now.Add(turn)
		e.startSweep(ctx)
	}
}

// stopping says that ctx was ended by the caller of Run and not by a deadline. What fails then is nobody's fault and is not logged.
func stopping(ctx context.Context) bool { return errors.Is(ctx.Err(), context.Canceled) }

// startSweep syncs the next driver and records what must be compared.
func (e *Engine) startSweep(ctx context.Context) {
	d := e.host.drivers[e.sweepTurn%len(e.host.drivers)]
	e.sweepTurn++
	ctx, cancel := context.WithTimeout(ctx, syncTimeout)
	defer cancel()
	if err := d.Sync(ctx); err != nil {
		if !stopping(ctx) {
			e.log.Warn("the periodic full read cannot read the host", "driver", d.Name(), "error", err)
		}
		return
	}
	e.sweepRest = e.allKeys(ctx, d)
	if _, knows := d.Driver.(Facts); !knows { // the reading has changed no fact
		return
	}
	found := newWork()
	e.observeFacts(found, nil)
	for k := range found.items {
		e.carry.items[k] = true
	}
}
