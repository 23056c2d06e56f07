package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"reflect"

	"github.com/urfave/cli/v2"

	"weft/cmd/weft/internal/manifest"
	"weft/cmd/weft/internal/terminal"
	"weft/etcdschema"
	"weft/model"
)

func applyCommand(s streams) *cli.Command {
	return command(cli.Command{
		Name:      "apply",
		Usage:     "create or change objects from manifests",
		UsageText: "weft apply -f FILE|-|DIR [-f …] [-p PROJECT]",
		Flags:     append(connectionFlags(), projectFlag(), fileFlag()),
		Action: func(c *cli.Context) error {
			if err := noArguments(c); err != nil {
				return err
			}
			return withClient(c, func(ctx context.Context, client *etcdschema.Client, set settings) error {
				objs, err := manifest.Read(c.StringSlice("file"), s.in, set.Project)
				return apply(ctx, client, objs, err, s.out, s.err)
			})
		},
	})
}

// change is one object to be written. It is written only if its key is still as it was read.
type change struct {
	object      model.Object
	outcome     outcome
	modRevision int64 // of the intent it replaces; 0 for none
}

// apply writes the objects and prints the outcome of each. Kinds that others refer to are written first. readErr holds the errors of
// reading the manifests. If there is any error, nothing is written, and all errors are reported at once. Progress goes to told.
func apply(ctx context.Context, st store, objs []model.Located, readErr error, out, told io.Writer) error {
	if err := checkSet(ctx, st, objs, readErr); err != nil {
		return err
	}
	changes, err := compareAll(ctx, st, inOrder(objs))
	if err != nil {
		return err
	}
	show := terminal.NewProgress(told, "applied", len(changes))
	defer show.Clear()
	return commit(ctx, st, changes, out, show)
}

// compareAll says what writing each of the objects would do.
func compareAll(ctx context.Context, st store, objs []model.Located) ([]change, error) {
	keys := make([]etcdschema.Key, len(objs))
	for i, l := range objs {
		keys[i] = etcdschema.Intent(l.Object.ID())
	}
	items, err := st.GetMany(ctx, keys)
	if err != nil {
		return nil, err
	}
	changes := make([]change, len(objs))
	for i, l := range objs {
		item, ok := items[keys[i]]
		changes[i] = compareWith(l.Object, item, ok)
	}
	return changes, nil
}

// compare says what writing the object would do.
func compare(ctx context.Context, st store, o model.Object) (change, error) {
	item, ok, err := st.Get(ctx, etcdschema.Intent(o.ID()))
	return compareWith(o, item, ok), err
}

// compareWith says what writing the object over its intent would do. An intent with the same meaning in another form is left as it is.
func compareWith(o model.Object, item etcdschema.Item, ok bool) change {
	if !ok {
		return change{o, created, 0}
	}
	if old, err := model.DecodeIntent(o.ID(), item.Value); err == nil && reflect.DeepEqual(old, o) {
		return change{o, unchanged, item.ModRevision}
	}
	return change{o, configured, item.ModRevision}
}

// commit writes the changes in as few transactions as etcd's limits allow. A change that loses a race is done by itself.
func commit(ctx context.Context, st store, changes []change, out io.Writer, show *terminal.Progress) error {
	var errs []error
	writes := make([]guarded, len(changes))
	for i, ch := range changes {
		writes[i] = guarded{ch.object.ID(), ch.modRevision, ch.txn()}
	}
	for from := 0; from < len(changes); {
		to := from + fitting(writes[from:])
		done, err := commitTogether(ctx, st, writes[from:to])
		if err != nil {
			return errors.Join(append(errs, err)...)
		}
		for i, ch := range changes[from:to] {
			if !done[i] {
				if ch, err = ch.again(ctx, st); err != nil {
					errs = append(errs, err)
					continue
				}
			}
			show.Say(out, "%s %s\n", ch.object.ID(), ch.outcome)
		}
		from = to
		show.At(from)
	}
	return errors.Join(errs...)
}

func (ch change) txn() *etcdschema.Txn {
	t := etcdschema.NewTxn()
	if ch.outcome != unchanged {
		t.PutIf(etcdschema.Intent(ch.object.ID()), ch.modRevision, ch.object)
	}
	return t
}

// again retries a change that lost a race. If the object is already as wanted, it is left alone, whoever changed it.
func (ch change) again(ctx context.Context, st store) (change, error) {
	for try := range raceTries {
		raced(ctx, try)
		now, err := compare(ctx, st, ch.object)
		if err != nil || now.outcome == unchanged {
			return now, err
		}
		_, done, err := st.Commit(ctx, now.txn())
		if err != nil {
			return now, err
		}
		if done {
			if now.modRevision != ch.modRevision {
				now.outcome = overwritten
			}
			return now, nil
		}
	}
	return ch, fmt.Errorf("%s: others keep changing it: look at it (weft get) and apply again", ch.object.ID())
}
