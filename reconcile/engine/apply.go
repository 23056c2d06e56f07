package engine

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"weft/hostnet/object"
	"weft/reconcile/plan"
)

// outcome is the result of a plan's steps.
type outcome struct {
	tried   map[object.Key]object.Change
	failed  map[object.Key]error
	skipped map[object.Key]object.Key // → the dependency that failed, or the dependant that could not be removed
	// kept are the dependencies of objects whose removal failed or was skipped, with the object.
	kept map[object.Key]object.Key
}

// apply carries out the plan stage by stage. Each driver gets one batch in a stage, and the drivers of a stage run in parallel. A
// step whose dependency failed is skipped. All others go on.
func (e *Engine) apply(ctx context.Context, p plan.Plan) outcome {
	out := outcome{map[object.Key]object.Change{}, map[object.Key]error{}, map[object.Key]object.Key{}, map[object.Key]object.Key{}}
	for _, stage := range p.Stages() {
		batches := map[*driverState][]object.Change{}
		for _, s := range stage {
			if bad, failed := out.brokenDependency(s.Change); failed {
				out.skipped[s.Change.Key()] = bad
				e.keepNeeded(&out, s.Change)
				continue
			}
			d := e.host.byKind[s.Change.Key().Kind]
			batches[d] = append(batches[d], s.Change)
		}
		e.applyStage(ctx, batches, &out)
	}
	return out
}

// keepNeeded marks the dependencies of an object that could not be removed, so that they stay.
func (e *Engine) keepNeeded(o *outcome, c object.Change) {
	if c.Op != object.Delete {
		return
	}
	for _, k := range slices.Concat(c.Observed.DependsOn(), e.needed(c.Key())) {
		o.kept[k] = c.Key()
	}
}

// brokenDependency finds a dependency of a create or update that failed or was skipped in this plan, or the object because of which
// a removal must wait.
func (o *outcome) brokenDependency(c object.Change) (object.Key, bool) {
	if c.Desired == nil {
		k, kept := o.kept[c.Key()]
		return k, kept
	}
	for _, d := range c.Desired.DependsOn() {
		if _, failed := o.failed[d]; failed {
			return d, true
		}
		if _, skipped := o.skipped[d]; skipped {
			return d, true
		}
	}
	return object.Key{}, false
}

func (e *Engine) applyStage(ctx context.Context, batches map[*driverState][]object.Change, out *outcome) {
	var wg sync.WaitGroup
	var mu sync.Mutex
	for d, changes := range batches {
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, applyTimeout+time.Duration(len(changes))*applyEach)
			defer cancel()
			start := time.Now()
			errs := d.Apply(ctx, changes)
			e.metrics.since("apply_"+d.Name(), start)
			mu.Lock()
			defer mu.Unlock()
			for i, c := range changes {
				out.tried[c.Key()] = c
				if err := errorAt(errs, i, len(changes)); err != nil {
					out.failed[c.Key()] = err
					e.keepNeeded(out, c)
					continue
				}
				if !d.inProcess {
					e.metrics.writes.WithLabelValues(d.Name()).Inc()
				}
			}
		})
	}
	wg.Wait()
}

// errorAt is the error of one change. If the driver returned a wrong number of errors, all of its changes have failed.
func errorAt(errs []error, i, n int) error {
	if len(errs) != n {
		return fmt.Errorf("the driver answered %d changes with %d results: %w", n, len(errs), errors.Join(errs...))
	}
	return errs[i]
}

