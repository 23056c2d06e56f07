package engine

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"weft/hostnet/object"
	"weft/model/desired"
)

// askTimeout bounds the time for which a question waits for the current reconcile pass and for its answer.
const askTimeout = 30 * time.Second

// ask is a question that the loop answers between reconcile passes.
type ask struct {
	do   func(context.Context)
	done chan struct{}
}

// between runs fn in the loop, between two passes.
func (e *Engine) between(ctx context.Context, fn func(context.Context)) error {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	a := ask{func(context.Context) { fn(ctx) }, make(chan struct{})}
	select {
	case e.asks <- a:
	case <-ctx.Done():
		return errors.New("weftd is busy with a reconcile pass, or its engine is not running: try again")
	}
	<-a.done
	return nil
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
			Revision int64 `json:"revision"`
			Items    []any `json:"items"`
		}{Revision: e.config.applied.Revision}
		for _, k := range e.config.applied.Keys() {
			out.Items = append(out.Items, shownDesired(e.config.applied.Item(k), desired.AllKinds().Secrets(k.Kind)))
		}
		return out
	})
}

// shownDesired is an item for people. Of secrets, which are names of JSON fields, only the size is shown.
func shownDesired(item desired.Item, secrets []string) any {
	if len(secrets) == 0 {
		return item
	}
	fields := map[string]json.RawMessage{}
	if data, err := json.Marshal(item); err != nil || json.Unmarshal(data, &fields) != nil {
		return item.Key()
	}
	for _, name := range secrets {
		if value, has := fields[name]; has {
			fields[name] = fmt.Appendf(nil, "%q", fmt.Sprintf("%d bytes (not shown)", len(value)))
		}
	}
	return fields
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
