//go:build integration

package tagfilter

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	own "weft/hostnet/netlink"
	"weft/hostnet/object"
)

// insideNamespace marks the process that runs the tests. The first process only makes a network namespace for it.
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

// host is a NIC in a bridge, the physical network at its other end, and a guest of the bridge.
type host struct {
	*Driver
	t               *testing.T
	events          chan object.Event
	nic             string
	physical, guest int // raw sockets
}

func run(t *testing.T, command string) {
	t.Helper()
	words := strings.Fields(command)
	if out, err := exec.CommandContext(t.Context(), words[0], words[1:]...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v: %s", command, err, out)
	}
}

func newHost(t *testing.T, name string) *host {
	t.Helper()
	links, err := own.OpenLinks(slog.Default())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { links.Close() })
	d, err := New(Config{Links: links})
	if err != nil {
		t.Fatal(err)
	}
	h := &host{Driver: d, t: t, events: make(chan object.Event, 1000), nic: "nic" + name}
	run(t, "ip link add br"+name+" type bridge forward_delay 0")
	run(t, "ip link add "+h.nic+" type veth peer name wire"+name)
	run(t, "ip link add tap"+name+" type veth peer name far"+name)
	for _, device := range []string{"br" + name, h.nic, "wire" + name, "tap" + name, "far" + name} {
		run(t, "ip link set "+device+" addrgenmode none up")
	}
	run(t, "ip link set "+h.nic+" master br"+name)
	run(t, "ip link set tap"+name+" master br"+name)
	h.physical, h.guest = rawSocket(t, "wire"+name), rawSocket(t, "far"+name)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- d.Watch(ctx, func(e object.Event) { h.events <- e }) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Watch: %v", err)
		}
		d.Close()
	})
	<-h.events // the first resync
	if err := d.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	return h
}

func rawSocket(t *testing.T, device string) int {
	t.Helper()
	link, err := net.InterfaceByName(device)
	if err != nil {
		t.Fatal(err)
	}
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(fd) })
	tv := unix.NsecToTimeval((5 * time.Second).Nanoseconds())
	all := binary.NativeEndian.Uint16([]byte{0, unix.ETH_P_ALL})
	for _, err := range []error{
		unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &tv),
		unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, 1),
		unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: all, Ifindex: link.Index}),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return fd
}

// heard sends a frame with each tag and one without. It lists those that reach the guest. The untagged one is sent last.
func (h *host) heard() (names []string) {
	h.t.Helper()
	for _, f := range []struct {
		name string
		tag  []byte
	}{{"service", []byte{0x88, 0xa8, 0, 101}}, {"customer", []byte{0x81, 0, 0, 101}}, {"untagged", nil}} {
		frame := slices.Concat([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 7}, f.tag, []byte{0x88, 0xb5}, []byte(fmt.Sprintf("%-60s", f.name)))
		if _, err := unix.Write(h.physical, frame); err != nil {
			h.t.Fatal(err)
		}
	}
	buf := make([]byte, 2000)
	for {
		n, err := unix.Read(h.guest, buf)
		if err != nil {
			h.t.Fatalf("the untagged frame did not arrive: %v", err)
		}
		for _, name := range []string{"service", "customer", "untagged"} {
			if bytes.Contains(buf[:n], []byte(name)) {
				names = append(names, name)
			}
		}
		if slices.Contains(names, "untagged") {
			return names
		}
	}
}

func (h *host) expect(when string, want ...string) {
	h.t.Helper()
	if got := h.heard(); !slices.Equal(got, want) {
		h.t.Errorf("%s: the guest heard %v, want %v", when, got, want)
	}
}

func (h *host) do(op object.Op, hook object.TagFilterHook) error {
	f := &object.TagFilter{Device: h.nic, Hook: hook}
	c := object.Change{Op: op, Desired: f}
	if op == object.Delete {
		c = object.Change{Op: op, Observed: f}
	}
	return h.Apply(h.t.Context(), []object.Change{c})[0]
}

