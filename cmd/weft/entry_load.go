package main

import (
	"context"

	"weft/cmd/weft/view"
	"weft/etcdschema"
	"weft/model"
)

// load reads the selected objects with their status, and lists the named ones that do not exist. Of each object it keeps what the
// function of returns. Several goroutines call it.
func load[T any](ctx context.Context, st store, sel selection, of func(view.Entry) T) (found []T, missing []model.ID, err error) {
	if len(sel.names) == 0 {
		found, err = loadAll(ctx, st, sel, of)
		return found, nil, err
	}
	for _, name := range sel.names {
		id, err := identify(string(sel.kind), name, sel.project)
		if err != nil {
			return nil, nil, err
		}
		e, ok, err := loadOne(ctx, st, id)
		if err != nil {
			return nil, nil, err
		}
		if !ok {
			missing = append(missing, id)
			continue
		}
		found = append(found, of(e))
	}
	return found, missing, nil
}

// asItIs is for load, when everything of an object is needed.
func asItIs(e view.Entry) view.Entry { return e }

func loadOne(ctx context.Context, st store, id model.ID) (view.Entry, bool, error) {
	intent, ok, err := st.Get(ctx, etcdschema.Intent(id))
	if err != nil {
		return view.Entry{}, false, err
	}
	e := view.Entry{ID: id}
	if ok {
		e.SetIntent(intent)
	}
	status, has, err := st.Get(ctx, etcdschema.StatusKey(id))
	if has {
		e.SetStatus(status)
	}
	return e, ok || has, err
}
