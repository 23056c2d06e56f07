//go:build integration

package netns

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// directory is the test's own directory. Everything in it is removed at the end.
func directory(t *testing.T) *Directory {
	t.Helper()
	d, err := OpenDirectory(filepath.Join(t.TempDir(), "netns"))
	must(t, err)
	t.Cleanup(func() {
		if err := errors.Join(d.Dismantle(""), d.Close()); err != nil {
			t.Error(err)
		}
	})
	return d
}

func loopback(l netlink.Link) bool { return l.Attrs().Name == "lo" }

func TestNamespaceIsMadeUsedAndRemoved(t *testing.T) {
	t.Parallel()
	d := directory(t)
	s, err := d.Make("weft-a", func() error {
		return netlink.LinkSetAlias(&netlink.Device{LinkAttrs: netlink.LinkAttrs{Index: 1}}, "prepared")
	})
	must(t, err)
	defer s.Close()
	if _, err := d.Make("weft-a", func() error { return nil }); !errors.Is(err, ErrExists) {
		t.Errorf("made twice: %v", err)
	}
	h, err := s.Netlink(unix.NETLINK_ROUTE)
	must(t, err)
	defer h.Close()
	links, err := h.LinkList()
	must(t, err)
	if len(links) != 1 || !loopback(links[0]) || links[0].Attrs().Alias != "prepared" {
		t.Errorf("links inside: %+v", links)
	}
	home, err := netlink.LinkByName("lo")
	must(t, err)
	if home.Attrs().Alias == "prepared" {
		t.Error("the host's own loopback was changed")
	}
	again, err := d.Open("weft-a")
	must(t, err)
	if again.ID() != s.ID() || again.ID() == d.Home().ID() {
		t.Errorf("ids %v, %v, home %v", again.ID(), s.ID(), d.Home().ID())
	}
	must(t, again.Close())
	if names, err := d.List("weft-"); err != nil || !slices.Equal(names, []string{"weft-a"}) {
		t.Errorf("List = %v, %v", names, err)
	}
	must(t, d.Remove("weft-a"))
	must(t, d.Remove("weft-a"))
	if _, err := os.Lstat(d.path("weft-a")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("its file: %v", err)
	}
	if _, err := d.Open("weft-a"); !errors.Is(err, ErrNotFound) {
		t.Errorf("opened after its removal: %v", err)
	}
}

func TestFailedPreparationLeavesNothing(t *testing.T) {
	t.Parallel()
	d := directory(t)
	broken := errors.New("broken")
	if _, err := d.Make("weft-a", func() error { return broken }); !errors.Is(err, broken) {
		t.Fatalf("Make = %v", err)
	}
	if entries, err := os.ReadDir(d.dir); err != nil || len(entries) != 0 {
		t.Errorf("left: %v, %v", entries, err)
	}
}

// TestNameWithoutNamespaceIsNotThere: before the mount nobody can open the file at the name, not even root without
// CAP_DAC_OVERRIDE.
func TestNameWithoutNamespaceIsNotThere(t *testing.T) {
	t.Parallel()
	d := directory(t)
	must(t, os.MkdirAll(d.dir, 0o755))
	must(t, os.WriteFile(d.path("weft-half"), nil, 0))
	t.Cleanup(func() { os.Remove(d.path("weft-half")) })
	result := make(chan error, 2)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with its changed rights
		header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
		var data [2]unix.CapUserData
		err := unix.Capget(&header, &data[0])
		data[0].Effective &^= 1<<unix.CAP_DAC_OVERRIDE | 1<<unix.CAP_DAC_READ_SEARCH
		result <- errors.Join(err, unix.Capset(&header, &data[0]))
		_, err = openSpace("weft-half", d.path("weft-half"))
		result <- err
	}()
	must(t, <-result)
	if err := <-result; !errors.Is(err, ErrNotFound) {
		t.Errorf("%v, expected that there is none yet", err)
	}
}

func TestWhatIsNoNamespaceIsLeftAlone(t *testing.T) {
	t.Parallel()
	d := directory(t)
	must(t, os.MkdirAll(d.dir, 0o755))
	must(t, os.WriteFile(d.path("weft-file"), []byte("precious"), 0o600))
	t.Cleanup(func() { os.Remove(d.path("weft-file")) })
	if _, err := d.Make("weft-file", func() error { return nil }); err == nil {
		t.Error("made over a file")
	}
	if err := d.Remove("weft-file"); err == nil {
		t.Error("a file was removed")
	}
	if b, err := os.ReadFile(d.path("weft-file")); string(b) != "precious" {
		t.Errorf("the file: %q, %v", b, err)
	}
	// The empty file of a maker that was killed half way is used again.
	must(t, os.WriteFile(d.path("weft-half"), nil, 0))
	if names, err := d.List("weft-"); err != nil || len(names) != 0 {
		t.Errorf("List = %v, %v", names, err)
	}
	s, err := d.Make("weft-half", func() error { return nil })
	must(t, err)
	must(t, s.Close())
	for _, name := range []string{"", ".", "..", "a/b", "../a"} {
		if _, err := d.Open(name); err == nil {
			t.Errorf("opened %q", name)
		}
		if err := d.Remove(name); err == nil {
			t.Errorf("removed %q", name)
		}
	}
}

// TestProgramsInsideSeeTheNamespace: iproute2 sees what we make, and we see what iproute2 makes.
func TestProgramsInsideSeeTheNamespace(t *testing.T) {
	t.Parallel()
	d := directory(t)
	s, err := d.Make("weft-a", func() error { return nil })
	must(t, err)
	defer s.Close()
	out, err := exec.Command("nsenter", "--net="+d.path("weft-a"), "ip", "-o", "link").CombinedOutput()
	if err != nil || !slices.Contains([]int{1}, len(slices.Collect(lines(out)))) {
		t.Errorf("ip link inside: %s, %v", out, err)
	}
}

func lines(b []byte) func(func(string) bool) {
	return func(yield func(string) bool) {
		for start, i := 0, 0; i < len(b); i++ {
			if b[i] == '\n' {
				if !yield(string(b[start:i])) {
					return
				}
				start = i + 1
			}
		}
	}
}

func TestWatchTellsNames(t *testing.T) {
	t.Parallel()
	d := directory(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ready, names, done := make(chan struct{}), make(chan string, 100), make(chan error, 1)
	go func() { done <- d.Watch(ctx, func() { close(ready) }, func(n string) { names <- n }) }()
	await := func(what string, c <-chan string) string {
		t.Helper()
		select {
		case n := <-c:
			return n
		case err := <-done:
			t.Fatalf("%s: Watch ended: %v", what, err)
		case <-time.After(10 * time.Second):
			t.Fatalf("%s: nothing", what)
		}
		return ""
	}
	<-ready
	s, err := d.Make("weft-a", func() error { return nil })
	must(t, err)
	must(t, s.Close())
	if n := await("made", names); n != "weft-a" {
		t.Errorf("made: told %q", n)
	}
	must(t, d.Remove("weft-a"))
	if n := await("removed", names); n != "weft-a" {
		t.Errorf("removed: told %q", n)
	}
	cancel()
	must(t, <-done)
}