// verify observes the tried objects again. A change that a driver reported as done and that the host does not show has failed.
func (e *Engine) verify(ctx context.Context, out outcome) {
	if len(out.tried) == 0 {
		return
	}
	keys := make([]object.Key, 0, len(out.tried))
	var deleted []object.Key
	for k, c := range out.tried {
		keys = append(keys, k)
		if c.Op == object.Delete {
			deleted = append(deleted, k)
		}
	}
	found, blind := e.host.observe(ctx, keys)
	var ours map[object.Key]bool
	if len(deleted) > 0 {
		var err error
		if ours, err = e.host.oursAmong(ctx, deleted); err != nil && !stopping(ctx) {
			e.log.Error("cannot verify removals", "error", err)
		}
	}
	for k, c := range out.tried {
		if out.failed[k] != nil {
			continue
		}
		if err := blind[e.host.byKind[k.Kind]]; err != nil {
			out.failed[k] = err
			continue
		}
		have, there := found[k]
		switch {
		case c.Op == object.Delete && there && ours[k]:
			out.failed[k] = fmt.Errorf("%s: reported removed, but it is still there", k)
		case c.Op != object.Delete && !there:
			out.failed[k] = fmt.Errorf("%s: reported done, but it is not there", k)
		case c.Op != object.Delete:
			if d := c.Desired.Diff(have); len(d) > 0 {
				out.failed[k] = fmt.Errorf("%s: reported done, but read back %s", k, differences(d))
			}
		}
	}
}

func differences(d []object.Difference) string {
	const shown = 3
	s := ""
	for i, x := range d {
		if i == shown {
			return fmt.Sprintf("%s and %d more", s, len(d)-shown)
		}
		if i > 0 {
			s += "; "
		}
		s += x.String()
	}
	return s
}

// settle records the results of the steps, counts repaired drift, and adds to the work what can continue now. It first updates the
// facts of the devices concerned, because they distinguish a device that disappeared from a change that was refused.
func (e *Engine) settle(ctx context.Context, w *work, keys map[object.Key]bool, p plan.Plan, out outcome) {
	now := time.Now()
	e.observeConcerned(ctx, w, out)
	repaired := map[string]int{}
	for _, b := range p.Blocked {
		if st := e.items.objects[b.Key]; st != nil {
			st.blocked, st.failure = b.Reason, ""
			w.changed[st.item] = true
		}
	}
	for k, dep := range out.skipped {
		if st := e.items.objects[k]; st != nil {
			st.blocked = "waits for " + dep.String() + ", which failed"
			w.changed[st.item] = true
			continue
		}
		e.items.orphans[k] = "waits for the removal of " + dep.String() + ", which failed"
		e.retries.failed(retryKey{object: k}, now)
		if was, mine := e.items.leaving[k]; mine {
			w.uids[was.uid] = true
		}
	}
	repairs := map[object.Key]bool{} // including those that have failed
	for k, c := range out.tried {
		if e.settleOne(w, k, c, out.failed[k], now) {
			repaired[e.host.byKind[k.Kind].Name()]++
			e.noteRepair(k, c, w.by[k], now)
			repairs[k] = true
		}
		if st := e.items.objects[k]; st != nil && st.owed {
			repairs[k] = true
		}
	}
	for k, c := range e.settleQuiet(w, keys, p, out) {
		repaired[e.host.byKind[k.Kind].Name()]++
		e.noteRepair(k, c, w.by[k], now)
	}
	e.takeAlong(w, out, repairs)
	e.enqueueDependents(w, keys, out)
	for d, n := range repaired {
		e.metrics.repaired.WithLabelValues(d).Add(float64(n))
		e.repaired[d] += uint64(n)
		w.repaired = true
	}
}

// observeConcerned updates the facts of the devices that the steps concerned. Each driver learns of a device on its own. Therefore,
// before a change is called drift, its device is read again: a new device of the same name explains the change.
func (e *Engine) observeConcerned(ctx context.Context, w *work, out outcome) {
	devices, doubtful := map[string]bool{}, map[string]bool{}
	for k, c := range out.tried {
		concernedDevices(c, devices)
		o, on := c.Desired.(object.OnDevice)
		if st := e.items.objects[k]; on && st != nil && e.drifted(st, c) {
			doubtful[o.Netdev()] = true
		}
	}
	if len(doubtful) > 0 {
		e.host.readDevices(ctx, slices.Collect(maps.Keys(doubtful)), e.log)
	}
	if len(devices) > 0 {
		e.observeFacts(w, slices.Collect(maps.Keys(devices)))
	}
}

