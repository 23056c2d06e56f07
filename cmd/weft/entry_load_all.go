package main

import (
	"context"

	"golang.org/x/sync/errgroup"

	"weft/cmd/weft/view"
	"weft/etcdschema"
	"weft/model"
)

// loadsAtOnce bounds the projects that are read at the same time.
const loadsAtOnce = 4

// loadAll reads the kind's objects in each selected project, and no other kind. It keeps only what of returns for each, so that not all
// objects are in memory at the same time.
func loadAll[T any](ctx context.Context, st store, sel selection, of func(view.Entry) T) ([]T, error) {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(loadsAtOnce)
	var found []*[]T
	for project, err := range sel.projects(ctx, st) {
		part := new([]T)
		found = append(found, part)
		g.Go(func() error {
			if err != nil {
				return err
			}
			items, states, err := readProject(ctx, st, sel.kind, project)
			if err == nil {
				*part = joined(sel.kind, items, states, of)
			}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	var all []T
	for _, part := range found {
		all = append(all, *part...)
	}
	return all, nil
}

// readProject reads the objects of a kind in one project, in the order of their names, and their statuses.
func readProject(ctx context.Context, st store, kind model.Kind, project string) (items, states []etcdschema.Item, err error) {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() (err error) {
		items, _, err = st.List(ctx, etcdschema.IntentPrefix().OfKind(project, kind))
		return err
	})
	g.Go(func() (err error) {
		states, _, err = st.List(ctx, etcdschema.StatusPrefix().OfKind(project, kind))
		return err
	})
	err = g.Wait()
	return items, states, err
}

// joined decodes each object with its status.
func joined[T any](kind model.Kind, items, states []etcdschema.Item, of func(view.Entry) T) []T {
	byID := make(map[model.ID]int, len(states))
	for i, state := range states {
		if id, ok := etcdschema.ParseID(state.Key); ok {
			byID[id] = i
		}
	}
	ids := make([]model.ID, 0, len(items))
	there := items[:0]
	for _, i := range items {
		if id, ok := etcdschema.ParseID(i.Key); ok && id.Kind == kind {
			ids, there = append(ids, id), append(there, i)
		}
	}
	all := make([]T, len(ids))
	inParts(len(ids), func(i int) {
		e := view.Entry{ID: ids[i]}
		e.SetIntent(there[i])
		if state, ok := byID[ids[i]]; ok {
			e.SetStatus(states[state])
		}
		all[i] = of(e)
	})
	return all
}
