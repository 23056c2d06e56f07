package main

import (
	"context"
	"fmt"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"golang.org/x/sync/errgroup"

	"weft/etcdschema"
	"weft/reconcile/control"
)

// stalled is how long the loop may stand still before the watchdog is no longer fed.
const stalled = 15 * time.Second

// serve runs the replica, its debug listener and systemd's notifications until ctx ends.
func serve(ctx context.Context, s settings) error {
	client, err := etcdschema.Open(ctx, s.etcd)
	if err != nil {
		return fmt.Errorf("etcd: %w", err)
	}
	defer client.Close()
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	s.control.Client, s.control.Registry = client, registry
	ctl, err := control.New(s.control)
	if err != nil {
		return err
	}
	listener, err := listenDebug(s.debug)
	if err != nil {
		return fmt.Errorf("--debug-listen: %w", err)
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return ctl.Run(ctx) })
	g.Go(func() error { return notify(ctx, ctl) })
	if listener != nil {
		g.Go(func() error { return serveDebug(ctx, listener, debugMux(ctl, registry)) })
	}
	return g.Wait()
}

// notify tells systemd when the replica is in sync, feeds the watchdog while its loop turns, and says when it stops.
func notify(ctx context.Context, ctl *control.Controller) error {
	select {
	case <-ctl.Ready():
	case <-ctx.Done():
		return nil
	}
	if _, err := daemon.SdNotify(false, daemon.SdNotifyReady); err != nil {
		return fmt.Errorf("telling systemd READY: %w", err)
	}
	interval, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		return fmt.Errorf("systemd's watchdog interval: %w", err)
	}
	if interval > 0 {
		feed(ctx, ctl, interval/2)
	}
	<-ctx.Done()
	if _, err := daemon.SdNotify(false, daemon.SdNotifyStopping); err != nil {
		return fmt.Errorf("telling systemd STOPPING: %w", err)
	}
	return nil
}

func feed(ctx context.Context, ctl *control.Controller, every time.Duration) {
	t := time.NewTicker(every)
	defer t.Stop()
	for {
		select {
		case <-t.C:
			if time.Since(ctl.Health().Progress) > stalled {
				continue
			}
			// A lost datagram is made up for by the next one.
			_, _ = daemon.SdNotify(false, daemon.SdNotifyWatchdog)
		case <-ctx.Done():
			return
		}
	}
}
