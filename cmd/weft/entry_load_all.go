package main

import (
	"context"
	"slices"

	"golang.org/x/sync/errgroup"

	"weft/cmd/weft/view"
	"weft/etcdschema"
	"weft/model"
)

const (
	// loadsAtOnce bounds the projects that are read at the same time.
	loadsAtOnce = 4
	// decodesTogether is how many objects are decoded by one goroutine.
	decodesTogether = 1000
)

// loadAll reads the kind's objects in each selected project, and no other kind.
func loadAll(ctx context.Context, st store, sel selection) ([]view.Entry, error) {
	projects, err := sel.projects(ctx, st)
	if err != nil {
		return nil, err
	}
	found := make([][]view.Entry, len(projects))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(loadsAtOnce)
	for i, project := range projects {
		g.Go(func() (err error) {
			found[i], err = loadProject(ctx, st, sel.kind, project)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	return slices.Concat(found...), nil
}

// loadProject reads the objects of a kind in one project, in the order of their names, with their status.
func loadProject(ctx context.Context, st store, kind model.Kind, project string) ([]view.Entry, error) {
	var items, states []etcdschema.Item
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() (err error) {
		items, _, err = st.List(ctx, etcdschema.IntentPrefix().OfKind(project, kind))
		return err
	})
	g.Go(func() (err error) {
		states, _, err = st.List(ctx, etcdschema.StatusPrefix().OfKind(project, kind))
		return err
	})
	if err := g.Wait(); err != nil {
		return nil, err
	}
	byID := make(map[model.ID]etcdschema.Item, len(states))
	for _, i := range states {
		if id, ok := etcdschema.ParseID(i.Key); ok {
			byID[id] = i
		}
	}
	entries := make([]view.Entry, 0, len(items))
	read := items[:0]
	for _, i := range items {
		if id, ok := etcdschema.ParseID(i.Key); ok && id.Kind == kind {
			entries, read = append(entries, view.Entry{ID: id}), append(read, i)
		}
	}
	decodeEntries(entries, read, byID)
	return entries, nil
}

// decodeEntries decodes the items and their statuses, on all processors if there are many.
func decodeEntries(entries []view.Entry, items []etcdschema.Item, states map[model.ID]etcdschema.Item) {
	var g errgroup.Group
	for from := 0; from < len(entries); from += decodesTogether {
		g.Go(func() error {
			for i := from; i < min(from+decodesTogether, len(entries)); i++ {
				e := &entries[i]
				e.SetIntent(items[i])
				if state, ok := states[e.ID]; ok {
					e.SetStatus(state)
				}
			}
			return nil
		})
	}
	_ = g.Wait() // an error of decoding is kept in the entry
}
