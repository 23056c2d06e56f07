package engine

import (
	"context"
	"maps"
	"slices"
	"time"

	"weft/hostnet/object"
)

// incarnation tells the netdev and the OVS interface that an object stands on from others of the same names: a tap that
// goes and comes back is another one. The zero value stands on nothing that somebody else makes.
type incarnation struct {
	index int    // of the netdev
	row   string // of the OVS interface, where somebody else plugged it
}

// standsOn is the incarnation of what is below an object now.
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

// deviceSettles is how long after a device came its coming explains what is found on it: each driver hears of it by itself, and
// one may still show what was on the device before it.
const deviceSettles = 2 * time.Second

// comesNow says that the device which an object stands on has only just come, or come again.
func (h *hostState) comesNow(o object.Object, now time.Time) bool {
	s, ok := o.(object.OnDevice)
	return ok && now.Sub(h.came[s.Netdev()]) < deviceSettles
}

// noteComing notes when devices came whose index is another one than before; what was there at the first look came long ago.
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

// good notes that the object was read back as desired.
func (e *Engine) good(st *objectState) {
	st.good, st.on, st.owed = st.want, e.host.standsOn(st.want), false
}

// drifted says that what has to be changed is somebody else's doing: the object was read back as desired, it stands on
// what it stood on then, nothing of ours has touched it since, and the host shows something else. What is desired anew
// because facts came is none: a hypervisor that stops and starts a guest does its work.
func (e *Engine) drifted(st *objectState, c object.Change) bool {
	if st.owed {
		return true
	}
	if st.good == nil || st.on != e.host.standsOn(st.want) || e.host.comesNow(st.want, time.Now()) {
		return false
	}
	return c.Observed == nil || slices.ContainsFunc(st.good.Diff(c.Observed), tampered)
}

// tampered says that a difference is somebody's who changed what is Weft's. A device is its maker's to make again.
func tampered(d object.Difference) bool { return d.Field != object.FieldReplaced }

// takeAlong looks again at what stands on objects that were changed, and forgets what was read back of it: the host
// removes an address with its device, and a route with its address, so what a change of ours takes with it is no drift. A repair
// takes nothing along: what is wrong then, whoever made it necessary has broken, before it or by it.
// What came later in the same plan was read back after the change.
func (e *Engine) takeAlong(w *work, out outcome, repairs map[object.Key]bool) {
	seen := map[object.Key]bool{}
	var from func(k object.Key, repair bool)
	from = func(k object.Key, repair bool) {
		if k.Kind == object.KindFlowSet { // what comes after flows is not made of them
			return
		}
		for dep := range e.items.dependants[k] {
			_, later := out.tried[dep]
			if st := e.items.objects[dep]; st != nil && !later && !seen[dep] {
				seen[dep] = true
				if !repair {
					st.good = nil
				}
				w.keys[dep] = true
				from(dep, repair)
			}
		}
	}
	for _, repair := range []bool{false, true} { // what hangs on both is taken along
		for k := range out.tried {
			if repairs[k] == repair {
				from(k, repair)
			}
		}
	}
}

// noteRepair logs a repair, and once more when it has become a fight.
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
	on     incarnation // what the object stood on, as far as it was known
}

// overtaken says that the device which the object stands on is not there any more, or is another one.
func (h *hostState) overtaken(r refusal) bool {
	s, ok := r.change.Desired.(object.OnDevice)
	if !ok {
		return false
	}
	_, there := h.facts.Links[s.Netdev()]
	return !there || h.standsOn(r.change.Desired) != r.on
}

// tellRefusals logs and counts what the host has refused in a round and was not overtaken in it: when a hypervisor takes
// its device away, a change under way fails that nobody wants any more. A driver may have met that before the facts tell of it, so
// the devices are read afresh.
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
