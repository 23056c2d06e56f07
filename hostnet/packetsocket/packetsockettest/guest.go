// Package packetsockettest gives tests of the guests' servers their own network namespace with guests in it.
//
// Invariants: everything ends with the test, at the latest with the test process. Nothing has a name outside.
package packetsockettest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"weft/hostnet/object"
	"weft/hostnet/packetsocket"
)

// insideNamespace marks the process that runs the tests. The first process only makes a network namespace for it.
const insideNamespace = "WEFT_TEST_INSIDE_NAMESPACE"

// Main runs the package's tests in their own network namespace, whose loopback interface is up. TestMain calls it.
func Main(m *testing.M) {
	if os.Getenv(insideNamespace) != "" {
		lo, err := netlink.LinkByName("lo")
		if err == nil {
			err = netlink.LinkSetUp(lo)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "loopback interface of the tests' network namespace:", err)
			os.Exit(1)
		}
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

// Guest is a namespace with eth0, whose other end is a device of the test's namespace.
type Guest struct {
	t      *testing.T
	Device string
	Dir    string // removed after the test
	pid    string
}

// NewGuest starts a process that only holds the guest's namespace.
func NewGuest(t *testing.T, device string, mac object.MAC) *Guest {
	t.Helper()
	keeper := exec.Command("sleep", "infinity")
	keeper.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	must(t, keeper.Start())
	t.Cleanup(func() { _ = keeper.Process.Kill(); _ = keeper.Wait() })
	g := &Guest{t, device, t.TempDir(), fmt.Sprint(keeper.Process.Pid)}
	g.Plug(mac)
	return g
}

// Plug makes the pair of devices.
func (g *Guest) Plug(mac object.MAC) {
	g.t.Helper()
	Run(g.t, "ip", "link", "add", g.Device, "type", "veth", "peer", "name", "eth0", "address", mac.String(), "netns", g.pid)
	g.t.Cleanup(func() {
		if l, err := netlink.LinkByName(g.Device); err == nil {
			_ = netlink.LinkDel(l)
		}
	})
	Run(g.t, "ip", "link", "set", g.Device, "up")
	g.Run("ip", "link", "set", "eth0", "up")
	g.Run("ip", "link", "set", "lo", "up")
	// The kernel reports a carrier up to a second late. Until then it silently drops what is sent.
	WaitFor(g.t, "the carrier of "+g.Device, func() bool {
		return strings.Contains(Run(g.t, "ip", "link", "show", "dev", g.Device), "state UP") &&
			strings.Contains(g.Run("ip", "link", "show", "dev", "eth0"), "state UP")
	})
}

// Run runs a command inside the guest and returns its output.
func (g *Guest) Run(args ...string) string {
	g.t.Helper()
	return Run(g.t, append([]string{"nsenter", "-t", g.pid, "-n"}, args...)...)
}

// Try is Run for a command that may fail.
func (g *Guest) Try(args ...string) (string, error) {
	return try(g.t, append([]string{"nsenter", "-t", g.pid, "-n"}, args...)...)
}

// Run runs a command in the namespace of the tests.
func Run(t *testing.T, args ...string) string {
	t.Helper()
	out, err := try(t, args...)
	if err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

func try(t *testing.T, args ...string) (string, error) {
	// The test's own context has ended when its clean-up runs commands.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 30*time.Second)
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

// WaitFor polls for something that no event reports.
func WaitFor(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for !holds() {
		if time.Now().After(deadline) {
			t.Fatalf("never came: %s", what)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// Receive takes the next value from the channel. It must come within 20 s. what names it in the error.
func Receive[T any](t *testing.T, what string, from <-chan T) T {
	t.Helper()
	late := time.NewTimer(20 * time.Second)
	defer late.Stop()
	select {
	case v := <-from:
		return v
	case <-late.C:
		t.Fatalf("never came: %s", what)
		panic("unreachable")
	}
}

// AwaitLinkLocal waits until the guest has a link-local address and duplicate address detection has ended.
func (g *Guest) AwaitLinkLocal() {
	g.t.Helper()
	WaitFor(g.t, "a link-local address", func() bool {
		out := g.Run("ip", "-6", "address", "show", "dev", "eth0", "scope", "link")
		return strings.Contains(out, "fe80:") && !strings.Contains(out, "tentative")
	})
}

// Client is a command that runs inside the guest until the test ends.
type Client struct {
	t *testing.T
	*exec.Cmd
}

// Start starts a command inside the guest.
func (g *Guest) Start(args ...string) Client {
	g.t.Helper()
	return g.StartTo(io.Discard, args...)
}

// StartTo is Start with the command's output going to out.
func (g *Guest) StartTo(out io.Writer, args ...string) Client {
	g.t.Helper()
	c := exec.Command("nsenter", append([]string{"-t", g.pid, "-n"}, args...)...)
	c.Stdout, c.Stderr = out, out
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	must(g.t, c.Start())
	g.t.Cleanup(func() { _ = c.Process.Kill(); _ = c.Wait() })
	return Client{g.t, c}
}

// Signal sends a signal to it.
func (c Client) Signal(s os.Signal) { c.t.Helper(); must(c.t, c.Process.Signal(s)) }

// Mux opens the servers' socket in the namespace of the tests, until the test ends.
func Mux(t testing.TB) *packetsocket.Mux {
	t.Helper()
	x, err := packetsocket.OpenMux(slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := x.Close(); err != nil {
			t.Error(err)
		}
	})
	return x
}

// Sender opens a packet socket inside the guest.
func (g *Guest) Sender() packetsocket.Sender {
	g.t.Helper()
	type opened struct {
		t   packetsocket.Sender
		err error
	}
	result := make(chan opened)
	go func() {
		t, err := g.openInside()
		result <- opened{t, err}
	}()
	r := <-result
	must(g.t, r.err)
	g.t.Cleanup(func() { must(g.t, r.t.Close()) })
	return r.t
}

// openInside opens the socket and moves the thread back. If a thread cannot go back, it ends with its goroutine, and every
// process that was started from it ends too.
func (g *Guest) openInside() (packetsocket.Sender, error) {
	runtime.LockOSThread()
	home, err := unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer unix.Close(home)
	fd, err := unix.Open("/proc/"+g.pid+"/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	if err := unix.Setns(fd, unix.CLONE_NEWNET); err != nil {
		return nil, err
	}
	s, err := packetsocket.OpenSender("eth0")
	if back := unix.Setns(home, unix.CLONE_NEWNET); back != nil {
		return s, errors.Join(err, back)
	}
	runtime.UnlockOSThread()
	return s, err
}
