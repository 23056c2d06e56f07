package main

import (
	"context"

	"weft/cmd/weft/view"
	"weft/etcdschema"
	"weft/model"
)

// load reads the selected objects with their status, and lists the named ones that do not exist.
func load(ctx context.Context, st store, sel selection) (found []view.Entry, missing []model.ID, err error) {
	if len(sel.names) == 0 {
		found, err = loadAll(ctx, st, sel)
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
		found = append(found, e)
	}
	return found, missing, nil
}

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
