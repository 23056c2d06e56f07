package main

import (
	"context"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestFlagsAreCheckedBeforeAnythingStarts(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ args, want string }{
		{"--mac-prefix 01:00:5e", "first byte must be even"},
		{"--mac-prefix fa:16", "not three bytes"},
		{"--session-ttl 10ms", "at least 1s"},
		{"--log-level loud", "--log-level"},
		{"--debug-listen 0.0.0.0:80", "not on the loopback"},
		{"surplus", "unexpected argument"},
	} {
		args := append([]string{"weft-controller", "--state-dir", t.TempDir()}, strings.Fields(c.args)...)
		err := newApp(io.Discard).RunContext(context.Background(), args)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, expected an error with %q", c.args, err, c.want)
		}
	}
}

func TestDebugSocketIsForItsOwnerOnly(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "run", "debug.sock")
	stale, err := listenDebug("unix:" + path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := listenDebug("unix:" + path); err == nil {
		t.Error("a socket in use was taken over")
	}
	stale.(*net.UnixListener).SetUnlinkOnClose(false)
	stale.Close()
	l, err := listenDebug("unix:" + path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("mode %o, expected 600", info.Mode().Perm())
	}
}
