package main

import (
	"context"
	"time"

	"github.com/urfave/cli/v2"

	"weft/etcdschema"
)

func acceptCommand(s streams) *cli.Command {
	return command(cli.Command{
		Name:  "accept",
		Usage: "tell the controllers that a mass deletion or an etcd restore was meant",
		Description: "Controllers stop writing when much of the intent disappears at once or etcd goes back in time.\n" +
			"Look at `weft status` and `weft get` first: accepting carries the deletion out on every host.",
		UsageText: "weft accept",
		Flags:     connectionFlags(),
		Action: func(c *cli.Context) error {
			if err := noArguments(c); err != nil {
				return err
			}
			return withClient(c, func(ctx context.Context, client *etcdschema.Client, _ settings) error {
				return order(ctx, client, etcdschema.ControlNode, "accept", time.Now(), s.out)
			})
		},
	})
}
