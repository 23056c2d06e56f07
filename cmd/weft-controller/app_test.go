package main

import (
	"context"
	"io"
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
		{"--debug-listen 0.0.0.0:80", "expected unix:PATH or a loopback address"},
		{"surplus", "unexpected argument"},
	} {
		args := append([]string{"weft-controller", "--state-dir", t.TempDir()}, strings.Fields(c.args)...)
		err := newApp(io.Discard).RunContext(context.Background(), args)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, expected an error with %q", c.args, err, c.want)
		}
	}
}
