package engine

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"weft/hostnet/object"
	"weft/reconcile/plan"
)

// Proposal is what weftd would do now.
type Proposal struct {
	Revision int64     `json:"revision"`
	Held     string    `json:"held,omitempty"`
	Waits    string    `json:"waits,omitempty"` // why the plan is not complete yet
	Plan     plan.Plan `json:"plan"`
}

// WriteText prints the proposal for people: first why it is not complete, then the plan. Only a complete proposal says that there
// is nothing to do.
func (p Proposal) WriteText(w io.Writer) error {
	var b strings.Builder
	if p.Held != "" {
		fmt.Fprintf(&b, "HELD: %s\n", p.Held)
	}
	if p.Waits != "" {
		fmt.Fprintf(&b, "not complete: %s\n", p.Waits)
	}
	if p.Waits != "" && p.Plan.Empty() {
		b.WriteString("nothing known yet: ask again\n")
	} else {
		b.WriteString(p.Plan.String())
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// proposals is how often Propose lets the loop take in what has just changed before it says that the plan is not complete.
const proposals = 3

// Propose compares everything again. It applies nothing and does not read the host again, because events keep the drivers' caches
// current. Changes of devices and of the switch's database that were made before the call are in the plan, even if their events are
// still on their way. It may be called from any goroutine while Run runs.
func (e *Engine) Propose(ctx context.Context) (p Proposal, err error) {
	late := e.host.fence(ctx)
	for range proposals {
		behind := ""
		err = e.between(ctx, func(ctx context.Context) {
			if behind = e.behind(); behind == "" && late != nil {
				behind = late.Error()
			}
			p = e.propose(ctx, behind)
		})
		if err != nil || behind == "" {
			break
		}
	}
	return p, err
}

// behind puts into the inbox what the drivers' caches show already although no event has told it yet. It names one thing that the loop
// has still to take in; it is empty when there is none.
func (e *Engine) behind() string {
	if devices := e.host.unnoticed(); len(devices) > 0 {
		e.inbox.event("", object.Event{Devices: devices})
	}
	return e.inbox.waiting()
}

func (e *Engine) propose(ctx context.Context, behind string) Proposal {
	keys := map[object.Key]bool{}
	for _, d := range e.host.drivers {
		for _, k := range e.allKeys(ctx, d) {
			keys[k] = true
		}
	}
	waits := e.incomplete()
	if waits == "" {
		waits = behind
	}
	return Proposal{e.config.applied.Revision, e.config.held(time.Now()), waits, e.plan(ctx, keys)}
}

// incomplete says why a plan made now may lack steps; empty when it is complete.
func (e *Engine) incomplete() string {
	var why []string
	switch {
	case e.usable:
	case e.config.applied.Len() > 0:
		why = append(why, "etcd has not answered yet, and the node config on disk is not gone by before it had the time to")
	default:
		why = append(why, "no node config yet: etcd has not answered, and there is none on disk")
	}
	if _, waits := e.host.synced(); waits != "" {
		why = append(why, waits)
	}
	for _, d := range e.host.drivers {
		stale := ""
		if c, ok := d.Driver.(Currency); ok && d.synced {
			stale = c.Stale()
		}
		if stale == "" && d.synced && (d.needSync || e.inbox.resyncs(d.Name())) {
			stale = strings.TrimSuffix("the host is to be read afresh: "+d.failure, ": ")
		}
		if stale != "" {
			why = append(why, "driver "+d.Name()+": "+stale)
		}
	}
	if len(why) == 0 && !e.wasReady {
		why = append(why, "the first full sync is not done")
	}
	return strings.Join(why, "; ")
}
