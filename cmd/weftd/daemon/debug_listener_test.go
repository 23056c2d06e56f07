package daemon

import (
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"weft/model/desired"
)

func TestListenDebugRefusesTheNetwork(t *testing.T) {
	t.Parallel()
	for _, address := range []string{":9090", "0.0.0.0:9090", "192.0.2.1:9090", "[::]:9090", "localhost", "weftd.sock"} {
		if l, err := listenDebug(address); err == nil {
			l.Close()
			t.Errorf("%q was listened on", address)
		}
	}
	for _, address := range []string{"127.0.0.1:0", "[::1]:0", "tcp:127.0.0.1:0"} {
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

func TestDebugSocketIsRootsAlone(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "run", "weftd.sock")
	stale, err := listenDebug("unix:" + path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := listenDebug("unix:" + path); err == nil || !strings.Contains(err.Error(), "another weftd") {
		t.Errorf("a second listener: %v", err)
	}
	stale.(*namedListener).Listener.Close() // as kill -9 leaves it: the name stays
	l, err := listenDebug("unix:" + path)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	hello := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "hello") })
	go func() { served <- serveDebug(ctx, l, hello, prometheus.NewRegistry()) }()
	client := http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", path)
	}}}
	for url, want := range map[string]int{"http://d/plan": 200, "http://d/metrics": 200, "http://d/debug/pprof/": 200} {
		resp, err := client.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("%s: %s", url, resp.Status)
		}
	}
	client.CloseIdleConnections()
	cancel()
	if err := <-served; err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("the socket's name is left")
	}
}

func TestFeatures(t *testing.T) {
	t.Parallel()
	got, err := Config{DisableFeatures: []desired.Feature{desired.FeatureStandby}}.features()
	if err != nil || len(got) != len(desired.Features())-1 {
		t.Errorf("%v, %v", got, err)
	}
	if _, err := (Config{DisableFeatures: []desired.Feature{"warp"}}).features(); err == nil {
		t.Error("an unknown feature was disabled")
	}
}
