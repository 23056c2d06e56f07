//go:build integration

package dhcp

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"weft/hostnet/object"
	"weft/hostnet/packetsocket"
	"weft/hostnet/packetsocket/packetsockettest"
)

func TestMain(m *testing.M) { packetsockettest.Main(m) }

// guest is a namespace whose clients record what they receive.
type guest struct {
	t *testing.T
	*packetsockettest.Guest
}

func newGuest(t *testing.T, device string, mac object.MAC) *guest {
	t.Helper()
	return &guest{t, packetsockettest.NewGuest(t, device, mac)}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// script writes a client script. It records its environment in <dir>/<reason> and then runs body. reason is the shell expression
// for what happened.
func (g *guest) script(reason, body string) string {
	path := filepath.Join(g.Dir, "script")
	text := fmt.Sprintf("#!/bin/sh\nenv > %s/env.$$\n%s\nmv %s/env.$$ %s/%s\n", g.Dir, body, g.Dir, g.Dir, reason)
	must(g.t, os.WriteFile(path, []byte(text), 0o755))
	return path
}

// recorded is what the script saw for the reason. It is empty if the script was never called for it.
func (g *guest) recorded(reason string) map[string]string {
	data, err := os.ReadFile(filepath.Join(g.Dir, reason))
	if err != nil {
		return nil
	}
	env := map[string]string{}
	for line := range strings.Lines(string(data)) {
		if k, v, ok := strings.Cut(strings.TrimSpace(line), "="); ok {
			env[k] = v
		}
	}
	return env
}

// wants checks some variables of a recorded environment.
func (g *guest) wants(reason string, want map[string]string) {
	g.t.Helper()
	got := g.recorded(reason)
	if got == nil {
		entries, _ := filepath.Glob(filepath.Join(g.Dir, "*"))
		g.t.Fatalf("the client's script was never called for %s; there are %v", reason, entries)
	}
	for k, v := range want {
		if got[k] != v {
			g.t.Errorf("%s: %s=%q, want %q", reason, k, got[k], v)
		}
	}
}

// startDriver starts a driver that serves nothing yet.
func startDriver(t *testing.T) *packetsocket.PortDriver {
	d := New(packetsockettest.Mux(t).Open, slog.New(slog.DiscardHandler))
	t.Cleanup(func() { must(t, d.Close()) })
	return d.PortDriver
}

func apply(t *testing.T, d *packetsocket.PortDriver, op object.Op, b *object.DHCPBinding) {
	t.Helper()
	for _, err := range d.Apply(t.Context(), []object.Change{{Op: op, Desired: b}}) {
		must(t, err)
	}
}

var guestMAC = object.MAC{0xfa, 0x16, 0x3e, 0, 0, 1}

func testBinding(device string) *object.DHCPBinding {
	return &object.DHCPBinding{
		OwnerUID: "6f0c1b1e-0000-4000-8000-000000000001", Device: device, MAC: guestMAC,
		Hostname: "web-1", Domain: "alpha.example", MTU: 1450, Lease: time.Hour,
		DNS: []netip.Addr{netip.MustParseAddr("192.0.2.53"), netip.MustParseAddr("2001:db8::53")},
		NTP: []netip.Addr{netip.MustParseAddr("192.0.2.123"), netip.MustParseAddr("2001:db8::123")},
		V4: []object.DHCPv4Lease{{
			Address: netip.MustParseAddr("10.0.0.5"), Prefix: netip.MustParsePrefix("10.0.0.0/24"),
			Server: netip.MustParseAddr("10.0.0.2"), Router: netip.MustParseAddr("10.0.0.1"),
			Routes: []object.DHCPRoute{{Destination: netip.MustParsePrefix("192.168.7.0/24"), NextHop: netip.MustParseAddr("10.0.0.9")}},
		}},
		V6: []netip.Addr{netip.MustParseAddr("2001:db8:1::5")},
	}
}

// sigRenew makes udhcpc renew its lease.
const sigRenew = syscall.SIGUSR1

// lease4 gets a lease once.
func (g *guest) lease4(when string) {
	g.t.Helper()
	if out, err := g.Try("udhcpc", "-f", "-q", "-n", "-i", "eth0", "-s", "/bin/true", "-t", "5", "-T", "1"); err != nil {
		g.t.Fatalf("no lease %s: %v\n%s", when, err, out)
	}
}

// watch runs the driver's Watch until the test ends.
func watch(t *testing.T, d *packetsocket.PortDriver) <-chan object.Event {
	events := make(chan object.Event, 100)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- d.Watch(ctx, func(e object.Event) { events <- e }) }()
	t.Cleanup(func() { cancel(); must(t, <-done) })
	return events
}
