package etcdschema

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
)

// TestOutageOfTheLivenessKeyIsToldOnce: etcd may be unreachable for hours, and more log lines would not help.
func TestOutageOfTheLivenessKeyIsToldOnce(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	c := &Client{log: slog.New(slog.NewTextHandler(&out, nil))}
	ctx, cancel := context.WithCancel(testContext(t))
	defer cancel()
	tries := 0
	c.keepOn(ctx, "live/h1", func(_ context.Context, made func()) error {
		tries++
		switch tries {
		case 1, 2, 3: // not reachable at first
			return errors.New("no answer")
		case 4, 6: // reachable for a while
			made()
			return errors.New("lease ended")
		case 5, 7, 8:
			return errors.New("no answer")
		}
		cancel()
		return nil
	})
	var told []string
	for line := range strings.Lines(out.String()) {
		told = append(told, line[strings.Index(line, "level="):strings.Index(line, " key=")])
	}
	lost, back := `level=WARN msg="cannot keep the liveness key, trying again"`, `level=INFO msg="liveness key is there again"`
	want := []string{lost, back, lost, back, lost}
	if strings.Join(told, "\n") != strings.Join(want, "\n") {
		t.Errorf("told:\n%s\nexpected:\n%s", strings.Join(told, "\n"), strings.Join(want, "\n"))
	}
}
