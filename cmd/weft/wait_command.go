package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"weft/cmd/weft/internal/terminal"
	"weft/cmd/weft/view"
	"weft/etcdschema"
	"weft/model"
)

func waitCommand(s streams) *cli.Command {
	return command(cli.Command{
		Name:      "wait",
		Usage:     "wait until objects are accepted, programmed on their hosts, or deleted",
		UsageText: "weft wait KIND NAME… [-p PROJECT] [--for programmed|accepted|deleted] [--timeout 60s]\nweft wait KIND --all [-p PROJECT|-A]",
		Flags: append(connectionFlags(), projectFlag(),
			&cli.StringFlag{Name: "for", Value: "programmed", Usage: "the `STATE` to wait for"},
			&cli.DurationFlag{Name: "timeout", Value: time.Minute, Usage: "give up after this `TIME`"},
			&cli.BoolFlag{Name: "all", Usage: "every object of the kind in the project"},
			&cli.BoolFlag{Name: "all-projects", Aliases: []string{"A"}, Usage: "with --all: of all projects"}),
		Action: func(c *cli.Context) error {
			return withClient(c, func(ctx context.Context, client *etcdschema.Client, set settings) error {
				w, err := newWaiting(ctx, client, c, set)
				if err != nil {
					return err
				}
				ctx, cancel := context.WithTimeout(ctx, c.Duration("timeout"))
				defer cancel()
				f := client.NewFollower(etcdschema.FollowerConfig{Prefixes: w.prefixes()})
				return w.run(ctx, f.Run, s.out)
			})
		},
	})
}

// waiting is one call of wait: what is known of the objects, and the state to wait for.
type waiting struct {
	until   goal
	ids     []model.ID
	entries map[model.ID]*view.Entry
}

func newWaiting(ctx context.Context, st store, c *cli.Context, set settings) (*waiting, error) {
	kind, err := parseKind(c.Args().First())
	until, ok := goals(view.Of(kind))[c.String("for")]
	switch {
	case !ok:
		return nil, fmt.Errorf("--for %q: use programmed, accepted or deleted", c.String("for"))
	case err != nil:
		return nil, err
	}
	if (c.NArg() > 1) == c.Bool("all") {
		return nil, errors.New("wait for what? Name objects, or give --all")
	}
	ids, err := waitedFor(ctx, st, selection{kind, c.Args().Tail(), set.Project, c.Bool("all-projects")}, c.String("for") == "deleted")
	if err != nil {
		return nil, err
	}
	w := &waiting{until: until, ids: ids, entries: make(map[model.ID]*view.Entry)}
	for _, id := range ids {
		w.entries[id] = &view.Entry{ID: id}
	}
	return w, nil
}

// waitedFor resolves the selection. A named object may be missing only if deletion is waited for.
func waitedFor(ctx context.Context, st store, sel selection, goneIsFine bool) ([]model.ID, error) {
	found, missing, err := load(ctx, st, sel, func(e view.Entry) model.ID { return e.ID })
	if err != nil {
		return nil, err
	}
	if !goneIsFine && len(missing) > 0 {
		return nil, notFound(missing)
	}
	if len(sel.names) == 0 && len(found) == 0 {
		return nil, fmt.Errorf("no %s %s to wait for", sel.kind.Segment(), sel.where())
	}
	return append(missing, found...), nil
}

// prefixes are those of intent and status of the objects' kind, project by project.
func (w *waiting) prefixes() []etcdschema.Prefix {
	var out []etcdschema.Prefix
	for _, id := range w.ids {
		for _, p := range []etcdschema.Prefix{etcdschema.IntentPrefix(), etcdschema.StatusPrefix()} {
			if q := p.OfKind(id.Project, id.Kind); !slices.Contains(out, q) {
				out = append(out, q)
			}
		}
	}
	return out
}

// run follows the objects until all have reached the goal. follow is a Follower's Run.
func (w *waiting) run(ctx context.Context, follow func(context.Context, func(etcdschema.Batch) error) error, out io.Writer) error {
	err := follow(ctx, func(b etcdschema.Batch) error {
		for _, e := range b.Events {
			w.take(e)
		}
		return w.check(out)
	})
	switch {
	case errors.Is(err, errReached):
		return nil
	case err != nil:
		return err
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return w.timedOut()
	}
	return ctx.Err()
}

func (w *waiting) take(ev etcdschema.Event) {
	id, ok := etcdschema.ParseID(ev.Key)
	e := w.entries[id]
	if !ok || e == nil {
		return
	}
	switch intent := ev.Key == etcdschema.Intent(id); {
	case intent && ev.Deleted:
		e.Raw = nil
	case intent:
		e.SetIntent(ev.Item)
	case ev.Deleted:
		e.Status = etcdschema.Status{}
	default:
		e.SetStatus(ev.Item)
	}
}

// check prints what has newly reached the goal; errReached when nothing is left.
func (w *waiting) check(out io.Writer) error {
	left := w.ids[:0]
	for _, id := range w.ids {
		e := w.entries[id]
		reached, err := w.until(*e)
		if err != nil {
			return err
		}
		if !reached {
			left = append(left, id)
			continue
		}
		fmt.Fprintf(out, "%s %s\n", e.ID, strings.ToLower(reachedWord(*e)))
	}
	if w.ids = left; len(left) == 0 {
		return errReached
	}
	return nil
}

func (w *waiting) timedOut() error {
	var lines []string
	for i, id := range w.ids {
		if i == terminal.MaxNamed {
			lines = append(lines, fmt.Sprintf("and %d more", len(w.ids)-i))
			break
		}
		lines = append(lines, why(*w.entries[id]))
	}
	return fmt.Errorf("timed out; `weft describe` and `weft status` tell more:\n%s", strings.Join(lines, "\n"))
}
