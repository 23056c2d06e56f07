package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/urfave/cli/v2"

	"weft/cmd/weft/internal/difference"
	"weft/cmd/weft/internal/manifest"
	"weft/cmd/weft/internal/terminal"
	"weft/etcdschema"
	"weft/model"
	"weft/reconcile/control/kind"
	"weft/reconcile/control/planner"
)

// The exit statuses of diff; scripts branch on them.
const (
	exitDiffers = 1
	exitFailure = 2
)

func diffCommand(s streams) *cli.Command {
	return command(cli.Command{
		Name:  "diff",
		Usage: "show what applying manifests would change, down to claims and hosts, without changing it",
		Description: "The controllers' own allocation is run dry on what etcd holds now. Values that it chooses (addresses, MACs)\n" +
			"may come out differently when it is done. Exit status: 0 nothing would change, 1 something would, 2 an error.",
		UsageText: "weft diff -f FILE|-|DIR [-f …] [-p PROJECT] [--delete] [-o table|json]",
		Flags: append(connectionFlags(), projectFlag(), fileFlag(), outputFlag(),
			&cli.BoolFlag{Name: "delete", Usage: "show what deleting the objects would change"}),
		Action: func(c *cli.Context) error {
			err := noArguments(c)
			if err == nil {
				err = withClient(c, func(ctx context.Context, client *etcdschema.Client, set settings) error {
					objs, readErr := manifest.Read(c.StringSlice("file"), s.in, set.Project)
					p, err := preview(ctx, client, objs, readErr, c.Bool("delete"))
					if err != nil {
						return err
					}
					declared := make(map[model.ID]model.Object, len(objs))
					for _, l := range objs {
						declared[l.Object.ID()] = l.Object
					}
					return showPreview(p, difference.Of(p, declared), c.String("output"), s)
				})
			}
			var exit *exitError
			if err == nil || errors.As(err, &exit) {
				return err
			}
			return &exitError{exitFailure, err}
		},
	})
}

// preview checks the objects as apply does, and runs the controllers' allocation on a copy of etcd.
func preview(ctx context.Context, client *etcdschema.Client, objs []model.Located, readErr error, gone bool) (planner.Preview, error) {
	if gone && readErr != nil {
		return planner.Preview{}, readErr
	}
	if !gone {
		if err := checkSet(ctx, client, objs, readErr); err != nil {
			return planner.Preview{}, err
		}
	}
	var declare []model.Object
	var remove []model.ID
	for _, l := range inOrder(objs) {
		if gone {
			remove = append(remove, l.Object.ID())
			continue
		}
		declare = append(declare, l.Object)
	}
	return planner.PreviewOf(ctx, client, kind.AllKinds(), [3]byte{}, declare, remove)
}

// showPreview prints the preview. Its error holds the exit status, and may have no text.
func showPreview(p planner.Preview, d difference.Difference, format string, s streams) error {
	switch format {
	case "json":
		if err := terminal.WriteJSON(s.out, d); err != nil {
			return err
		}
	case "table", "wide":
		d.Print(s.out)
	default:
		return fmt.Errorf("%q is no output format of diff: use table or json", format)
	}
	if n := d.Invalid(); n > 0 {
		return &exitError{exitFailure, fmt.Errorf("%s would not be accepted: see the reasons above", terminal.Counted(n, "object"))}
	}
	if p.Changes() {
		return &exitError{code: exitDiffers}
	}
	return nil
}
