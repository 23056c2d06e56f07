package main

import (
	"context"
	"time"

	"github.com/urfave/cli/v2"

	"weft/cmd/weft/internal/overview"
	"weft/cmd/weft/internal/terminal"
	"weft/etcdschema"
)

func statusCommand(s streams) *cli.Command {
	return command(cli.Command{
		Name:      "status",
		Usage:     "show how far every host is, and what is pending and why",
		UsageText: "weft status [--all] [-o table|json]",
		Flags: append(connectionFlags(), outputFlag(),
			&cli.BoolFlag{Name: "all", Usage: "list every object that is pending, however many they are"}),
		Action: func(c *cli.Context) error {
			if err := noArguments(c); err != nil {
				return err
			}
			return withClient(c, func(ctx context.Context, client *etcdschema.Client, _ settings) error {
				health := etcdschema.Examine(ctx, client)
				o, err := overview.Read(ctx, client)
				if err != nil {
					overview.PrintEtcd(s.err, health)
					return err
				}
				o.Etcd = &health
				if c.String("output") == "json" {
					return terminal.WriteJSON(s.out, o)
				}
				return o.Print(s.out, c.Bool("all"), time.Now())
			})
		},
	})
}
