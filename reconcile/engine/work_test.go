package engine

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"

	"weft/hostnet/fake"
)

// TestSweepThatIsStoppedIsNoWarning: a weftd that is told to stop cancels its reads.
func TestSweepThatIsStoppedIsNoWarning(t *testing.T) {
	t.Parallel()
	for _, stopped := range []bool{false, true} {
		d := fake.New().Drivers()[0]
		d.FailSync(context.Canceled)
		host, err := newHostState([]Driver{d})
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		e := &Engine{host: host, log: slog.New(slog.NewTextHandler(&out, nil))}
		ctx, cancel := context.WithCancel(t.Context())
		if stopped {
			cancel()
		}
		e.startSweep(ctx)
		cancel()
		if told := strings.Contains(out.String(), "the periodic full read cannot read the host"); told == stopped {
			t.Errorf("stopped: %v, a warning: %v", stopped, told)
		}
	}
}
