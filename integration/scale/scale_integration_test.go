//go:build integration

package scale_test

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"testing"

	"weft/integration/scale"
	"weft/integration/testbed"
)

// A small region is measured from its first port to a takeover. The writes are counted, hosts hold their node configs, and nothing is
// left.
func TestRegionIsMeasured(t *testing.T) {
	t.Parallel()
	const hosts, ports = 3, 30
	ctx, stop := signal.NotifyContext(t.Context(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	binaries := t.TempDir()
	if err := testbed.Build(ctx, binaries, false); err != nil {
		t.Fatal(err)
	}
	c, err := scale.New(ctx, scale.Config{Binaries: binaries, Hosts: hosts})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if t.Failed() {
			t.Log(c.Log())
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}()
	loaded, err := c.Load(ctx, ports)
	if err != nil {
		t.Fatal(err)
	}
	if got := loaded.Cost.Areas["accepted"].Keys; got < ports {
		t.Errorf("%d accepted records were seen written for %d ports", got, ports)
	}
	if loaded.Placed > loaded.Programmed || loaded.Cost.Floor.Transactions == 0 {
		t.Errorf("placed after %s, programmed after %s, floor %+v", loaded.Placed, loaded.Programmed, loaded.Cost.Floor)
	}
	one, err := c.OnePort(ctx, 2)
	if err != nil {
		t.Fatal(err)
	}
	if got := one.Cost.Areas["accepted"].Keys; got != 2 || len(one.Programmed) != 2 {
		t.Errorf("two ports: %d accepted records, %d programmed", got, len(one.Programmed))
	}
	manifests(ctx, t, c, ports)
	if s, err := c.Takeover(ctx, false); err != nil || s.Placed > s.Programmed {
		t.Errorf("takeover: %+v, %v", s, err)
	}
	if n := c.Torn(); n > 0 {
		t.Errorf("%d hosts hold something else than the head of their node config says", n)
	}
}

func manifests(ctx context.Context, t *testing.T, c *scale.Cloud, n int) {
	t.Helper()
	if _, err := c.Apply(ctx, n); err != nil {
		t.Fatal(err)
	}
	if r, err := c.Get(ctx); err != nil || r.Lines <= 2*n {
		t.Fatalf("get shows %d lines: %v", r.Lines, err)
	}
	for _, diff := range []func(context.Context) (scale.Command, error){c.Diff, c.DiffRouted} {
		if r, err := diff(ctx); err != nil || r.Lines == 0 || r.Widest > 80 {
			t.Fatalf("diff: %+v, %v", r, err)
		}
	}
	if b, err := c.Delete(ctx, n); err != nil || b.Asked <= 0 || b.Asked > b.Done || b.Command.Took > b.Done {
		t.Fatalf("delete: %+v, %v", b, err)
	}
	if err := c.Forget(ctx); err != nil {
		t.Fatal(err)
	}
}
