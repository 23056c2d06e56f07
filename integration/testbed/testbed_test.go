//go:build integration

package testbed_test

import (
	"context"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	"weft/integration/testbed"
)

func TestMain(m *testing.M) {
	testbed.Child()
	os.Exit(m.Run())
}

// open makes a testbed that the test removes, whatever happens.
func open(t *testing.T) *testbed.Testbed {
	t.Helper()
	ctx, stop := signal.NotifyContext(t.Context(), os.Interrupt, syscall.SIGTERM)
	b, err := testbed.New(ctx, testbed.Config{Binaries: "/nonexistent", Log: t.Logf})
	if err != nil {
		stop()
		t.Fatal(err)
	}
	t.Cleanup(func() {
		defer stop()
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

// TestGuestsOnPlainBridges proves the testbed itself. It has two hosts with plain bridges. Their guests reach each other over the physical
// network with correct checksums.
func TestGuestsOnPlainBridges(t *testing.T) {
	t.Parallel()
	b := open(t)
	ctx := t.Context()
	for i, name := range []string{"h1", "h2"} {
		h, err := b.AddHost(name, testbed.HostOptions{NoWeftd: true})
		if err != nil {
			t.Fatal(err)
		}
		run(t, h.Namespace, "ovs-vsctl", "add-br", "br-int", "--", "set", "bridge", "br-int", "datapath_type=netdev",
			"--", "add-port", "br-int", "eth1")
		g, err := b.AddGuest("g"+name, testbed.GuestOptions{
			Host: name, Device: "tap0", MAC: "fa:16:3e:00:00:0" + string(rune('1'+i)), Plug: testbed.PlugInterface,
			Bridge: "br-int", InterfaceID: "id-" + name,
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := g.IP(ctx, "addr", "add", "10.0.0."+string(rune('1'+i))+"/24", "dev", "eth0"); err != nil {
			t.Fatal(err)
		}
	}
	g1, g2 := guest(t, b, "gh1"), guest(t, b, "gh2")
	capture, err := g2.Capture(ctx, "eth0", "icmp")
	if err != nil {
		t.Fatal(err)
	}
	if err := g1.Ping(ctx, "10.0.0.2", 3); err != nil {
		t.Error(err)
	}
	if lines := capture.Stop(); len(lines) != 3 {
		t.Errorf("captured %d frames, want the 3 requests:\n%s", len(lines), strings.Join(lines, "\n"))
	}
	if err := testbed.TCP(ctx, g1, g2, "10.0.0.2", 1<<20); err != nil {
		t.Error(err)
	}
	s, err := testbed.StartStream(g1, g2, "10.0.0.2", 5*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	if err := g1.Unreachable(ctx, "10.0.0.3", 1); err != nil {
		t.Error(err)
	}
	if r := s.Stop(); r.Sent < 10 {
		t.Errorf("the stream measured nothing: %s", r)
	}
}

// TestEtcdIsKilledStoppedAndRestored proves that etcd is a process of its own and that its data can be restored.
func TestEtcdIsKilledStoppedAndRestored(t *testing.T) {
	t.Parallel()
	b := open(t)
	ctx := t.Context()
	put := func(v string) {
		t.Helper()
		if _, err := b.Etcdctl(ctx, "put", "/weft/v1/event/test", v); err != nil {
			t.Fatal(err)
		}
	}
	put("old")
	if err := b.Etcd().Snapshot(ctx, "one"); err != nil {
		t.Fatal(err)
	}
	put("new")
	b.Etcd().Process.Kill()
	if err := b.Etcd().Start(ctx); err != nil {
		t.Fatal(err)
	}
	if out, err := b.Etcdctl(ctx, "get", "/weft/v1/event/test", "--print-value-only"); err != nil || strings.TrimSpace(out) != "new" {
		t.Errorf("after a kill: %q, %v; want \"new\"", out, err)
	}
	if err := b.Etcd().Restore(ctx, "one"); err != nil {
		t.Fatal(err)
	}
	if out, err := b.Etcdctl(ctx, "get", "/weft/v1/event/test", "--print-value-only"); err != nil || strings.TrimSpace(out) != "old" {
		t.Errorf("after a restore: %q, %v; want \"old\"", out, err)
	}
}

// TestCloseAfterFailure proves that a testbed leaves nothing if its context ends in the middle. Close itself checks for leftovers.
func TestCloseAfterFailure(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	b, err := testbed.New(ctx, testbed.Config{Binaries: "/nonexistent"})
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if _, err := b.AddHost("h1", testbed.HostOptions{}); err == nil {
		t.Error("a host was made in a testbed whose context has ended")
	}
	if err := b.Close(); err != nil {
		t.Error(err)
	}
}

func guest(t *testing.T, b *testbed.Testbed, name string) *testbed.Guest {
	t.Helper()
	g, err := b.Guest(name)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func run(t *testing.T, ns *testbed.Namespace, name string, args ...string) string {
	t.Helper()
	out, err := ns.Run(t.Context(), name, args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}
