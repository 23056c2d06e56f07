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

// maxPasses bounds the passes of one round. Each may reveal facts (an OpenFlow port number) that the next one needs.
const maxPasses = 8

// round makes the host what the work's items say. What is left after its passes is done in the next round.
func (e *Engine) round(ctx context.Context, w *work) {
	for range maxPasses {
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
	for k := range w.touched {
		e.judge(k, now)
	}
	e.watchStrangers(w, now)
	e.carry.addItems(sortedItems(w.items))
	for k := range w.keys {
		e.carry.keys[k] = true
	}
}

// judge updates an item's exception, its warnings and its retry.
func (e *Engine) judge(k desired.Key, now time.Time) {
	it := e.items.items[k]
	if it == nil {
		e.retries.succeeded(retryKey{item: k})
		return
	}
	e.warn(it, now)
	if e.items.judge(it, e.config.bad[k], now) {
		e.retries.failed(retryKey{item: k}, now)
		return
	}
	e.retries.succeeded(retryKey{item: k})
}

// compile compiles the work's items into objects to compare.
func (e *Engine) compile(w *work) {
	for len(w.items) > 0 {
		items := sortedItems(w.items)
		w.items = map[desired.Key]bool{}
		for _, k := range items {
			w.touched[k] = true
			touched, freed := e.items.set(e.compileItem(k))
			w.addKeys(touched)
			w.addItems(freed)
			in := e.config.applied.Has(k)
			if _, bad := e.config.bad[k]; !in && !bad {
				e.items.remove(k)
				w.uids[k.UID] = true
			}
		}
	}
}

// compileItem compiles one item. A panic only makes this item fail, because values come from outside.
func (e *Engine) compileItem(k desired.Key) (u compile.Unit) {
	if in := e.config.applied.Has(k); !in {
		u = compile.Unit{Key: k}
		e.index.Compiled(u)
		return u
	}
	e.items.get(k).title = e.title(k)
	defer func() {
		if r := recover(); r != nil {
			e.log.Error("compiling an item panicked", "item", e.title(k), "uid", k.UID, "panic", r, "stack", string(debug.Stack()))
			u = compile.Unit{Key: k, Objects: e.wanted(k), Refused: fmt.Sprintf("internal error while compiling: %v", r)}
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

// plan compares the objects with the host. Dependencies that are not among them are only looked up.
func (e *Engine) plan(ctx context.Context, keys map[object.Key]bool) plan.Plan {
	want := map[object.Key]object.Object{}
	all := make([]object.Key, 0, len(keys))
	context := map[object.Key]bool{}
	var undesired []object.Key
	for k := range keys {
		all = append(all, k)
		st := e.items.objects[k]
		if st == nil {
			undesired = append(undesired, k)
			continue
		}
		want[k] = st.want
		for _, d := range st.want.DependsOn() {
			if !keys[d] {
				context[d] = true
			}
		}
	}
	for k := range context {
		all = append(all, k)
	}
	observed, failed := e.host.observe(ctx, all)
	var p plan.Plan
	for d, err := range failed {
		for k, o := range want {
			if e.host.byKind[k.Kind] == d {
				p.Blocked = append(p.Blocked, plan.Blocked{Key: k, Owner: o.Owner(), Reason: err.Error()})
				delete(want, k)
			}
		}
	}
	for k, o := range want {
		if e.host.byKind[k.Kind] == nil {
			p.Blocked = append(p.Blocked, plan.Blocked{Key: k, Owner: o.Owner(), Reason: fmt.Sprintf("no driver for objects of kind %s", k.Kind)})
			delete(want, k)
		}
	}
	removable := func(object.Key) bool { return false }
	if undesired = slices.DeleteFunc(undesired, func(k object.Key) bool { return observed[k] == nil }); len(undesired) > 0 {
		removable = e.removable(ctx, undesired)
	}
	d := plan.Diff(want, observed, removable, e.needed)
	return e.damper.damp(plan.Plan{Steps: d.Steps, Blocked: append(p.Blocked, d.Blocked...)}, time.Now())
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
