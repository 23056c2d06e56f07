package engine

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"weft/etcdschema"
	"weft/hostnet/object"
	"weft/model/desired"
)

// Warner is implemented by drivers that notice what looks wrong about an object though nothing failed. Whenever that
// changes the driver sends an event with the object's key; the sweep asks again too.
type Warner interface {
	// Warnings are those about the object, as desired, now. It may be called while Watch runs.
	Warnings(desired object.Object) []object.Warning
}

// strangerPatience is how long an interface that belongs to no port is waited for: a hypervisor may be quicker than the
// controllers, when a guest begins and when it ends.
const strangerPatience = 10 * time.Second

// warningID tells an item's warnings apart: the same reason about the same object is the same warning, whatever it says.
type warningID struct {
	reason object.WarningReason
	about  string
}

// warnings are those about one item, with when each began.
type warnings map[warningID]etcdschema.Warning

// renew makes the warnings what was found, each since it was first found.
func (w warnings) renew(found map[warningID]object.Warning, now time.Time) {
	for id := range w {
		if _, still := found[id]; !still {
			delete(w, id)
		}
	}
	for id, f := range found {
		since := now.UTC()
		if old, had := w[id]; had {
			since = old.Since
		}
		w[id] = etcdschema.Warning{Reason: string(f.Reason), Message: bounded(f.Message, etcdschema.MaxWarningMessage), Since: since}
	}
}

// list is what is reported: in order, and no more than a reader takes.
func (w warnings) list() []etcdschema.Warning {
	out := make([]etcdschema.Warning, 0, len(w))
	for _, one := range w {
		out = append(out, one)
	}
	slices.SortFunc(out, func(a, b etcdschema.Warning) int {
		return cmp.Or(strings.Compare(a.Reason, b.Reason), strings.Compare(a.Message, b.Message))
	})
	return out[:min(len(out), etcdschema.MaxWarnings)]
}

func bounded(s string, most int) string {
	if len(s) > most {
		return strings.ToValidUTF8(s[:most], "")
	}
	return s
}

// warn brings an item's warnings up to date: what compiling found, and what the drivers say of its objects.
func (e *Engine) warn(it *itemState, now time.Time) {
	found := map[warningID]object.Warning{}
	for _, w := range it.unit.Warnings {
		found[warningID{w.Reason, ""}] = w
	}
	for _, k := range it.keys {
		d := e.host.byKind[k.Kind]
		if d == nil {
			continue
		}
		if driver, warns := d.Driver.(Warner); warns {
			for _, w := range driver.Warnings(e.items.objects[k].want) {
				found[warningID{w.Reason, k.String()}] = w
			}
		}
	}
	if it.key.Kind == desired.KindHost {
		e.warnStrangers(found, now)
	}
	if it.warnings == nil && len(found) > 0 {
		it.warnings = warnings{}
	}
	it.warnings.renew(found, now)
}

// warnStrangers adds warnings about the interfaces that have belonged to no port for long enough.
func (e *Engine) warnStrangers(found map[warningID]object.Warning, now time.Time) {
	names, warning := e.index.Strangers()
	for _, name := range names {
		if since, known := e.strangers[name]; known && now.Sub(since) >= strangerPatience {
			w := warning(name)
			found[warningID{w.Reason, name}] = w
		}
	}
}

// watchStrangers follows which interfaces belong to no port, and has the host's item judged when one has done so long
// enough, or does no more.
func (e *Engine) watchStrangers(w *work, now time.Time) {
	names, _ := e.index.Strangers()
	host := e.slice.slice.Host
	if host == nil || len(names)+len(e.strangers) == 0 {
		return
	}
	again := false
	for name, since := range e.strangers {
		if !slices.Contains(names, name) {
			delete(e.strangers, name)
			again = true
		} else if due := since.Add(strangerPatience); !due.After(now) && e.strangersAt.Before(due) {
			again = true
		}
	}
	for _, name := range names {
		if _, known := e.strangers[name]; !known {
			e.strangers[name] = now
		}
	}
	e.strangersAt = now
	if again {
		w.touched[host.Key()] = true
		e.judge(host.Key(), now)
	}
}

// nextStranger is when an interface will have belonged to no port for long enough; the zero time when none will.
func (e *Engine) nextStranger() (next time.Time) {
	for _, since := range e.strangers {
		if due := since.Add(strangerPatience); due.After(e.strangersAt) {
			next = earliest(next, due)
		}
	}
	return next
}
