package main

import (
	"context"
	"fmt"
	"io"

	"github.com/urfave/cli/v2"

	"weft/cmd/weft/view"
	"weft/etcdschema"
)

func getCommand(s streams) *cli.Command {
	return command(cli.Command{
		Name:      "get",
		Usage:     "list objects, or show some of one kind",
		UsageText: "weft get KIND [NAME…] [-p PROJECT|-A] [-o table|wide|yaml|json|name]",
		Flags: append(connectionFlags(), projectFlag(), outputFlag(),
			&cli.BoolFlag{Name: "all-projects", Aliases: []string{"A"}, Usage: "list the objects of all projects"}),
		Action: func(c *cli.Context) error {
			if c.NArg() == 0 {
				return fmt.Errorf("get what? Name a kind: one of %v", kindNames())
			}
			return withClient(c, func(ctx context.Context, client *etcdschema.Client, set settings) error {
				sel := selection{project: set.Project, all: c.Bool("all-projects"), names: c.Args().Tail()}
				var err error
				if sel.kind, err = parseKind(c.Args().First()); err != nil {
					return err
				}
				return get(ctx, client, sel, c.String("output"), s)
			})
		},
	})
}

func get(ctx context.Context, st store, sel selection, format string, s streams) error {
	print, ok := printers()[format]
	if !ok {
		return fmt.Errorf("%q is no output format: use table, wide, yaml, json or name", format)
	}
	entries, missing, err := load(ctx, st, sel)
	if err != nil {
		return err
	}
	if len(entries) == 0 && len(missing) == 0 && (format == "table" || format == "wide") {
		fmt.Fprintf(s.err, "no %s %s\n", sel.kind.Segment(), sel.where())
		return nil
	}
	if err := print(s, sel, entries); err != nil {
		return err
	}
	return notFound(missing)
}

// printer writes entries in one format.
type printer func(s streams, sel selection, entries []view.Entry) error

func printers() map[string]printer {
	return map[string]printer{
		"table": func(s streams, sel selection, e []view.Entry) error { return printTable(s.out, sel, e, false) },
		"wide":  func(s streams, sel selection, e []view.Entry) error { return printTable(s.out, sel, e, true) },
		"yaml":  printYAML,
		"json":  printJSON,
		"name":  func(s streams, _ selection, e []view.Entry) error { return printNames(s.out, e) },
	}
}

func printNames(out io.Writer, entries []view.Entry) error {
	for _, e := range entries {
		name := e.ID.Kind.Segment() + "/" + e.ID.Name
		if !e.ID.Kind.ClusterScoped() {
			name = e.ID.Kind.Segment() + "/" + e.ID.Project + "/" + e.ID.Name
		}
		if _, err := fmt.Fprintln(out, name); err != nil {
			return err
		}
	}
	return nil
}
