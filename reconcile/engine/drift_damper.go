package engine

import (
	"fmt"
	"slices"
	"time"

	"weft/hostnet/object"
	"weft/reconcile/plan"
)

const (
	// fightRepairs repairs within fightWindow are a fight. From then on each repair of the object waits, twice as long as the last
	// one (firstRetry up to lastRetry), until the object was left alone for fightWindow.
	fightRepairs = 3
	fightWindow  = 10 * time.Second
)

// driftDamper delays the repair of objects that somebody else changes again and again, each object on its own. Only the loop uses
// it.
type driftDamper struct{ fights map[object.Key]*fight }

// fight is one object that was repaired lately.
type fight struct {
	repairs []time.Time // within the window, at most fightRepairs
	count   int
	by      string        // who changed it last, if known
	delay   time.Duration // zero before it is a fight
	until   time.Time     // no repair before
	asleep  bool          // the object must still be queued at until
}

func newDriftDamper() *driftDamper { return &driftDamper{map[object.Key]*fight{}} }

// repaired records a repair. It returns whether the next one will have to wait.
func (d *driftDamper) repaired(k object.Key, by string, now time.Time) bool {
	f := d.fights[k]
	if f == nil || f.over(now) {
		f = &fight{}
		d.fights[k] = f
	}
	f.repairs = slices.DeleteFunc(f.repairs, func(t time.Time) bool { return now.Sub(t) >= fightWindow })
	f.repairs = append(f.repairs, now)
	f.count++
	if by != "" {
		f.by = by
	}
	if f.delay == 0 && len(f.repairs) < fightRepairs {
		return false
	}
	f.repairs = nil
	f.delay = min(max(2*f.delay, firstRetry), lastRetry)
	f.until, f.asleep = now.Add(f.delay), true
	return true
}

// over says that the object was left alone long enough.
func (f *fight) over(now time.Time) bool {
	last := f.until
	if n := len(f.repairs); n > 0 {
		last = f.repairs[n-1]
	}
	return now.Sub(last) >= fightWindow
}

// waits says why a repair must wait; empty when it need not.
func (d *driftDamper) waits(k object.Key, now time.Time) string {
	f := d.fights[k]
	if f == nil || !f.until.After(now) {
		return ""
	}
	who := "somebody else"
	if f.by != "" {
		who += " (" + f.by + ")"
	}
	return fmt.Sprintf("%s keeps changing %s: repaired %d times, the next repair waits up to %s; stop whoever does it",
		who, k, f.count, f.delay)
}

// due returns the objects that must be compared now, and forgets fights that are over.
func (d *driftDamper) due(now time.Time) (keys []object.Key) {
	for k, f := range d.fights {
		if f.asleep && !f.until.After(now) {
			f.asleep = false
			keys = append(keys, k)
		}
		if f.over(now) {
			delete(d.fights, k)
		}
	}
	return keys
}

// next is when something is due; the zero time when nothing is.
func (d *driftDamper) next() (next time.Time) {
	for _, f := range d.fights {
		if f.asleep {
			next = earliest(next, f.until)
		}
	}
	return next
}

// damp removes from a plan the repairs that must wait, and what cannot be made without them. Protection never waits.
func (d *driftDamper) damp(p plan.Plan, now time.Time) plan.Plan {
	if len(d.fights) == 0 {
		return p
	}
	missing := map[object.Key]string{} // objects that are not made for now
	steps := make([]plan.Step, 0, len(p.Steps))
	for _, s := range p.Steps {
		c, why := s.Change, ""
		if c.Desired != nil {
			for _, dep := range c.Desired.DependsOn() {
				if missing[dep] != "" {
					why = "waits for " + dep.String() + ": " + missing[dep]
				}
			}
			if why == "" && !c.Protects() {
				why = d.waits(c.Key(), now)
			}
		}
		if why == "" {
			steps = append(steps, s)
			continue
		}
		if c.Op == object.Create {
			missing[c.Key()] = why
		}
		p.Blocked = append(p.Blocked, plan.Blocked{Key: c.Key(), Owner: c.Desired.Owner(), Reason: why})
	}
	p.Steps = steps
	return p
}
