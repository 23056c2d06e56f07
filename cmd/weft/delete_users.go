package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"weft/cmd/weft/internal/terminal"
	"weft/cmd/weft/view"
	"weft/etcdschema"
	"weft/model"
)

// inUse is an error that names what uses the objects to be deleted and is not deleted with them: objects that refer to them, and those
// that have addresses of them.
func inUse(ctx context.Context, st store, ids []model.ID) error {
	goes := make(map[model.ID]bool, len(ids))
	for _, id := range ids {
		goes[id] = true
	}
	return errors.Join(referredTo(ctx, st, ids, goes), givesAddresses(ctx, st, ids, goes))
}

// referredTo is an error that names the objects which refer to those to be deleted. It lists all intent only if an object of a protected
// kind is among them.
func referredTo(ctx context.Context, st store, ids []model.ID, goes map[model.ID]bool) error {
	protected := map[model.Kind]bool{}
	for _, k := range view.Kinds() {
		protected[k.Of] = k.Protected
	}
	if !slices.ContainsFunc(ids, func(id model.ID) bool { return protected[id.Kind] }) {
		return nil
	}
	items, _, err := st.List(ctx, etcdschema.IntentPrefix())
	if err != nil {
		return err
	}
	users := make(map[model.ID][]string)
	for i, to := range usedBy(items, goes) {
		for _, id := range to {
			if protected[id.Kind] {
				user, _ := etcdschema.ParseID(items[i].Key)
				users[id] = append(users[id], user.String())
			}
		}
	}
	var errs []error
	for _, id := range ids {
		if who := users[id]; len(who) > 0 {
			errs = append(errs, fmt.Errorf("%s is used by %s: delete them first, or add --force", id, terminal.Enumerate(who)))
		}
	}
	return errors.Join(errs...)
}

// usedBy lists for each intent which of the objects it refers to. An intent of one of the objects uses nothing.
func usedBy(items []etcdschema.Item, objects map[model.ID]bool) [][]model.ID {
	uses := make([][]model.ID, len(items))
	inParts(len(items), func(i int) {
		user, ok := etcdschema.ParseID(items[i].Key)
		if !ok || objects[user] {
			return
		}
		o, err := model.DecodeIntent(user, items[i].Value)
		if err != nil {
			return // an invalid intent refers to nothing
		}
		for _, r := range o.Spec.References(user.Project) {
			if objects[r.To] {
				uses[i] = append(uses[i], r.To)
			}
		}
	})
	return uses
}
