package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"reflect"
	"slices"
	"time"

	"github.com/urfave/cli/v2"

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
				objs, err := readManifests(c.StringSlice("file"), s.in, set.Project)
				return apply(ctx, client, objs, err, s.out)
			})
		},
	})
}

func noArguments(c *cli.Context) error {
	if a := c.Args().First(); a != "" {
		return fmt.Errorf("%q is one argument too many: files are named with -f; see `%s --help`", a, c.Command.HelpName)
	}
	return nil
}

// outcome is what apply did to an object.
type outcome string

const (
	created    outcome = "created"
	configured outcome = "configured"
	unchanged  outcome = "unchanged"
	// overwritten: somebody has changed it after it was read, and it is now as this apply wants it.
	overwritten outcome = "configured, over what somebody else made of it meanwhile"
)

// change is one object to be written, if its key is still as it was read.
type change struct {
	object      model.Object
	outcome     outcome
	modRevision int64 // of the intent it replaces; 0 for none
}

// apply writes the objects, referred-to kinds first, and says what became of each. readErr is what reading them
// brought up: nothing is written if there is any error, and all of them are reported at once.
func apply(ctx context.Context, st store, objs []model.Located, readErr error, out io.Writer) error {
	if err := checkSet(ctx, st, objs, readErr); err != nil {
		return err
	}
	var changes []change
	for _, l := range inOrder(objs) {
		ch, err := compare(ctx, st, l.Object)
		if err != nil {
			return err
		}
		changes = append(changes, ch)
	}
	return commit(ctx, st, changes, out)
}

// checkSet adds to the errors of reading those between the objects, and between them and what etcd holds.
func checkSet(ctx context.Context, st store, objs []model.Located, readErr error) error {
	var errs model.Errors
	if readErr != nil && !errors.As(readErr, &errs) {
		return readErr
	}
	look := &lookup{ctx: ctx, st: st, known: make(map[model.ID]model.Object)}
	errs = append(errs, model.ValidateSet(objs, look.find)...)
	return errors.Join(errs.Err(), look.err)
}

// inOrder sorts so that what is referred to comes first; manifests of one kind keep their order.
func inOrder(objs []model.Located) []model.Located {
	kinds := model.Kinds()
	sorted := slices.Clone(objs)
	slices.SortStableFunc(sorted, func(a, b model.Located) int {
		return slices.Index(kinds, a.Object.Kind) - slices.Index(kinds, b.Object.Kind)
	})
	return sorted
}

// compare says what writing the object would do. An intent that says the same in other words is left as it is.
func compare(ctx context.Context, st store, o model.Object) (change, error) {
	item, ok, err := st.Get(ctx, etcdschema.Intent(o.ID()))
	if err != nil {
		return change{}, err
	}
	if !ok {
		return change{o, created, 0}, nil
	}
	if old, err := model.DecodeIntent(o.ID(), item.Value); err == nil && reflect.DeepEqual(old, o) {
		return change{o, unchanged, item.ModRevision}, nil
	}
	return change{o, configured, item.ModRevision}, nil
}

// commit writes the changes in as few transactions as etcd's limits allow. Where somebody else was faster, the changes
// of that transaction are done one by one.
func commit(ctx context.Context, st store, changes []change, out io.Writer) error {
	var errs []error
	for len(changes) > 0 {
		t, n := etcdschema.NewTxn(), 0
		for ; n < len(changes) && (n == 0 || t.Fits(changes[n].txn())); n++ {
			t.Merge(changes[n].txn())
		}
		batch := changes[:n]
		changes = changes[n:]
		done := t.Writes() == 0
		if !done {
			var err error
			if _, done, err = st.Commit(ctx, t); err != nil {
				return errors.Join(append(errs, err)...)
			}
		}
		for _, ch := range batch {
			if !done {
				var err error
				if ch, err = ch.again(ctx, st); err != nil {
					errs = append(errs, err)
					continue
				}
			}
			fmt.Fprintf(out, "%s %s\n", ch.object.ID(), ch.outcome)
		}
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

// again brings about what a lost race has left undone. An object that is by now as it is wanted is left alone, whoever
// made it so.
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

// raceTries bounds how often a change is tried that others are faster with.
const raceTries = 20

// raced waits a little before a lost race is run again, the longer the more often it was lost, and never twice the same.
func raced(ctx context.Context, try int) {
	if try == 0 {
		return
	}
	t := time.NewTimer(time.Duration(rand.Int64N(int64(min(try, 8)) * int64(20*time.Millisecond))))
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
