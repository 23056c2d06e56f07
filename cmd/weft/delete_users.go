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

// inUse is an error that names the objects which refer to those to be deleted and are not deleted with them. It lists all intent only if
// an object of a protected kind is among them.
func inUse(ctx context.Context, st store, ids []model.ID) error {
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
	goes := make(map[model.ID]bool, len(ids))
	for _, id := range ids {
		goes[id] = true
	}
	users := make(map[model.ID][]string)
	for _, i := range items {
		user, ok := etcdschema.ParseID(i.Key)
		if !ok || goes[user] {
			continue
		}
		o, err := model.DecodeIntent(user, i.Value)
		if err != nil {
			continue // an invalid intent refers to nothing
		}
		for _, r := range o.Spec.References(user.Project) {
			if goes[r.To] && protected[r.To.Kind] {
				users[r.To] = append(users[r.To], user.String())
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
