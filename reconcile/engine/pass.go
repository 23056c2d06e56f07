package engine

import (
	"context"
	"fmt"
	"runtime/debug"
	"slices"
	"time"

	"weft/hostnet/object"
	"weft/model/desired"
	"weft/reconcile/compile"
	"weft/reconcile/plan"
)

// maxIterations bounds the iterations of one reconcile pass. Each may reveal facts (an OpenFlow port number) that the next one needs.
const maxIterations = 8

// pass makes the host what the work's items say. What is left after its iterations is done in the next pass.
func (e *Engine) pass(ctx context.Context, w *work) {
	for range maxIterations {
		if !w.any() || ctx.Err() != nil {
			break
		}
		at := time.Now()
		e.compile(w)
		at = e.metrics.since("compile", at)
		keys := w.keys
		w.keys = map[object.Key]bool{}
		e.items.withDependants(keys)
		p := e.plan(ctx, keys)
		at = e.metrics.since("plan", at)
		out := e.apply(ctx, p)
		at = e.metrics.since("apply", at)
		e.verify(ctx, out)
		e.settle(ctx, w, keys, p, out)
		e.metrics.since("verify", at)
	}
	e.tellRefusals(ctx, w)
	now := time.Now()
	for k := range w.changed {
		e.judge(k, now)
	}
	for k := range w.asked {
		if !w.changed[k] && e.judge(k, now) {
			w.changed[k] = true
		}
	}
	clear(w.asked)
	e.watchStrangers(w, now)
	e.carry.addItems(sortedItems(w.items))
	for k := range w.keys {
		e.carry.keys[k] = true
	}
}

// judge updates an item's exception, its warnings, its counts and its retry. It says whether one of the first three changed.
func (e *Engine) judge(k desired.Key, now time.Time) (changed bool) {
	it := e.items.items[k]
	if it == nil {
		e.retries.succeeded(retryKey{item: k})
		return false
	}
	before := it.exception
	changed = e.warn(it, now)
	changed = e.countRejected(it, now) || changed
	if e.items.judge(it, e.config.bad[k], now) {
		e.retries.failed(retryKey{item: k}, now)
	} else {
		e.retries.succeeded(retryKey{item: k})
	}
	return changed || it.exception != before
}

// compile compiles the work's items into objects to compare.
func (e *Engine) compile(w *work) {
	for len(w.items) > 0 {
		items := sortedItems(w.items)
		w.items = map[desired.Key]bool{}
		for _, k := range items {
			w.changed[k] = true
			changed, freed := e.items.set(e.compileItem(k))
			w.addKeys(changed)
			w.addItems(freed)
			in := e.config.applied.Has(k)
			if _, bad := e.config.bad[k]; !in && !bad {
				e.metrics.hideRejected(e.items.items[k])
				e.items.remove(k)
				w.uids[k.UID] = true
			}
		}
	}
}

// compileItem compiles one item. A panic only makes this item fail, because values come from outside.
func (e *Engine) compileItem(k desired.Key) (u compile.Result) {
	if in := e.config.applied.Has(k); !in {
		u = compile.Result{Key: k}
		e.index.Compiled(u)
		return u
	}
	e.items.get(k).title = e.title(k)
	defer func() {
		if r := recover(); r != nil {
			e.log.Error("compiling an item panicked", "item", e.title(k), "uid", k.UID, "panic", r, "stack", string(debug.Stack()))
			u = compile.Result{Key: k, Objects: e.wanted(k), Refused: fmt.Sprintf("internal error while compiling: %v", r)}
		}
	}()
	u = e.c.Compile(e.input(), k)
	u.Key = k
	e.index.Compiled(u)
	return u
}

// input is what compiling depends on.
func (e *Engine) input() compile.Input {
	return compile.Input{Config: e.config.applied, Facts: e.host.facts, Index: e.index, Backends: e.c.Backends}
}

// wanted lists the objects an item has now.
func (e *Engine) wanted(k desired.Key) (out []object.Object) {
	if it := e.items.items[k]; it != nil {
		for _, key := range it.keys {
			out = append(out, e.items.objects[key].want)
		}
	}
	return out
}

// plan compares the objects with the host. What they depend on is looked up only for those that must change.
func (e *Engine) plan(ctx context.Context, keys map[object.Key]bool) plan.Plan {
	want := make(map[object.Key]object.Object, len(keys))
	all := make([]object.Key, 0, len(keys))
	var undesired []object.Key
	for k := range keys {
		all = append(all, k)
		if st := e.items.objects[k]; st != nil {
			want[k] = st.want
		} else {
			undesired = append(undesired, k)
		}
	}
	observed, failed := e.host.observe(ctx, all)
	blocked := e.blind(want, failed)
	removable := func(object.Key) bool { return false }
	if undesired = slices.DeleteFunc(undesired, func(k object.Key) bool { return observed[k] == nil }); len(undesired) > 0 {
		removable = e.removable(ctx, undesired)
	}
	changes := plan.Compare(want, observed, removable)
	var found map[object.Key]object.Object
	if needs := changes.Needs(); len(needs) > 0 {
		found, _ = e.host.observe(ctx, needs) // what cannot be observed is waited for
	}
	d := changes.Order(found, e.needed)
	return e.damper.damp(plan.Plan{Steps: d.Steps, Blocked: append(blocked, d.Blocked...)}, time.Now())
}

// blind takes out of the desired objects those that cannot be compared, and says why.
func (e *Engine) blind(want map[object.Key]object.Object, failed map[*driverState]error) (blocked []plan.Blocked) {
	for k, o := range want {
		reason := ""
		switch d := e.host.byKind[k.Kind]; {
		case d == nil:
			reason = fmt.Sprintf("no driver for objects of kind %s", k.Kind)
		case failed[d] != nil:
			reason = failed[d].Error()
		default:
			continue
		}
		blocked = append(blocked, plan.Blocked{Key: k, Owner: o.Owner(), Reason: reason})
		delete(want, k)
	}
	return blocked
}

// needed lists what an object that must be removed depended on.
func (e *Engine) needed(k object.Key) []object.Key { return e.items.leaving[k].needs }

// removable decides which of the undesired objects may be removed. All of them must be ours, and all drivers must have read the
// host. Objects that this process wanted and does not want any more may then be removed. Any other may be removed only while the
// node config is proved to be complete.
func (e *Engine) removable(ctx context.Context, undesired []object.Key) func(object.Key) bool {
	synced, _ := e.host.synced()
	if !synced {
		return func(object.Key) bool { return false }
	}
	ours, err := e.host.oursAmong(ctx, undesired)
	if err != nil {
		if !stopping(ctx) {
			e.log.Error("nothing is removed in this pass", "error", err)
		}
		return func(object.Key) bool { return false }
	}
	stale := e.config.proves()
	return func(k object.Key) bool {
		if !ours[k] {
			return false
		}
		_, leaving := e.items.leaving[k]
		return leaving || stale
	}
}

func sortedItems(m map[desired.Key]bool) []desired.Key {
	keys := make([]desired.Key, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, desired.Key.Compare)
	return keys
}
