package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/urfave/cli/v2"

	"weft/cmd/weft/internal/manifest"
	"weft/cmd/weft/internal/terminal"
	"weft/cmd/weft/view"
	"weft/etcdschema"
	"weft/model"
)

func deleteCommand(s streams) *cli.Command {
	return command(cli.Command{
		Name:      "delete",
		Usage:     "delete objects",
		UsageText: "weft delete KIND NAME… [-p PROJECT] [--yes]\nweft delete -f FILE|-|DIR",
		Description: "An object is deleted when the controllers have taken back what it has claimed and where it was placed.\n" +
			"More than they would take for a mistake (20 objects and a tenth of all) is asked about first, and told to them.",
		Flags: append(connectionFlags(), projectFlag(), fileFlag(),
			&cli.BoolFlag{Name: "ignore-not-found", Usage: "an object that does not exist is no error"},
			&cli.BoolFlag{Name: "force", Usage: "delete even what other objects refer to"},
			&cli.BoolFlag{Name: "yes", Usage: "do not ask, however much goes at once"},
			&cli.BoolFlag{Name: "wait", Value: true, Usage: "wait until the controllers have carried it out"},
			&cli.DurationFlag{Name: "timeout", Value: time.Minute, Usage: "give up waiting when nothing has happened for this `TIME`"}),
		Action: func(c *cli.Context) error {
			return withClient(c, func(ctx context.Context, client *etcdschema.Client, set settings) error {
				ids, err := named(c, s, set)
				if err != nil {
					return err
				}
				d := deletion{
					st: client, ids: ids, force: c.Bool("force"), ignoreMissing: c.Bool("ignore-not-found"),
					confirm: confirmation(s.in, s.err, c.Bool("yes"), slices.Contains(c.StringSlice("file"), "-")),
				}
				if c.Bool("wait") {
					d.follow, d.patience = client.Follow, c.Duration("timeout")
				}
				return d.run(ctx, s.out, s.err)
			})
		},
	})
}

// named are the IDs that arguments or manifests name. In manifests it uses only the kind and the name.
func named(c *cli.Context, s streams, set settings) ([]model.ID, error) {
	if files := c.StringSlice("file"); len(files) > 0 {
		objs, err := manifest.Read(files, s.in, set.Project)
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
	// confirm asks whether this many of all objects are to be deleted; nil allows a deletion of any size.
	confirm func(gone, total int) error
	// follow is a client's Follow, to wait until the controllers have carried out the deletion; nil for not waiting. patience is how long
	// nothing may happen.
	follow   func(context.Context, []etcdschema.Prefix, func(etcdschema.Batch) error) error
	patience time.Duration
}

// run deletes objects that refer to others first. It deletes nothing that other objects refer to, unless forced, because they would
// become invalid. Progress goes to told.
func (d deletion) run(ctx context.Context, out, told io.Writer) error {
	d.ids = eachOnce(d.ids)
	if !d.force {
		if err := d.inUse(ctx); err != nil {
			return err
		}
	}
	if err := d.missing(ctx); err != nil {
		return err
	}
	if err := d.announce(ctx); err != nil {
		return err
	}
	kinds := model.Kinds()
	slices.SortStableFunc(d.ids, func(a, b model.ID) int { return slices.Index(kinds, b.Kind) - slices.Index(kinds, a.Kind) })
	went, err := d.dropAll(ctx, told)
	if d.follow == nil || err != nil {
		for _, id := range went {
			fmt.Fprintf(out, "%s is to be deleted\n", id)
		}
		return err
	}
	return d.await(ctx, went, out, told)
}

// eachOnce is the list without repetitions.
func eachOnce(ids []model.ID) []model.ID {
	set := make(map[model.ID]bool, len(ids))
	once := make([]model.ID, 0, len(ids))
	for _, id := range ids {
		if !set[id] {
			set[id] = true
			once = append(once, id)
		}
	}
	return once
}

// dropAll deletes the intents in as few transactions as etcd's limits allow, and lists those that were there. A deletion that loses a
// race is done by itself.
func (d deletion) dropAll(ctx context.Context, told io.Writer) (went []model.ID, err error) {
	show := terminal.NewProgress(told, "to be deleted", len(d.ids))
	defer show.Clear()
	for part := range slices.Chunk(d.ids, etcdschema.MaxTxnOps) {
		items, err := d.st.GetMany(ctx, intentKeys(part))
		if err != nil {
			return went, err
		}
		var there []guarded
		for _, id := range part {
			if item, ok := items[etcdschema.Intent(id)]; ok {
				t := etcdschema.NewTxn()
				t.DeleteIf(item.Key, item.ModRevision)
				there = append(there, guarded{id, item.ModRevision, t})
			}
		}
		done, err := commitTogether(ctx, d.st, there)
		if err != nil {
			return went, err
		}
		for i, g := range there {
			was := done[i]
			if !was {
				if was, err = d.drop(ctx, g.id); err != nil {
					return went, err
				}
			}
			if was {
				went = append(went, g.id)
			}
		}
		show.At(len(went))
	}
	return went, nil
}

func intentKeys(ids []model.ID) []etcdschema.Key {
	keys := make([]etcdschema.Key, len(ids))
	for i, id := range ids {
		keys[i] = etcdschema.Intent(id)
	}
	return keys
}

// drop deletes one intent. It returns false if the intent was not there.
func (d deletion) drop(ctx context.Context, id model.ID) (was bool, err error) {
	for try := range raceTries {
		raced(ctx, try)
		item, ok, err := d.st.Get(ctx, etcdschema.Intent(id))
		if err != nil || !ok {
			return false, err
		}
		t := etcdschema.NewTxn()
		t.DeleteIf(etcdschema.Intent(id), item.ModRevision)
		_, done, err := d.st.Commit(ctx, t)
		if err != nil || done {
			return true, err
		}
	}
	return false, fmt.Errorf("%s: others keep changing it: look at it (weft get) and delete again", id)
}

// missing refuses the whole deletion if a name does not exist, so that a typing mistake does not delete a part.
func (d deletion) missing(ctx context.Context) error {
	if d.ignoreMissing {
		return nil
	}
	items, err := d.st.GetMany(ctx, intentKeys(d.ids))
	if err != nil {
		return err
	}
	var missing []model.ID
	for _, id := range d.ids {
		if _, ok := items[etcdschema.Intent(id)]; !ok {
			missing = append(missing, id)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return fmt.Errorf("%w\nnothing was deleted; --ignore-not-found deletes the others", notFound(missing))
}

// inUse names the objects that refer to those to be deleted and are not deleted with them. It lists all intent only if an object of a
// protected kind is among them.
func (d deletion) inUse(ctx context.Context) error {
	protected := map[model.Kind]bool{}
	for _, k := range view.Kinds() {
		protected[k.Of] = k.Protected
	}
	if !slices.ContainsFunc(d.ids, func(id model.ID) bool { return protected[id.Kind] }) {
		return nil
	}
	items, _, err := d.st.List(ctx, etcdschema.IntentPrefix())
	if err != nil {
		return err
	}
	goes := make(map[model.ID]bool, len(d.ids))
	for _, id := range d.ids {
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
	for _, id := range d.ids {
		if who := users[id]; len(who) > 0 {
			errs = append(errs, fmt.Errorf("%s is used by %s: delete them first, or add --force", id, terminal.Enumerate(who)))
		}
	}
	return errors.Join(errs...)
}
