package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/urfave/cli/v2"

	"weft/etcdschema"
	"weft/model"
)

func deleteCommand(s streams) *cli.Command {
	return command(cli.Command{
		Name:      "delete",
		Usage:     "delete objects",
		UsageText: "weft delete KIND NAME… [-p PROJECT]\nweft delete -f FILE|-|DIR",
		Flags: append(connectionFlags(), projectFlag(), fileFlag(),
			&cli.BoolFlag{Name: "ignore-not-found", Usage: "an object that does not exist is no error"},
			&cli.BoolFlag{Name: "force", Usage: "delete even what other objects refer to"}),
		Action: func(c *cli.Context) error {
			return withClient(c, func(ctx context.Context, client *etcdschema.Client, set settings) error {
				ids, err := named(c, s, set)
				if err != nil {
					return err
				}
				d := deletion{st: client, ids: ids, force: c.Bool("force"), ignoreMissing: c.Bool("ignore-not-found")}
				return d.run(ctx, s.out)
			})
		},
	})
}

// named are the IDs that arguments or manifests name; of manifests only kind and name matter here.
func named(c *cli.Context, s streams, set settings) ([]model.ID, error) {
	if files := c.StringSlice("file"); len(files) > 0 {
		objs, err := readManifests(files, s.in, set.Project)
		if err != nil {
			return nil, errors.Join(noArguments(c), err)
		}
		ids := make([]model.ID, len(objs))
		for i, l := range objs {
			ids[i] = l.Object.ID()
		}
		return ids, noArguments(c)
	}
	if c.NArg() < 2 {
		return nil, fmt.Errorf("delete what? Give a kind and names, or manifests with -f; see `%s --help`", c.Command.HelpName)
	}
	var ids []model.ID
	for _, name := range c.Args().Tail() {
		id, err := identify(c.Args().First(), name, set.Project)
		if err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, nil
}

// deletion is one call of delete.
type deletion struct {
	st                   store
	ids                  []model.ID
	force, ignoreMissing bool
}

// run deletes what refers before what is referred to. Nothing is deleted while others refer to it, unless forced: they
// would become invalid.
func (d deletion) run(ctx context.Context, out io.Writer) error {
	if !d.force {
		if err := d.inUse(ctx); err != nil {
			return err
		}
	}
	if err := d.missing(ctx); err != nil {
		return err
	}
	kinds := model.Kinds()
	slices.SortStableFunc(d.ids, func(a, b model.ID) int { return slices.Index(kinds, b.Kind) - slices.Index(kinds, a.Kind) })
	for _, id := range d.ids {
		item, ok, err := d.st.Get(ctx, etcdschema.Intent(id))
		if err != nil {
			return err
		}
		if !ok {
			continue // by the caller's leave, or somebody else was faster
		}
		t := etcdschema.NewTxn()
		t.DeleteIf(etcdschema.Intent(id), item.ModRevision)
		_, done, err := d.st.Commit(ctx, t)
		if err != nil {
			return err
		}
		if !done {
			return fmt.Errorf("%s: somebody changed it just now: look at it (weft get) and delete again", id)
		}
		fmt.Fprintf(out, "%s deleted\n", id)
	}
	return nil
}

// missing refuses the whole deletion when a name is wrong: a typing mistake is no half of a deletion.
func (d deletion) missing(ctx context.Context) error {
	if d.ignoreMissing {
		return nil
	}
	var missing []model.ID
	for _, id := range d.ids {
		_, ok, err := d.st.Get(ctx, etcdschema.Intent(id))
		if err != nil {
			return err
		}
		if !ok {
			missing = append(missing, id)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return fmt.Errorf("%w\nnothing was deleted; --ignore-not-found deletes the others", notFound(missing))
}

// maxUsers bounds how many users of an object are named.
const maxUsers = 5

// referredTo says that references keep objects of the kind from going. A floating address keeps no port: it waits for
// another.
func referredTo(k model.Kind) bool {
	return k != model.KindPort && k != model.KindRouter && k != model.KindFloatingIP
}

// inUse says who refers to the objects and is not deleted with them. Only kinds that others refer to cost a list.
func (d deletion) inUse(ctx context.Context) error {
	if !slices.ContainsFunc(d.ids, func(id model.ID) bool { return referredTo(id.Kind) }) {
		return nil
	}
	items, _, err := d.st.List(ctx, etcdschema.IntentPrefix())
	if err != nil {
		return err
	}
	users := make(map[model.ID][]string)
	for _, i := range items {
		user, ok := etcdschema.ParseID(i.Key)
		if !ok || slices.Contains(d.ids, user) {
			continue
		}
		o, err := model.DecodeIntent(user, i.Value)
		if err != nil {
			continue // what is not valid refers to nothing
		}
		for _, r := range o.Spec.References(user.Project) {
			if slices.Contains(d.ids, r.To) && referredTo(r.To.Kind) {
				users[r.To] = append(users[r.To], user.String())
			}
		}
	}
	var errs []error
	for _, id := range d.ids {
		if who := users[id]; len(who) > 0 {
			errs = append(errs, fmt.Errorf("%s is used by %s: delete them first, or add --force", id, enumerate(who)))
		}
	}
	return errors.Join(errs...)
}

func enumerate(names []string) string {
	out := ""
	for i, n := range names {
		switch {
		case i == maxUsers:
			return fmt.Sprintf("%s and %d more", out, len(names)-maxUsers)
		case i > 0:
			out += ", "
		}
		out += n
	}
	return out
}