// observed is the observed filter of the NIC. It is nil if there is none.
func (h *host) observed() *object.TagFilter {
	h.t.Helper()
	found, err := h.Observe(h.t.Context(), []object.Key{{Kind: object.KindTagFilter, Name: h.nic}})
	if err != nil {
		h.t.Fatal(err)
	}
	if len(found) == 0 {
		return nil
	}
	return found[0].(*object.TagFilter)
}

// await waits for the event of a change of the NIC's filter.
func (h *host) await(what string) {
	h.t.Helper()
	deadline := time.After(10 * time.Second)
	for {
		select {
		case e := <-h.events:
			if slices.Contains(e.Keys, object.Key{Kind: object.KindTagFilter, Name: h.nic}) {
				return
			}
		case <-deadline:
			h.t.Fatalf("no event: %s", what)
		}
	}
}

// TestFilter: 802.1ad tags are dropped and nothing else is. If somebody removes the filter, that is reported and repaired.
func TestFilter(t *testing.T) {
	for hook, damage := range map[object.TagFilterHook]string{
		object.TagFilterXDP: "ip link set NIC xdpgeneric off", object.TagFilterTC: "tc filter del dev NIC ingress",
	} {
		t.Run(string(hook), func(t *testing.T) {
			h := newHost(t, string(hook))
			want := &object.TagFilter{Device: h.nic, Hook: hook}
			h.expect("before", "service", "customer", "untagged")
			if err := h.do(object.Create, hook); err != nil {
				t.Fatal(err)
			}
			h.expect("with the filter", "customer", "untagged")
			if f := h.observed(); f == nil || len(want.Diff(f)) > 0 {
				t.Errorf("read back as %+v", f)
			}
			run(t, strings.ReplaceAll(damage, "NIC", h.nic))
			h.await("the filter was taken away")
			if f := h.observed(); f != nil {
				t.Errorf("it is seen though it is gone: %+v", f)
			}
			if err := h.do(object.Create, hook); err != nil {
				t.Fatal(err)
			}
			h.expect("repaired", "customer", "untagged")
			other := object.TagFilterXDP
			if hook == other {
				other = object.TagFilterTC
			}
			if err := h.do(object.Update, other); err != nil {
				t.Fatal(err)
			}
			h.expect("at the other hook", "customer", "untagged")
			if f := h.observed(); f == nil || f.Hook != other {
				t.Errorf("moved, it is read back as %+v", f)
			}
			if err := h.do(object.Delete, other); err != nil {
				t.Fatal(err)
			}
			h.expect("removed", "service", "customer", "untagged")
			if ours, err := h.Ours(t.Context()); err != nil || len(ours) > 0 {
				t.Errorf("left over: %v, %v", ours, err)
			}
		})
	}
}

// TestForeignProgramStays: a foreign program on the NIC is neither taken for ours nor replaced.
func TestForeignProgramStays(t *testing.T) {
	h := newHost(t, "own")
	foreign, err := loadNamed(object.TagFilterXDP, "somebody")
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(foreign.fd)
	link, err := h.handle.LinkByName(h.nic)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.attach(link, object.TagFilterXDP, foreign, false); err != nil {
		t.Fatal(err)
	}
	if err := h.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	if f := h.observed(); f != nil {
		t.Errorf("it is taken for ours: %+v", f)
	}
	if err := h.do(object.Create, object.TagFilterXDP); err == nil || !strings.Contains(err.Error(), "somebody else") {
		t.Errorf("replaced, or not told why not: %v", err)
	}
	link, err = h.handle.LinkByName(h.nic)
	if err != nil {
		t.Fatal(err)
	}
	if name, _, err := infoOf(link.Attrs().Xdp.ProgId); err != nil || name != "somebody" {
		t.Errorf("the program there is %q now: %v", name, err)
	}
}
