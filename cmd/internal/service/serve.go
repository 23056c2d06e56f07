package service

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/pprof"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/sync/errgroup"
)

const (
	readTimeout = 10 * time.Second
	// debugWriteTimeout allows for a profile, which takes 30 s and more.
	debugWriteTimeout   = 2 * time.Minute
	metricsWriteTimeout = 30 * time.Second
)

// Listeners are a daemon's debug listener and metrics listener. Either may be missing.
type Listeners struct{ debug, metrics net.Listener }

// Listen opens the listeners. The debug listener is at "unix:PATH" or at a loopback address with port, and there is none if the address
// is empty. The metrics listener is as m says. After an error neither is open.
func Listen(debug string, m Metrics) (l Listeners, err error) {
	if l.debug, err = listenDebug(debug); err != nil {
		return Listeners{}, err
	}
	if l.metrics, err = listenMetrics(m); err != nil {
		if l.debug != nil {
			err = errors.Join(err, l.debug.Close())
		}
		return Listeners{}, err
	}
	return l, nil
}

// Serve serves until ctx ends, and then returns nil. The debug listener serves the daemon's own pages (own), its metrics and its
// profiles. The metrics listener serves only its metrics.
func (l Listeners) Serve(ctx context.Context, own http.Handler, registry *prometheus.Registry) error {
	g, ctx := errgroup.WithContext(ctx)
	if l.debug != nil {
		g.Go(func() error { return serveDebug(ctx, l.debug, own, registry) })
	}
	if l.metrics != nil {
		g.Go(func() error { return serveMetrics(ctx, l.metrics, registry) })
	}
	return g.Wait()
}

func serveDebug(ctx context.Context, l net.Listener, own http.Handler, registry *prometheus.Registry) error {
	mux := http.NewServeMux()
	mux.Handle("/", own)
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	return serve(ctx, "debug listener", l, &http.Server{Handler: mux, ReadTimeout: readTimeout, WriteTimeout: debugWriteTimeout})
}

func serveMetrics(ctx context.Context, l net.Listener, registry *prometheus.Registry) error {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4}))
	return serve(ctx, "metrics listener", l, &http.Server{Handler: mux, ReadTimeout: readTimeout, WriteTimeout: metricsWriteTimeout,
		MaxHeaderBytes: 16 << 10})
}

func serve(ctx context.Context, what string, l net.Listener, s *http.Server) error {
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		<-ctx.Done()
		_ = s.Close() // requests that come now get no answer
	}()
	err := s.Serve(l)
	if errors.Is(err, http.ErrServerClosed) {
		<-stopped
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}
