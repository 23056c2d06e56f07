// Package daemon assembles a host reconciler: the drivers of this host, the engine, the connection to etcd, the debug
// listener and systemd. weftd runs one. So does every other program that has a node in its own process.
//
// Invariants: it waits for everything that it starts. When it ends, it removes nothing from the host.
package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"weft/cmd/internal/service"
	"weft/etcdschema"
	"weft/model/desired"
	"weft/reconcile/engine"
)

// Config is the configuration of a host reconciler.
type Config struct {
	Node    string
	Version string
	Etcd    etcdschema.Config
	// OVSRundir holds db.sock and the bridges' management sockets; empty on a host without Open vSwitch.
	OVSRundir     string
	DatapathType  string // "system" or "netdev"
	NetnsDir      string // where network namespaces have their names; netns.DefaultDir when empty
	StateDir      string // nothing is kept on disk when empty
	DebugListen   string // "unix:PATH", "LOOPBACK:PORT", or nothing when empty
	Metrics       service.Metrics
	SweepInterval time.Duration
	// DisableFeatures are not advertised to the controllers.
	DisableFeatures []desired.Feature
	// Systemd sends READY, and feeds the watchdog, through the socket that systemd gave.
	Systemd bool
	// Ready is called once after the first full sync; nil is allowed.
	Ready  func()
	Logger *slog.Logger // slog.Default() when nil
}

// Run reconciles the host until ctx ends, and then returns nil.
func Run(ctx context.Context, c Config) (err error) {
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	features, err := c.features()
	if err != nil {
		return err
	}
	client, err := etcdschema.Open(ctx, c.Etcd)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, client.Close()) }()
	registry := prometheus.NewRegistry()
	drivers, closeDrivers, err := openDrivers(ctx, c, registry)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeDrivers()) }()
	var notify *service.Notifier
	if c.Systemd {
		notify = service.NewNotifier(c.Logger)
	}
	ready := make(chan struct{})
	var e *engine.Engine
	e, err = engine.New(engine.Config{
		Node: c.Node, Version: c.Version, Features: features, Drivers: drivers, Backends: backends(), Store: client, StateDir: c.StateDir,
		Follow: func(seen etcdschema.Seen) engine.Source {
			return client.NewFollower(etcdschema.FollowerConfig{
				Prefixes: []etcdschema.Prefix{etcdschema.NodeDesired(c.Node), etcdschema.NodeOrder(c.Node)}, Seen: seen})
		},
		SweepInterval: c.SweepInterval, Registry: registry, Logger: c.Logger,
		Ready: func() {
			close(ready)
			notify.Ready(e.State())
			if c.Ready != nil {
				c.Ready()
			}
		},
	})
	if err != nil {
		return err
	}
	listeners, err := service.Listen(c.DebugListen, c.Metrics)
	if err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return listeners.Serve(ctx, e.Handler(), registry) })
	g.Go(func() error { return notify.Watchdog(ctx, e.Alive) })
	g.Go(func() error { return notify.Status(ctx, e.State) })
	g.Go(func() error { return giveBack(ctx, ready, c.Logger) })
	g.Go(func() error { return e.Run(ctx) })
	return g.Wait()
}

// features are those of this version without the disabled ones.
func (c Config) features() ([]desired.Feature, error) {
	all := desired.Features()
	for _, f := range c.DisableFeatures {
		if !slices.Contains(all, f) {
			return nil, fmt.Errorf("feature %q is none of this version's %v: it cannot be disabled", f, all)
		}
	}
	return slices.DeleteFunc(all, func(f desired.Feature) bool { return slices.Contains(c.DisableFeatures, f) }), nil
}
