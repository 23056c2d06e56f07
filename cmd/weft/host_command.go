package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/urfave/cli/v2"

	"weft/etcdschema"
)

func hostCommand(s streams) *cli.Command {
	return command(cli.Command{
		Name:   "host",
		Usage:  "look at one host's reconciler, and give it orders",
		Action: unknownCommand("weft host", cli.ShowSubcommandHelp),
		Subcommands: []*cli.Command{
			hostPlanCommand(s),
			hostOrderCommand(s, "accept", "carry out what the host holds back: most of its node config gone, or another etcd"),
			hostOrderCommand(s, "resync", "read the whole host and its node config afresh"),
		},
	})
}

func hostOrderCommand(s streams, what, usage string) *cli.Command {
	return command(cli.Command{
		Name:      what,
		Usage:     usage,
		UsageText: "weft host " + what + " NODE…",
		Flags:     connectionFlags(),
		Action: func(c *cli.Context) error {
			if c.NArg() == 0 {
				return fmt.Errorf("which host? `weft status` lists them; see `%s --help`", c.Command.HelpName)
			}
			return withClient(c, func(ctx context.Context, client *etcdschema.Client, _ settings) error {
				for _, node := range c.Args().Slice() {
					if err := hostOrder(ctx, client, node, what, time.Now(), s.out); err != nil {
						return err
					}
				}
				return nil
			})
		},
	})
}

// hostOrder gives an order to a node that has reported at least once.
func hostOrder(ctx context.Context, st store, node, what string, now time.Time, out io.Writer) error {
	_, known, err := st.Get(ctx, etcdschema.ActualNode(node))
	if err != nil {
		return err
	}
	if !known {
		return fmt.Errorf("host %s has never reported: `weft status` lists those that have", node)
	}
	return order(ctx, st, node, what, now, out)
}