// settleOne records the result of one change. It returns whether the change repaired drift.
func (e *Engine) settleOne(w *work, k object.Key, c object.Change, failure error, now time.Time) (drift bool) {
	d := e.host.byKind[k.Kind]
	delete(w.refused, k)
	if failure != nil {
		w.refused[k] = refusal{c, failure, e.host.standsOn(c.Desired)}
	}
	st := e.items.objects[k]
	if st == nil {
		return e.settleOrphan(w, k, failure, now) && !d.inProcess
	}
	w.changed[st.item] = true
	drift = !d.inProcess && e.drifted(st, c)
	if failure != nil { // what the failed change left is our doing: only an earlier difference can be drift
		st.failure, st.good, st.owed = failure.Error(), nil, drift
		return false
	}
	st.failure, st.blocked = "", ""
	e.good(st)
	return drift
}

// settleOrphan records the result of a removal. It returns whether no item of this process ever wanted the object.
func (e *Engine) settleOrphan(w *work, k object.Key, failure error, now time.Time) bool {
	was, mine := e.items.leaving[k]
	if mine {
		w.uids[was.uid] = true
	}
	if failure != nil {
		e.items.orphans[k] = failure.Error()
		e.retries.failed(retryKey{object: k}, now)
		return false
	}
	delete(e.items.leaving, k)
	delete(e.items.orphans, k)
	e.retries.succeeded(retryKey{object: k})
	for _, needed := range was.needs {
		if _, waits := e.items.leaving[needed]; waits {
			w.keys[needed] = true
		}
	}
	return !mine && e.wasReady
}

// enqueueDependents queues objects whose dependency is as desired now: those that waited for it, and after a create also all
// dependants that were not compared in the same pass, because whatever removed the dependency may have removed them too.
func (e *Engine) enqueueDependents(w *work, keys map[object.Key]bool, out outcome) {
	for k := range keys {
		st := e.items.objects[k]
		if st == nil || st.failure != "" || st.blocked != "" {
			continue
		}
		created := out.tried[k].Op == object.Create
		for d := range e.items.dependants.of(k) {
			if d.blocked == "" && !created {
				continue
			}
			if dep := d.want.Key(); d.blocked != "" || !keys[dep] {
				w.keys[dep] = true
			}
		}
	}
}

// settleQuiet forgets the failures of objects that the plan found as desired. It returns those whose failed repair has succeeded
// after all.
func (e *Engine) settleQuiet(w *work, keys map[object.Key]bool, p plan.Plan, out outcome) (late map[object.Key]object.Change) {
	late = map[object.Key]object.Change{}
	blocked := map[object.Key]bool{}
	for _, b := range p.Blocked {
		blocked[b.Key] = true
	}
	synced, _ := e.host.synced()
	equal := map[*driverState][]object.Object{}
	for k := range keys {
		st := e.items.objects[k]
		_, tried := out.tried[k]
		_, skipped := out.skipped[k]
		switch {
		case st == nil && !tried && !skipped && synced: // gone already, or not ours
			e.items.settleGone(k)
			e.retries.succeeded(retryKey{object: k})
		case st != nil && !tried && !skipped && !blocked[k]:
			if st.owed { // a repair that seemed to fail because the host was slow
				late[k] = object.Change{Op: object.Update, Desired: st.want}
			}
			d := e.host.byKind[k.Kind]
			if st.good == nil || st.failure != "" || st.blocked != "" {
				w.changed[st.item] = true
			} else if d.tells() {
				w.asked[st.item] = true
			}
			if st.good != st.want {
				equal[d] = append(equal[d], st.want)
			}
			st.failure, st.blocked = "", ""
			e.good(st)
		}
	}
	for d, desired := range equal {
		if s, can := d.Driver.(Sharer); can {
			s.Share(desired)
		}
	}
	return late
}

// concernedDevices collects the devices whose facts a change may have changed, or whose appearance or disappearance may have made the
// change necessary.
func concernedDevices(c object.Change, devices map[string]bool) {
	for _, o := range []object.Object{c.Desired, c.Observed} {
		switch o := o.(type) {
		case object.OnDevice:
			devices[o.Netdev()] = true
		case *object.Bridge:
			devices[o.Name] = true
		case *object.Veth:
			for _, end := range []object.VethEnd{{Namespace: o.Namespace, Name: o.Name}, o.Peer} {
				if end.Namespace == "" {
					devices[end.Name] = true
				}
			}
		}
	}
}
