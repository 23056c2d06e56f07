package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/urfave/cli/v2"

	"weft/cmd/weft/view"
	"weft/etcdschema"
)

func describeCommand(s streams) *cli.Command {
	return command(cli.Command{
		Name:      "describe",
		Usage:     "show everything about an object: what was declared, allocated and programmed, and what it waits for",
		UsageText: "weft describe KIND NAME… [-p PROJECT]",
		Flags:     append(connectionFlags(), projectFlag()),
		Action: func(c *cli.Context) error {
			if c.NArg() < 2 {
				return errors.New("describe what? Give a kind and a name, e.g. `weft describe port web-1 -p alpha`")
			}
			return withClient(c, func(ctx context.Context, client *etcdschema.Client, set settings) error {
				kind, err := parseKind(c.Args().First())
				if err != nil {
					return err
				}
				sel := selection{kind: kind, names: c.Args().Tail(), project: set.Project}
				return describe(ctx, client, sel, time.Now(), s.out)
			})
		},
	})
}

// describe shows everything about the selected objects. Ages are those at the time now.
func describe(ctx context.Context, st store, sel selection, now time.Time, out io.Writer) error {
	found, missing, err := load(ctx, st, sel, asItIs)
	if err != nil {
		return err
	}
	kind := view.Of(sel.kind)
	for i, e := range found {
		if i > 0 {
			fmt.Fprintln(out)
		}
		records, claims, err := readRecords(ctx, st, kind, e)
		if err != nil {
			return err
		}
		if err := describeOne(out, kind, e, records, claims, now); err != nil {
			return err
		}
	}
	return notFound(missing)
}
