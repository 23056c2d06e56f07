package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"golang.org/x/sync/errgroup"

	"weft/cmd/internal/service"
	"weft/etcdschema"
	"weft/reconcile/control"
)

// stalled is how long the loop may make no progress before the watchdog is no longer fed.
const stalled = 15 * time.Second

// serve runs the replica, its listeners and systemd's notifications until ctx ends.
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
	listeners, err := service.Listen(s.debug, s.metrics)
	if err != nil {
		return err
	}
	notify := service.NewNotifier(s.log)
	alive := func() bool { return time.Since(ctl.Health().Progress) <= stalled }
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return ctl.Run(ctx) })
	g.Go(func() error { return listeners.Serve(ctx, healthMux(ctl, alive), registry) })
	g.Go(func() error { return notify.Watchdog(ctx, alive) })
	g.Go(func() error { return notify.Status(ctx, func() string { return state(ctl, s.etcd.Endpoints) }) })
	g.Go(func() error {
		select {
		case <-ctl.Ready():
			notify.Ready(state(ctl, s.etcd.Endpoints))
		case <-ctx.Done():
		}
		return nil
	})
	return g.Wait()
}

// state says in one line what the replica does, or what it waits for.
func state(ctl *control.Controller, endpoints []string) string {
	h := ctl.Health()
	select {
	case <-ctl.Ready():
	default:
		return "waits for etcd at " + strings.Join(endpoints, ", ") + ": not everything is read yet"
	}
	switch {
	case h.Leader && h.Held != nil:
		return "leads, and writes nothing: " + h.Held.Reason
	case h.Leader:
		return "leads"
	}
	return "stands by: another replica leads"
}

func healthMux(ctl *control.Controller, alive func() bool) *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		if !alive() {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		// The only possible error is a client that went away.
		_ = json.NewEncoder(w).Encode(ctl.Health())
	})
	return mux
}
