package main

import (
	"context"
	"errors"
	"slices"

	"weft/model"
)

// checkSet adds conflicts between the objects, and between them and what etcd holds, to the errors of reading.
func checkSet(ctx context.Context, st store, objs []model.Located, readErr error) error {
	var errs model.Errors
	if readErr != nil && !errors.As(readErr, &errs) {
		return readErr
	}
	look := &lookup{ctx: ctx, st: st, known: make(map[model.ID]model.Object)}
	look.prepare(objs)
	errs = append(errs, model.ValidateSet(objs, look.find)...)
	return errors.Join(errs.Err(), look.err)
}

// inOrder sorts so that what is referred to comes first; manifests of one kind keep their order.
func inOrder(objs []model.Located) []model.Located {
	kinds := model.AllKinds().Names()
	sorted := slices.Clone(objs)
	slices.SortStableFunc(sorted, func(a, b model.Located) int {
		return slices.Index(kinds, a.Object.Kind) - slices.Index(kinds, b.Object.Kind)
	})
	return sorted
}
