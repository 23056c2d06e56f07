package main

import (
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/urfave/cli/v2"

	"weft/cmd/weft/internal/terminal"
	"weft/cmd/weft/view"
	"weft/etcdschema"
)

func etcdCommand(s streams) *cli.Command {
	return command(cli.Command{
		Name:        "etcd",
		Usage:       "prepare etcd for Weft",
		Action:      unknownCommand("weft etcd", cli.ShowSubcommandHelp),
		Subcommands: []*cli.Command{etcdSetupCommand(s), etcdCertificatesCommand(s)},
	})
}

func etcdSetupCommand(s streams) *cli.Command {
	return command(cli.Command{
		Name:  "setup",
		Usage: "check etcd's members, version, alarms and limits, and make its roles and users",
		Description: "A user is told by its certificate's common name. Every declared Host gets a user that sees nothing of\n" +
			"other hosts, beside those named here. What is right already is left alone: run it again for every new host.",
		UsageText: "weft etcd setup [--host NODE]… [--controller NAME]… [--person NAME]… [--gone-host NODE]… [--enable-auth] [--dry-run]",
		Flags: append(connectionFlags(),
			&cli.StringSliceFlag{Name: "host", Usage: "a `NODE` besides the declared hosts; may be repeated"},
			&cli.StringSliceFlag{Name: "controller", Value: cli.NewStringSlice("weft-controller"), Usage: "the `NAME` in the controllers' certificates; may be repeated"},
			&cli.StringSliceFlag{Name: "person", Usage: "the `NAME` in a person's certificate; may be repeated"},
			&cli.StringSliceFlag{Name: "gone-host", Usage: "a `NODE` whose user and role are removed, so that its certificate opens nothing; may be repeated"},
			&cli.BoolFlag{Name: "enable-auth", Usage: "turn authentication on in the end; you must be root yourself"},
			&cli.BoolFlag{Name: "dry-run", Usage: "only say what would be done"}),
		Action: func(c *cli.Context) error {
			if err := noArguments(c); err != nil {
				return err
			}
			return withClient(c, func(ctx context.Context, client *etcdschema.Client, _ settings) error {
				return etcdSetup(ctx, client, etcdschema.SetupOptions{
					Hosts: c.StringSlice("host"), Controllers: c.StringSlice("controller"), People: c.StringSlice("person"),
					GoneHosts: c.StringSlice("gone-host"), EnableAuth: c.Bool("enable-auth"), DryRun: c.Bool("dry-run"),
				}, s)
			})
		},
	})
}

// etcdSetup checks, adds the declared hosts to those named, and makes roles and users.
func etcdSetup(ctx context.Context, client *etcdschema.Client, o etcdschema.SetupOptions, s streams) error {
	warnings, err := etcdschema.Check(ctx, client)
	for _, w := range warnings {
		fmt.Fprintf(s.err, "warning: %s\n", terminal.Printable(w))
	}
	if err != nil {
		return err
	}
	items, _, err := client.List(ctx, view.HostIntents())
	if err != nil {
		return err
	}
	for _, i := range items {
		if id, ok := etcdschema.ParseID(i.Key); ok && !slices.Contains(o.Hosts, id.Name) && !slices.Contains(o.GoneHosts, id.Name) {
			o.Hosts = append(o.Hosts, id.Name)
		}
	}
	changes, err := etcdschema.Setup(ctx, client, o)
	printChanges(s.out, changes, o.DryRun)
	return err
}

func printChanges(out io.Writer, changes []string, dry bool) {
	prefix := ""
	if dry {
		prefix = "would "
	}
	for _, c := range changes {
		fmt.Fprintf(out, "%s%s\n", prefix, terminal.Printable(c))
	}
	if len(changes) == 0 {
		fmt.Fprintln(out, "roles and users are as they should be")
	}
}
