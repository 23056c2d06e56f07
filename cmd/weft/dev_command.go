package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/urfave/cli/v2"
	"golang.org/x/sync/errgroup"

	"weft/cmd/weftd/daemon"
	"weft/etcdschema"
	"weft/etcdschema/etcdserver"
	"weft/reconcile/control"
)

func devCommand(s streams) *cli.Command {
	host, _ := os.Hostname() // empty if it fails: then --node is needed
	return command(cli.Command{
		Name:  "dev",
		Usage: "run an etcd, a controller and this host's reconciler in the foreground, for trying things on one machine",
		Description: "The reconciler needs root and Open vSwitch. What it wired stays when it ends, as after any end of weftd;\n" +
			"delete the objects first to have it taken down.",
		UsageText: "weft dev [--dir DIR] [--node NODE] [--no-host]",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "dir", Usage: "keep everything in `DIR` (default: a temporary one, removed at the end)"},
			&cli.StringFlag{Name: "listen", Value: defaultEndpoint, Usage: "etcd's client `URL`; port 0 takes a free one"},
			&cli.StringFlag{Name: "node", Value: host, Usage: "this host's `NAME`, as a Host object declares it"},
			&cli.BoolFlag{Name: "no-host", Usage: "no reconciler: intent is accepted, allocated and resolved, and wired nowhere"},
			&cli.StringFlag{Name: "ovs-rundir", Value: "/var/run/openvswitch", Usage: "`DIR` with Open vSwitch's sockets"},
			&cli.StringFlag{Name: "datapath-type", Value: "system", Usage: "of the bridge: `TYPE` system (kernel) or netdev (userspace)"},
			&cli.StringFlag{Name: "log-level", Value: "warn", Usage: "`LEVEL`: debug, info, warn or error"},
		},
		Action: func(c *cli.Context) error {
			if err := noArguments(c); err != nil {
				return err
			}
			var level slog.Level
			if err := level.UnmarshalText([]byte(c.String("log-level"))); err != nil {
				return fmt.Errorf("--log-level %q: use debug, info, warn or error", c.String("log-level"))
			}
			return dev(c.Context, devConfig{
				dir: c.String("dir"), listen: c.String("listen"), node: c.String("node"), host: !c.Bool("no-host"),
				ovsRundir: c.String("ovs-rundir"), datapath: c.String("datapath-type"),
				log: slog.New(slog.NewTextHandler(s.err, &slog.HandlerOptions{Level: level})), out: s.out,
			})
		},
	})
}

// devConfig is one call of dev.
type devConfig struct {
	dir, listen, node, ovsRundir, datapath string
	host                                   bool
	log                                    *slog.Logger
	out                                    io.Writer
}

// dev runs everything until ctx ends. It stops etcd last.
func dev(ctx context.Context, d devConfig) (err error) {
	if d.dir == "" {
		if d.dir, err = os.MkdirTemp("", "weft-dev-"); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(d.dir)) }()
	}
	server, err := etcdserver.Start(ctx, etcdserver.Config{Dir: filepath.Join(d.dir, "etcd"), ClientURL: d.listen})
	if err != nil {
		return fmt.Errorf("%w: --listen chooses another address", err)
	}
	defer server.Close()
	etcd := etcdschema.Config{Endpoints: server.Endpoints(), Logger: d.log}
	g, ctx := errgroup.WithContext(ctx)
	ready := make(chan string, 2) // who is ready
	g.Go(func() error { return d.controller(ctx, etcd, ready) })
	parts := 1
	if d.host {
		parts++
		g.Go(func() error { return d.reconciler(ctx, etcd, ready) })
	}
	g.Go(func() error { return d.tell(ctx, server.Endpoints()[0], parts, ready) })
	return g.Wait()
}

func (d devConfig) controller(ctx context.Context, etcd etcdschema.Config, ready chan<- string) (err error) {
	client, err := etcdschema.Open(ctx, etcd)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, client.Close()) }()
	c, err := control.New(control.Config{Client: client, Name: "dev", StateDir: filepath.Join(d.dir, "controller"), Version: "dev", Logger: d.log})
	if err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return c.Run(ctx) })
	g.Go(func() error {
		select {
		case <-c.Ready():
			ready <- "controller"
		case <-ctx.Done():
		}
		return nil
	})
	return g.Wait()
}

func (d devConfig) reconciler(ctx context.Context, etcd etcdschema.Config, ready chan<- string) error {
	err := daemon.Run(ctx, daemon.Config{
		Node: d.node, Version: "dev", Etcd: etcd, OVSRundir: d.ovsRundir, DatapathType: d.datapath,
		StateDir: filepath.Join(d.dir, "weftd"), DebugListen: "unix:" + d.socket(), Logger: d.log,
		Ready: func() { ready <- "host " + d.node },
	})
	if err != nil {
		return fmt.Errorf("host %s: %w: it needs root and a running Open vSwitch; --no-host does without", d.node, err)
	}
	return nil
}

func (d devConfig) socket() string { return filepath.Join(d.dir, "weftd.sock") }

// tell says what to do next, once all parts are ready.
func (d devConfig) tell(ctx context.Context, endpoint string, parts int, ready <-chan string) error {
	for range parts {
		select {
		case who := <-ready:
			fmt.Fprintf(d.out, "%s is ready\n", who)
		case <-ctx.Done():
			return nil
		}
	}
	fmt.Fprintf(d.out, "\nin another terminal:\n  export WEFT_ENDPOINTS=%s\n  weft apply -f FILE   # a Host named %s for this machine\n  weft status\n",
		endpoint, d.node)
	if d.host {
		fmt.Fprintf(d.out, "  weft host plan --debug unix:%s\n", d.socket())
	}
	fmt.Fprintln(d.out, "Ctrl-C ends it.")
	return nil
}
