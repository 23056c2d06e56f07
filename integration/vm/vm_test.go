//go:build integration

package vm

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestMachine boots once, checks what package vm promises, and then runs every proof inside. For that it runs this same program again,
// which sees the environment variable there.
func TestMachine(t *testing.T) {
	if os.Getenv(Variable) != "" {
		for name, prove := range proofs() {
			t.Run(name, prove)
		}
		return
	}
	testMachine(t, Config{})
}

// TestUserMode checks the same for user-mode Linux.
func TestUserMode(t *testing.T) {
	testMachine(t, Config{Kind: UserMode, Processor: 1})
}

func testMachine(t *testing.T, c Config) {
	c.Log = t.Logf
	m, err := Boot(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	pid := m.process.Process.Pid
	t.Cleanup(func() { closed(t, m, pid) })
	t.Run("exit code and output", func(t *testing.T) { testOutput(t, m) })
	t.Run("much output", func(t *testing.T) { testMuchOutput(t, m) })
	t.Run("large environments", func(t *testing.T) { testLargeEnvironments(t, m) })
	t.Run("share", func(t *testing.T) { testShare(t, m) })
	t.Run("time limit", func(t *testing.T) { testTimeLimit(t, m) })
	t.Run("root is read only", func(t *testing.T) { testReadOnly(t, m) })
	t.Run("what is no program", func(t *testing.T) { testInitRefused(t, m) })
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for name := range proofs() {
		t.Run(name, func(t *testing.T) { testInside(t, m, self, name) })
	}
}

// closed checks that nothing of a machine is left.
func closed(t *testing.T, m *Machine, pid int) {
	if err := m.Close(); err != nil {
		t.Error(err)
	}
	if err := unix.Kill(pid, 0); !errors.Is(err, unix.ESRCH) {
		t.Errorf("process %d is still there: %v", pid, err)
	}
	commands, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Error(err)
	}
	for _, c := range commands { // programs of user-mode Linux have the kernel's arguments
		if line, err := os.ReadFile(c); err == nil && bytes.Contains(line, []byte(m.dir)) {
			t.Errorf("%s is left: %q", c, line)
		}
	}
	if _, err := os.Stat(m.dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s is still there: %v", m.dir, err)
	}
}

func testInside(t *testing.T, m *Machine, self, name string) {
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	var out bytes.Buffer
	code, err := m.Run(ctx, Command{Stage: true, Stdout: &out, Stderr: &out,
		Args: []string{self, "-test.v", "-test.run=^TestMachine$/^" + name + "$"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Log(out.String())
	if code != 0 || !strings.Contains(out.String(), "--- PASS: TestMachine/"+name+" ") {
		t.Errorf("%s did not hold: exit code %d", name, code)
	}
}

// testLargeEnvironments asks for several commands at once that say more than the connection holds.
func testLargeEnvironments(t *testing.T, m *Machine) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			code, err := m.Run(ctx, Command{Args: []string{"true"}, Env: []string{"LARGE=" + strings.Repeat("x", 16<<10)}})
			if err != nil || code != 0 {
				t.Errorf("exit code %d, error %v", code, err)
			}
		})
	}
	all.Wait()
}

func testOutput(t *testing.T, m *Machine) {
	var out, errOut bytes.Buffer
	code, err := m.Run(t.Context(), Command{Args: []string{"uname", "-r"}, Stdout: &out, Stderr: &errOut})
	if err != nil || code != 0 || strings.TrimSpace(out.String()) != m.Release {
		t.Errorf("uname -r: %q, exit code %d, error %v, want %s", out.String(), code, err, m.Release)
	}
	out.Reset()
	code, err = m.Run(t.Context(), Command{Args: []string{"ls", "/nowhere"}, Stdout: &out, Stderr: &errOut})
	if err != nil || code != 2 || out.Len() != 0 || !strings.Contains(errOut.String(), "/nowhere") {
		t.Errorf("ls /nowhere: exit code %d, error %v, out %q, err %q", code, err, out.String(), errOut.String())
	}
	if _, err := m.Run(t.Context(), Command{Args: []string{"/nowhere"}}); err == nil {
		t.Error("a program that is not there was run")
	}
}

// testMuchOutput checks that the connection loses nothing: two streams at once, of a megabyte each.
func testMuchOutput(t *testing.T, m *Machine) {
	var want bytes.Buffer
	for i := range 150000 {
		fmt.Fprintln(&want, i)
	}
	var out, errOut bytes.Buffer
	code, err := m.Run(t.Context(), Command{Stdout: &out, Stderr: &errOut,
		Args: []string{"sh", "-c", "seq 0 149999 & seq 0 149999 >&2; wait"}})
	if err != nil || code != 0 || !bytes.Equal(out.Bytes(), want.Bytes()) || !bytes.Equal(errOut.Bytes(), want.Bytes()) {
		t.Errorf("exit code %d, error %v, %d and %d bytes, want %d alike", code, err, out.Len(), errOut.Len(), want.Len())
	}
}

func testShare(t *testing.T, m *Machine) {
	file := filepath.Join(m.Share, "there")
	if err := os.WriteFile(file, []byte("and back"), 0o644); err != nil {
		t.Fatal(err)
	}
	if code, err := m.Run(t.Context(), Command{Args: []string{"cp", file, file + " and back"}}); code != 0 || err != nil {
		t.Fatalf("cp: exit code %d, error %v", code, err)
	}
	if got, err := os.ReadFile(file + " and back"); err != nil || string(got) != "and back" {
		t.Errorf("the share gave back %q, error %v", got, err)
	}
}

func testTimeLimit(t *testing.T, m *Machine) {
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if _, err := m.Run(ctx, Command{Args: []string{"sleep", "3600"}}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v, want that the deadline was exceeded", err)
	}
	var out bytes.Buffer
	if code, err := m.Run(t.Context(), Command{Args: []string{"pgrep", "-x", "sleep"}, Stdout: &out}); err != nil || code != 1 {
		t.Errorf("sleep is still there: %q, exit code %d, error %v", out.String(), code, err)
	}
}

// testInitRefused checks that the first process continues if it cannot become another program.
func testInitRefused(t *testing.T, m *Machine) {
	for range 2 {
		if err := m.Init(t.Context(), nil, "/etc/passwd"); err == nil || !strings.Contains(err.Error(), "permission denied") {
			t.Errorf("error %v, want that it is no program", err)
		}
	}
	if code, err := m.Run(t.Context(), Command{Args: []string{"true"}}); code != 0 || err != nil {
		t.Errorf("exit code %d, error %v", code, err)
	}
}

func testReadOnly(t *testing.T, m *Machine) {
	file := filepath.Join(t.TempDir(), "file")
	if code, err := m.Run(t.Context(), Command{Args: []string{"mkdir", "-p", file}}); code != 0 || err != nil {
		t.Errorf("writing inside: exit code %d, error %v", code, err)
	}
	if _, err := os.Stat(file); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("what was written inside is outside too: %v", err)
	}
}
