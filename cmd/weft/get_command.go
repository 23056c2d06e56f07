package main

import (
	"bufio"
	"context"
	"fmt"

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
	f, ok := formats(sel)[format]
	if !ok {
		return fmt.Errorf("%q is no output format: use table, wide, yaml, json or name", format)
	}
	found, missing, err := load(ctx, st, sel, f.of)
	if err != nil {
		return err
	}
	if len(found) == 0 && len(missing) == 0 && (format == "table" || format == "wide") {
		fmt.Fprintf(s.err, "no %s %s\n", sel.kind.Segment(), sel.where())
		return nil
	}
	if err := f.print(s, found); err != nil {
		return err
	}
	return notFound(missing)
}

// format is one format of the output.
type format struct {
	// of is what is printed of one object. It is called by several goroutines.
	of    func(view.Entry) shown
	print func(streams, []shown) error
}

// shown is what is printed of one object, in a form that its format knows.
type shown struct {
	cells   []string
	text    []byte
	leftOut error // why nothing can be printed of the object
	failed  error
}

func formats(sel selection) map[string]format {
	return map[string]format{
		"table": tableFormat(sel, false),
		"wide":  tableFormat(sel, true),
		"yaml":  {of: inYAML, print: printYAML},
		"json":  {of: inJSON, print: func(s streams, all []shown) error { return printJSON(s, sel, all) }},
		"name":  {of: nameOf, print: printNames},
	}
}

func nameOf(e view.Entry) shown {
	name := e.ID.Kind.Segment() + "/" + e.ID.Name
	if !e.ID.Kind.ClusterScoped() {
		name = e.ID.Kind.Segment() + "/" + e.ID.Project + "/" + e.ID.Name
	}
	return shown{text: []byte(name + "\n")}
}

func printNames(s streams, all []shown) error {
	out := bufio.NewWriter(s.out)
	for _, name := range all {
		out.Write(name.text)
	}
	return out.Flush()
}
