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

// Warner is implemented by drivers that notice that something looks wrong about an object although nothing failed. Whenever that
// changes, the driver sends an event with the object's key. The sweep asks again too.
type Warner interface {
	// Warnings are the present warnings about the desired object. It may be called while Watch runs.
	Warnings(desired object.Object) []object.Warning
}

// strangerPatience is how long an interface may belong to no port before it gets a warning. When a guest begins or ends, the
// hypervisor may be faster than the controllers.
const strangerPatience = 10 * time.Second

// warningID identifies a warning of an item. The same reason about the same object is the same warning, whatever its message.
type warningID struct {
	reason object.WarningReason
	about  string
}

// warnings are the warnings about one item, with the time at which each began.
type warnings map[warningID]etcdschema.Warning

// renew replaces the warnings by what was found. A warning that was there already keeps its time. It says whether they differ.
func (w warnings) renew(found map[warningID]object.Warning, now time.Time) (changed bool) {
	for id := range w {
		if _, still := found[id]; !still {
			delete(w, id)
			changed = true
		}
	}
	for id, f := range found {
		is := etcdschema.Warning{Reason: string(f.Reason), Message: bounded(f.Message, etcdschema.MaxWarningMessage), Since: now.UTC()}
		old, had := w[id]
		if had {
			is.Since = old.Since
		}
		changed = changed || is != old
		w[id] = is
	}
	return changed
}

// list is the list for the report: sorted, and no longer than a reader accepts.
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

// warn updates an item's warnings: those found by compiling, and those of the drivers about its objects. It says whether they differ.
func (e *Engine) warn(it *itemState, now time.Time) (changed bool) {
	found := map[warningID]object.Warning{}
	for _, w := range it.result.Warnings {
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
	return it.warnings.renew(found, now)
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

// watchStrangers records which interfaces belong to no port. It judges the host's item when one of them has done so long enough, or
// does not any more.
func (e *Engine) watchStrangers(w *work, now time.Time) {
	names, _ := e.index.Strangers()
	host := e.config.applied.Host()
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
		w.changed[host.Key()] = true
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
