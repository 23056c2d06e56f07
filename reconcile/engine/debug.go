package engine

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"weft/hostnet/object"
	"weft/model/desired"
	"weft/reconcile/plan"
)

// askTimeout bounds the time for which a question waits for the current round and for its answer.
const askTimeout = 30 * time.Second

// ask is a question that the loop answers between rounds.
type ask struct {
	do   func(context.Context)
	done chan struct{}
}

// between runs fn in the loop, between two rounds.
func (e *Engine) between(ctx context.Context, fn func(context.Context)) error {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	a := ask{func(context.Context) { fn(ctx) }, make(chan struct{})}
	select {
	case e.asks <- a:
	case <-ctx.Done():
		return errors.New("the reconciler is busy with a round or not running: try again")
	}
	<-a.done
	return nil
}

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

// Propose compares everything again. It applies nothing and does not read the host again, because events keep the drivers' views
// current. It may be called from any goroutine while Run runs.
func (e *Engine) Propose(ctx context.Context) (p Proposal, err error) {
	err = e.between(ctx, func(ctx context.Context) {
		keys := map[object.Key]bool{}
		for _, d := range e.host.drivers {
			for _, k := range e.allKeys(ctx, d) {
				keys[k] = true
			}
		}
		waits := e.incomplete()
		p = Proposal{e.config.applied.Revision, e.config.held(time.Now()), waits, e.plan(ctx, keys)}
	})
	return p, err
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

// Handler serves /plan (text, or JSON with ?format=json or Accept: application/json), /desired, /observed, /compiled and /healthz.
// It is for the debug listener only, because it shows everything about the node's guests.
func (e *Engine) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /plan", e.servePlan)
	mux.HandleFunc("GET /desired", e.serveDesired)
	mux.HandleFunc("GET /observed", e.serveObserved)
	mux.HandleFunc("GET /compiled", e.serveCompiled)
	mux.HandleFunc("GET /healthz", e.serveHealth)
	return mux
}

func (e *Engine) serveHealth(w http.ResponseWriter, _ *http.Request) {
	if !e.Alive() {
		http.Error(w, fmt.Sprintf("the loop has made no progress for %s", Stalled), http.StatusServiceUnavailable)
		return
	}
	fmt.Fprintln(w, "ok")
}

func (e *Engine) servePlan(w http.ResponseWriter, r *http.Request) {
	p, err := e.Propose(r.Context())
	if err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	if r.URL.Query().Get("format") == "json" || r.Header.Get("Accept") == "application/json" {
		writeJSON(w, p)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_ = p.WriteText(w) // the client went away
}

func (e *Engine) serveDesired(w http.ResponseWriter, r *http.Request) {
	e.serve(w, r, func(context.Context) any {
		out := struct {
			Revision int64          `json:"revision"`
			Items    []desired.Item `json:"items"`
		}{Revision: e.config.applied.Revision}
		for _, k := range e.config.applied.Keys() {
			out.Items = append(out.Items, e.config.applied.Item(k))
		}
		return out
	})
}

// shownObject is an object with its key, for people.
type shownObject struct {
	Key    string        `json:"key"`
	Object object.Object `json:"object"`
}

func (e *Engine) serveObserved(w http.ResponseWriter, r *http.Request) {
	e.serve(w, r, func(ctx context.Context) any {
		var keys []object.Key
		for _, d := range e.host.drivers {
			keys = append(keys, e.allKeys(ctx, d)...)
		}
		found, failed := e.host.observe(ctx, keys)
		out := struct {
			Failed  []string      `json:"failed,omitempty"`
			Objects []shownObject `json:"objects"`
			Facts   *object.Facts `json:"facts"`
		}{Facts: e.host.facts}
		for _, err := range failed {
			out.Failed = append(out.Failed, err.Error())
		}
		for k, o := range found {
			out.Objects = append(out.Objects, shownObject{k.String(), o})
		}
		slices.SortFunc(out.Objects, func(a, b shownObject) int { return cmp.Compare(a.Key, b.Key) })
		return out
	})
}

// shownItem is an item with its objects, and why it is not programmed.
type shownItem struct {
	Kind     desired.Kind  `json:"kind"`
	UID      string        `json:"uid"`
	Problem  string        `json:"problem,omitempty"`
	Objects  []shownObject `json:"objects"`
	Verified bool          `json:"verified"` // read back as desired
}

func (e *Engine) serveCompiled(w http.ResponseWriter, r *http.Request) {
	e.serve(w, r, func(context.Context) any {
		keys := map[desired.Key]bool{}
		for k := range e.items.items {
			keys[k] = true
		}
		out := []shownItem{}
		for _, k := range sortedItems(keys) {
			it := e.items.items[k]
			s := shownItem{Kind: k.Kind, UID: k.UID, Verified: it.exception == nil}
			if it.exception != nil {
				s.Problem = string(it.exception.State) + ": " + it.exception.Reason
			}
			for _, ok := range it.keys {
				s.Objects = append(s.Objects, shownObject{ok.String(), e.items.objects[ok].want})
			}
			out = append(out, s)
		}
		return out
	})
}

// serve answers with the result of fn, which runs in the loop. The result is encoded there too, because it may share the loop's
// maps.
func (e *Engine) serve(w http.ResponseWriter, r *http.Request, fn func(context.Context) any) {
	var data []byte
	var failure error
	err := e.between(r.Context(), func(ctx context.Context) {
		data, failure = json.MarshalIndent(fn(ctx), "", "  ")
	})
	if err = errors.Join(err, failure); err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(append(data, '\n')) // the client went away
}

func writeJSON(w http.ResponseWriter, v any) {
	data, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(append(data, '\n')) // the client went away
}
