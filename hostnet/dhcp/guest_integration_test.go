//go:build integration

package dhcp

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"weft/hostnet/frame"
	"weft/hostnet/object"
)

// insideNamespace marks the process that runs the tests: the first one only makes a network namespace for it.
const insideNamespace = "WEFT_TEST_INSIDE_NAMESPACE"

func TestMain(m *testing.M) {
	if os.Getenv(insideNamespace) != "" {
		os.Exit(m.Run())
	}
	c := exec.Command("/proc/self/exe", os.Args[1:]...)
	c.Env = append(os.Environ(), insideNamespace+"=1")
	c.Stdout, c.Stderr = os.Stdout, os.Stderr
	c.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	if err := c.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "tests in a network namespace:", err)
		os.Exit(1)
	}
}

// guest is a namespace with eth0, whose other end is a device of the test's namespace.
type guest struct {
	t      *testing.T
	device string
	pid    string
	dir    string
}

// newGuest starts a process that does nothing but hold the guest's namespace.
func newGuest(t *testing.T, device string, mac object.MAC) *guest {
	t.Helper()
	keeper := exec.Command("sleep", "infinity")
	keeper.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	must(t, keeper.Start())
	t.Cleanup(func() { _ = keeper.Process.Kill(); _ = keeper.Wait() })
	g := &guest{t, device, fmt.Sprint(keeper.Process.Pid), t.TempDir()}
	g.plug(mac)
	return g
}

// plug makes the pair of devices.
func (g *guest) plug(mac object.MAC) {
	g.t.Helper()
	run(g.t, "ip", "link", "add", g.device, "type", "veth", "peer", "name", "eth0", "address", mac.String(), "netns", g.pid)
	g.t.Cleanup(func() {
		if l, err := netlink.LinkByName(g.device); err == nil {
			_ = netlink.LinkDel(l)
		}
	})
	run(g.t, "ip", "link", "set", g.device, "up")
	g.run("ip", "link", "set", "eth0", "up")
	g.run("ip", "link", "set", "lo", "up")
}

// run runs a command inside the guest and returns its output.
func (g *guest) run(args ...string) string {
	g.t.Helper()
	return run(g.t, append([]string{"nsenter", "-t", g.pid, "-n"}, args...)...)
}

// try is run for a command that may fail.
func (g *guest) try(args ...string) (string, error) {
	return try(g.t, append([]string{"nsenter", "-t", g.pid, "-n"}, args...)...)
}

func run(t *testing.T, args ...string) string {
	t.Helper()
	out, err := try(t, args...)
	if err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

func try(t *testing.T, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	c := exec.CommandContext(ctx, args[0], args[1:]...)
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := c.CombinedOutput()
	return string(out), err
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// script writes a client script: it records its environment in <dir>/<reason> and then runs body. reason is the shell
// expression for what happened.
func (g *guest) script(reason, body string) string {
	path := filepath.Join(g.dir, "script")
	text := fmt.Sprintf("#!/bin/sh\nenv > %s/env.$$\n%s\nmv %s/env.$$ %s/%s\n", g.dir, body, g.dir, g.dir, reason)
	must(g.t, os.WriteFile(path, []byte(text), 0o755))
	return path
}

// recorded is what the script saw for the reason; nothing if it was never called for it.
func (g *guest) recorded(reason string) map[string]string {
	data, err := os.ReadFile(filepath.Join(g.dir, reason))
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
		entries, _ := filepath.Glob(filepath.Join(g.dir, "*"))
		g.t.Fatalf("the client's script was never called for %s; there are %v", reason, entries)
	}
	for k, v := range want {
		if got[k] != v {
			g.t.Errorf("%s: %s=%q, want %q", reason, k, got[k], v)
		}
	}
}

// startDriver serves nothing yet.
func startDriver(t *testing.T) *frame.PortDriver {
	d := New(nil, slog.New(slog.DiscardHandler))
	t.Cleanup(func() { must(t, d.Close()) })
	return d
}

func apply(t *testing.T, d *frame.PortDriver, op object.Op, b *object.DHCPBinding) {
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
			Routes: []object.Route{{Destination: netip.MustParsePrefix("192.168.7.0/24"), NextHop: netip.MustParseAddr("10.0.0.9")}},
		}},
		V6: []netip.Addr{netip.MustParseAddr("2001:db8:1::5")},
	}
}

// waitFor polls for what no event tells of.
func waitFor(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for !holds() {
		if time.Now().After(deadline) {
			t.Fatalf("never came: %s", what)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// sigRenew makes udhcpc renew its lease.
const sigRenew = syscall.SIGUSR1

// client is a command that runs inside the guest until the test ends.
type client struct {
	t *testing.T
	*exec.Cmd
}

func (g *guest) start(args ...string) client {
	g.t.Helper()
	c := exec.Command("nsenter", append([]string{"-t", g.pid, "-n"}, args...)...)
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	must(g.t, c.Start())
	g.t.Cleanup(func() { _ = c.Process.Kill(); _ = c.Wait() })
	return client{g.t, c}
}

func (c client) signal(s os.Signal) { c.t.Helper(); must(c.t, c.Process.Signal(s)) }

// lease4 gets a lease once.
func (g *guest) lease4(when string) {
	g.t.Helper()
	if out, err := g.try("udhcpc", "-f", "-q", "-n", "-i", "eth0", "-s", "/bin/true", "-t", "5", "-T", "1"); err != nil {
		g.t.Fatalf("no lease %s: %v\n%s", when, err, out)
	}
}

// socket opens a packet socket inside the guest.
func (g *guest) socket() frame.Transport {
	g.t.Helper()
	type opened struct {
		t   frame.Transport
		err error
	}
	result := make(chan opened)
	go func() {
		runtime.LockOSThread() // and never unlocks: the thread, which has left its namespace, ends with the goroutine
		fd, err := unix.Open("/proc/"+g.pid+"/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err == nil {
			err = unix.Setns(fd, unix.CLONE_NEWNET)
			unix.Close(fd)
		}
		if err != nil {
			result <- opened{err: err}
			return
		}
		t, err := frame.OpenSender("eth0")
		result <- opened{t, err}
	}()
	r := <-result
	must(g.t, r.err)
	g.t.Cleanup(func() { must(g.t, r.t.Close()) })
	return r.t
}

// watch runs the driver's Watch until the test ends.
func watch(t *testing.T, d *frame.PortDriver) <-chan object.Event {
	events := make(chan object.Event, 100)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- d.Watch(ctx, func(e object.Event) { events <- e }) }()
	t.Cleanup(func() { cancel(); must(t, <-done) })
	return events
}
