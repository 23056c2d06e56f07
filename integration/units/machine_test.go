//go:build integration

package units

import (
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"weft/integration/testbed"
	"weft/integration/timescale"
	"weft/integration/vm"
)

// host is a virtual machine with systemd, on which Weft is installed.
type host struct {
	*testing.T
	m    *vm.Machine
	bin  string // the folder of Weft's programs, on the machine
	data string // the folder of this test's files
}

// The limits, without emulation.
const (
	commandTimeout = 20 * time.Second
	awaitTimeout   = 6 * time.Second
)

// installed is the folder of the programs inside. It is not below /tmp, because services with PrivateTmp= do not see that.
const installed = "/opt/weft"

// boot makes the host. Its weftd has the given settings. Weft's units are enabled, and etcd's unit is not.
func boot(t *testing.T, settings ...string) *host {
	t.Helper()
	data, err := filepath.Abs("testdata")
	if err != nil {
		t.Fatal(err)
	}
	h := &host{T: t, bin: t.TempDir(), data: data}
	if err := testbed.Build(t.Context(), h.bin, false); err != nil {
		t.Fatal(err)
	}
	if h.m, err = vm.Boot(t.Context(), vm.Config{Log: t.Logf}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("jobs:\n%s\nthe journal:\n%s", h.run("systemctl", "list-jobs", "--no-pager"),
				h.run("journalctl", "--no-pager", "-o", "short-monotonic", "-u", "weft*", "-u", "etcd", "-u", "ov*"))
		}
		if err := h.m.Close(); err != nil {
			t.Error(err)
		}
	})
	h.outside(filepath.Join(h.bin, "weft"), "install-units", "--dir", h.m.Share, "--bin-dir", installed)
	h.outside(filepath.Join(h.bin, "weft"), "etcd", "certificates", "--dir", filepath.Join(h.m.Share, "pki"), "--client", "h1")
	h.write("weftd.env", settings...)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	h.write("etcd.service", "[Service]", "ExecStart="+self, "Environment="+etcdVariable+"=/run/etcd")
	h.must("sh", filepath.Join(data, "prepare.sh"), h.m.Share, h.bin, installed)
	ctx, cancel := context.WithTimeout(t.Context(), h.bound(commandTimeout))
	defer cancel()
	if err := h.m.Init(ctx, []string{"PATH=" + searchPath}, "/lib/systemd/systemd"); err != nil {
		t.Fatal(err)
	}
	return h
}

const searchPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" // Debian's, of the first process

// write writes lines into a file that both sides see.
func (h *host) write(name string, lines ...string) string {
	h.Helper()
	path := filepath.Join(h.m.Share, name)
	if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")+"\n"), 0o644); err != nil {
		h.Fatal(err)
	}
	return path
}

// outside runs a program on the machine, where it is faster.
func (h *host) outside(args ...string) {
	h.Helper()
	if out, err := exec.CommandContext(h.Context(), args[0], args[1:]...).CombinedOutput(); err != nil {
		h.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

func (h *host) bound(d time.Duration) time.Duration {
	return timescale.Bound(time.Duration(float64(d) * h.m.TimeScale))
}

// try runs a command inside and returns its exit code and what it wrote.
func (h *host) try(args ...string) (int, string) {
	h.Helper()
	var out output
	ctx, cancel := context.WithTimeout(context.Background(), h.bound(commandTimeout)) // the journal is read after the test's own end
	defer cancel()
	began := time.Now()
	code, err := h.m.Run(ctx, vm.Command{Args: args, Stdout: &out, Stderr: &out})
	if err != nil {
		h.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, out.String())
	}
	h.Logf("%6.2f s  %s", time.Since(began).Seconds(), strings.Join(args, " "))
	return code, out.String()
}

// run is the output of a command that may fail.
func (h *host) run(args ...string) string {
	h.Helper()
	_, out := h.try(args...)
	return out
}

// must runs a command that must not fail.
func (h *host) must(args ...string) string {
	h.Helper()
	code, out := h.try(args...)
	if code != 0 {
		h.Fatalf("%s: exit code %d\n%s", strings.Join(args, " "), code, out)
	}
	return out
}

// property is a systemd property of a unit.
func (h *host) property(unit, name string) string {
	h.Helper()
	return strings.TrimSpace(h.must("systemctl", "show", "--value", "--property", name, unit))
}

// await polls until the condition holds, because systemd's own ways to wait for a status need D-Bus.
func (h *host) await(what string, holds func() bool) {
	h.Helper()
	for end := time.Now().Add(h.bound(awaitTimeout)); !holds(); {
		if time.Now().After(end) {
			h.Fatalf("in vain: %s", what)
		}
		time.Sleep(100 * time.Millisecond) // each request takes processor time from what is waited for
	}
}

// awaitStatus waits until the unit's status contains the words.
func (h *host) awaitStatus(unit, words string) {
	h.Helper()
	h.await(unit+" says "+words, func() bool { return strings.Contains(h.property(unit, "StatusText"), words) })
}

// output is written by one goroutine and read by another.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements io.Writer.
func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

var _ io.Writer = (*output)(nil)
