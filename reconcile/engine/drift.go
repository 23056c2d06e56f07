package engine

import (
	"context"
	"maps"
	"slices"
	"time"

	"weft/hostnet/object"
)

// incarnation distinguishes the netdev and the OVS interface of an object from others of the same names. A tap that disappears and
// comes back is another one. The zero value means that the object is on no device that others make.
type incarnation struct {
	index int    // of the netdev
	row   string // of the OVS interface, where somebody else plugged it
}

// standsOn is the present incarnation of the device of an object.
func (h *hostState) standsOn(o object.Object) (on incarnation) {
	s, ok := o.(object.OnDevice)
	if !ok {
		return on
	}
	on.index = h.facts.Links[s.Netdev()].Index
	if p, ok := o.(*object.OVSPort); ok && p.Adopted {
		on.row = h.facts.Interfaces[p.Device].Row
	}
	return on
}

// deviceSettles is how long differences on a new device are explained by the device being new. Each driver learns of the device on
// its own, and one may still show what was on the device before it.
const deviceSettles = 2 * time.Second

// comesNow says that the object's device appeared only a moment ago, or appeared again.
func (h *hostState) comesNow(o object.Object, now time.Time) bool {
	s, ok := o.(object.OnDevice)
	return ok && now.Sub(h.came[s.Netdev()]) < deviceSettles
}

// noteComing records when devices appeared: their index differs from the one before. For devices of the first look nothing is
// recorded.
func (h *hostState) noteComing(before map[string]int, devices []string, now time.Time) {
	for _, d := range devices {
		switch link, there := h.facts.Links[d]; {
		case !there:
			delete(h.came, d)
		case link.Index != before[d]:
			h.came[d] = now
		}
	}
}

// good records that the object was read back as desired.
func (e *Engine) good(st *objectState) {
	st.good, st.on, st.owed = st.want, e.host.standsOn(st.want), false
}

// drifted says that somebody else caused the difference. The object was read back as desired. It is on the same device as then. No
// change of ours has concerned it since. The host now shows something else. An object that is desired differently because facts
// changed is no drift: a hypervisor that stops and starts a guest does its work.
func (e *Engine) drifted(st *objectState, c object.Change) bool {
	if st.owed {
		return true
	}
	if st.good == nil || st.on != e.host.standsOn(st.want) || e.host.comesNow(st.want, time.Now()) {
		return false
	}
	return c.Observed == nil || slices.ContainsFunc(st.good.Diff(c.Observed), tampered)
}

// tampered says that somebody changed what is Weft's. A device that its maker has made again is no such difference.
func tampered(d object.Difference) bool { return d.Field != object.FieldReplaced }

// takeAlong queues what depends on changed objects, and forgets that it was read back. The host removes an address with its device,
// and a route with its address. Such side effects of our changes are no drift. A repair is different: what is wrong after it was
// broken by whoever made it necessary, so it stays drift. Objects that came later in the same plan were read back after the change.
func (e *Engine) takeAlong(w *work, out outcome, repairs map[object.Key]bool) {
	seen := map[object.Key]bool{}
	var from func(k object.Key, repair bool)
	from = func(k object.Key, repair bool) {
		if k.Kind == object.KindFlowSet { // objects that follow flows are not affected by them
			return
		}
		for st := range e.items.dependants.of(k) {
			dep := st.want.Key()
			if _, later := out.tried[dep]; !later && !seen[dep] {
				seen[dep] = true
				if !repair {
					st.good = nil
				}
				w.keys[dep] = true
				from(dep, repair)
			}
		}
	}
	for _, repair := range []bool{false, true} { // an object that depends on both counts as a side effect
		for k := range out.tried {
			if repairs[k] == repair {
				from(k, repair)
			}
		}
	}
}

// noteRepair logs a repair, and logs again when it has become a fight.
func (e *Engine) noteRepair(k object.Key, c object.Change, by string, now time.Time) {
	e.log.Warn("drift repaired", "object", k, "op", c.Op, "for", e.ownerName(c), "by", by)
	if !e.damper.repaired(k, by, now) {
		return
	}
	e.metrics.damped.WithLabelValues(e.host.byKind[k.Kind].Name()).Inc()
	if why := e.damper.waits(k, now); c.Desired != nil && !c.Protects() {
		e.log.Error("repairs are slowed down", "object", k, "for", e.ownerName(c), "reason", why)
	}
}

// refusal is a change that the host did not carry out.
type refusal struct {
	change object.Change
	why    error
	on     incarnation // the device of the object, as far as it was known
}

// overtaken says that the object's device does not exist any more, or is another one.
func (h *hostState) overtaken(r refusal) bool {
	s, ok := r.change.Desired.(object.OnDevice)
	if !ok {
		return false
	}
	_, there := h.facts.Links[s.Netdev()]
	return !there || h.standsOn(r.change.Desired) != r.on
}

// tellRefusals logs and counts the changes that the host has refused in a reconcile pass and that are still needed. When a hypervisor
// removes its device, a change of it may fail that nobody needs any more. A driver may notice this before the facts show it, so the
// devices are read again first.
func (e *Engine) tellRefusals(ctx context.Context, w *work) {
	devices := map[string]bool{}
	for _, r := range w.refused {
		if s, ok := r.change.Desired.(object.OnDevice); ok {
			devices[s.Netdev()] = true
		}
	}
	if len(devices) > 0 {
		names := slices.Collect(maps.Keys(devices))
		e.host.readDevices(ctx, names, e.log)
		e.observeFacts(w, names)
	}
	for k, r := range w.refused {
		st, leaving := e.items.objects[k], e.items.orphans[k] != ""
		if !leaving && (st == nil || st.failure == "" || e.host.overtaken(r)) {
			e.log.Debug("a change failed that is not needed any more", "object", k, "op", r.change.Op, "error", r.why)
			continue
		}
		e.metrics.failures.WithLabelValues(e.host.byKind[k.Kind].Name()).Inc()
		e.log.Warn("the host refused a change", "object", k, "op", r.change.Op, "for", e.ownerName(r.change), "error", r.why)
	}
	clear(w.refused)
}
