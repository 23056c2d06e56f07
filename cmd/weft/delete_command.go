package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/urfave/cli/v2"

	"weft/cmd/weft/internal/manifest"
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
					d.wait = &deletionWait{st: client, follow: client.Follow, patience: c.Duration("timeout")}
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
