package service

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"weft/etcdschema/pki"
)

func TestDebugListenerRefusesTheNetwork(t *testing.T) {
	t.Parallel()
	for _, address := range []string{":9090", "0.0.0.0:9090", "192.0.2.1:9090", "[::]:9090", "localhost", "weftd.sock", "tcp::9090"} {
		if l, err := listenDebug(address); err == nil {
			l.Close()
			t.Errorf("%q was listened on", address)
		}
	}
	for _, address := range []string{"127.0.0.1:0", "[::1]:0", "tcp:127.0.0.1:0", "localhost:0"} {
		l, err := listenDebug(address)
		if err != nil {
			t.Errorf("%q: %v", address, err)
			continue
		}
		l.Close()
	}
	if l, err := listenDebug(""); l != nil || err != nil {
		t.Errorf("an empty address: %v, %v", l, err)
	}
}

// TestDebugSocketReplacesNothingButADeadSocket: any other file at the path belongs to somebody, and is not replaced.
func TestDebugSocketReplacesNothingButADeadSocket(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	precious := filepath.Join(dir, "precious")
	if err := os.WriteFile(precious, []byte("keys"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(precious, filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "folder"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"precious", "link", "folder"} {
		if _, err := listenDebug("unix:" + filepath.Join(dir, name)); err == nil || !strings.Contains(err.Error(), "no socket") {
			t.Errorf("%s: %v, expected that it is no socket", name, err)
		}
		if _, err := os.Lstat(filepath.Join(dir, name)); err != nil {
			t.Errorf("%s is gone: %v", name, err)
		}
	}
	if b, err := os.ReadFile(precious); string(b) != "keys" {
		t.Errorf("the file holds %q, %v", b, err)
	}
	path := filepath.Join(dir, "run", "debug.sock")
	l, err := listenDebug("unix:" + path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := listenDebug("unix:" + path); err == nil || !strings.Contains(err.Error(), "another process listens there") {
		t.Errorf("a socket in use: %v", err)
	}
	l.(*namedListener).Listener.Close() // as kill -9 leaves it: the name stays
	if l, err = listenDebug("unix:" + path); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("the socket's name is left")
	}
}

// TestMetricsListenerTellsMetricsAlone: over plain HTTP, and over TLS with a certificate that is renewed during the test.
func TestMetricsListenerTellsMetricsAlone(t *testing.T) {
	t.Parallel()
	authority, err := pki.New("test", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "cert"), filepath.Join(dir, "key")
	renew := func() {
		pair, err := authority.Server("test", []string{"127.0.0.1"}, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		for file, data := range map[string][]byte{cert: pair.Certificate, key: pair.Key} {
			if err := os.WriteFile(file, data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	renew()
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(authority.Certificate)
	serials := map[string]bool{}
	for _, m := range []Metrics{{Listen: "127.0.0.1:0"}, {Listen: "127.0.0.1:0", CertFile: cert, KeyFile: key}} {
		l, err := Listen("", m)
		if err != nil {
			t.Fatal(err)
		}
		registry := prometheus.NewRegistry()
		registry.MustRegister(prometheus.NewCounter(prometheus.CounterOpts{Name: "weft_test_total", Help: "Test."}))
		ctx, cancel := context.WithCancel(t.Context())
		served := make(chan error, 1)
		go func() { served <- l.Serve(ctx, http.NotFoundHandler(), registry) }()
		scheme := "http"
		if m.CertFile != "" {
			scheme = "https"
		}
		ask := func(path string) (int, string) {
			client := http.Client{Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: roots}}}
			resp, err := client.Get(scheme + "://" + l.metrics.Addr().String() + path)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			if resp.TLS != nil {
				serials[resp.TLS.PeerCertificates[0].SerialNumber.String()] = true
			}
			body, err := io.ReadAll(resp.Body)
			if err != nil {
				t.Fatal(err)
			}
			return resp.StatusCode, string(body)
		}
		if code, body := ask("/metrics"); code != 200 || !strings.Contains(body, "weft_test_total 0") {
			t.Errorf("%s /metrics: %d %s", scheme, code, body)
		}
		if m.CertFile != "" {
			renew()
		}
		for _, path := range []string{"/", "/debug/pprof/", "/debug/pprof/profile", "/desired", "/healthz"} {
			if code, _ := ask(path); code != 404 {
				t.Errorf("%s %s: %d, expected 404", scheme, path, code)
			}
		}
		cancel()
		if err := <-served; err != nil {
			t.Error(err)
		}
	}
	if len(serials) != 2 {
		t.Errorf("%d certificates were shown, expected the first one and the renewed one", len(serials))
	}
}

func TestMetricsFlagsThatContradict(t *testing.T) {
	t.Parallel()
	for _, m := range []Metrics{
		{Listen: "127.0.0.1:0", CertFile: "x"}, {Listen: "127.0.0.1:0", KeyFile: "x"}, {CertFile: "x", KeyFile: "x"},
		{Listen: "127.0.0.1:0", CertFile: "/nonexistent", KeyFile: "/nonexistent"}, {Listen: "nowhere"},
	} {
		dir := t.TempDir()
		socket := "unix:" + filepath.Join(dir, "s")
		if _, err := Listen(socket, m); err == nil || !strings.Contains(err.Error(), "--metrics-") {
			t.Errorf("%+v: %v, expected an error that names the flag", m, err)
		}
		if entries, err := os.ReadDir(dir); err != nil || len(entries) != 0 {
			t.Errorf("%+v: left %v, %v", m, entries, err)
		}
	}
}

func TestDebugListenerServesWhatTheDaemonKnows(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "s")
	l, err := Listen("unix:"+path, Metrics{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	own := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "hello") })
	go func() { served <- l.Serve(ctx, own, prometheus.NewRegistry()) }()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", path)
	}}}
	for _, url := range []string{"http://d/plan", "http://d/metrics", "http://d/debug/pprof/"} {
		resp, err := client.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != 200 {
			t.Errorf("%s: %s", url, resp.Status)
		}
	}
	cancel()
	if err := <-served; err != nil {
		t.Error(err)
	}
}
