package daemon

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/pprof"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

const (
	debugReadTimeout  = 10 * time.Second
	debugWriteTimeout = 2 * time.Minute // a profile takes 30 s and more
)

// listenDebug opens the debug listener: "unix:PATH", with a socket that only root may use, or a loopback address with
// port. Anything else is refused, for it tells everything about the guests. Empty opens none.
func listenDebug(address string) (net.Listener, error) {
	if address == "" {
		return nil, nil
	}
	if path, ok := strings.CutPrefix(address, "unix:"); ok {
		return listenSocket(path)
	}
	at, err := netip.ParseAddrPort(strings.TrimPrefix(address, "tcp:"))
	if err != nil || !at.Addr().IsLoopback() {
		return nil, fmt.Errorf("debug listener %q: want unix:PATH or a loopback address with port, such as 127.0.0.1:9090", address)
	}
	return net.Listen("tcp", at.String())
}

// listenSocket listens on a unix socket of mode 0600, in the place of one that nobody listens on any more.
func listenSocket(path string) (net.Listener, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, fmt.Errorf("debug listener: %w", err)
	}
	if conn, err := net.DialTimeout("unix", path, time.Second); err == nil {
		conn.Close()
		return nil, fmt.Errorf("debug listener: somebody listens on %s already: is another weftd running?", path)
	}
	if info, err := os.Lstat(path); err == nil && info.Mode()&os.ModeSocket != 0 {
		if err := os.Remove(path); err != nil {
			return nil, fmt.Errorf("debug listener: %w", err)
		}
	}
	// The socket is made under a name nobody knows, so that it is never there with another mode.
	dir, err := os.MkdirTemp(filepath.Dir(path), ".weftd")
	if err != nil {
		return nil, fmt.Errorf("debug listener: %w", err)
	}
	defer os.RemoveAll(dir)
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(dir, "s"), Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("debug listener: %w", err)
	}
	l.SetUnlinkOnClose(false)
	if err := errors.Join(os.Chmod(filepath.Join(dir, "s"), 0o600), os.Rename(filepath.Join(dir, "s"), path)); err != nil {
		l.Close()
		return nil, fmt.Errorf("debug listener: %w", err)
	}
	return &namedListener{l, path}, nil
}

// namedListener removes the socket's name when it is closed.
type namedListener struct {
	net.Listener
	path string
}

// Close implements net.Listener.
func (l *namedListener) Close() error { return errors.Join(os.Remove(l.path), l.Listener.Close()) }

// serveDebug serves until ctx ends.
func serveDebug(ctx context.Context, l net.Listener, reconciler http.Handler, registry *prometheus.Registry) error {
	mux := http.NewServeMux()
	mux.Handle("/", reconciler)
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	s := &http.Server{Handler: mux, ReadTimeout: debugReadTimeout, WriteTimeout: debugWriteTimeout}
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		<-ctx.Done()
		_ = s.Close() // whoever asks now is told nothing more
	}()
	err := s.Serve(l)
	if errors.Is(err, http.ErrServerClosed) {
		<-stopped
		return nil
	}
	return fmt.Errorf("debug listener: %w", err)
}
