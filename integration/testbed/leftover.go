package testbed

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	"weft/integration/timescale"
)

// leftovers looks for namespaces and processes of a closed testbed that are still there.
func (b *Testbed) leftovers(procs []*Process) error {
	var errs []error
	for _, p := range procs {
		if p.cmd == nil || p.cmd.Process == nil {
			continue
		}
		if !groupEnds(p.cmd.Process.Pid) {
			errs = append(errs, fmt.Errorf("testbed: left over: process group %d of %s", p.cmd.Process.Pid, p.Name))
		}
	}
	names, err := namespaceNames()
	errs = append(errs, err)
	for _, name := range names {
		if strings.HasPrefix(name, b.ID+"-") {
			errs = append(errs, fmt.Errorf("testbed: left over: namespace %s", name))
		}
	}
	return errors.Join(errs...)
}

// groupEnds waits until no process of a killed group runs any more. Children of the testbed's programs end a moment after their
// parents, and init reaps them.
func groupEnds(group int) bool {
	deadline := time.Now().Add(timescale.Bound(waitDelay))
	for groupRuns(group) {
		if time.Now().After(deadline) {
			return false
		}
		time.Sleep(5 * time.Millisecond)
	}
	return true
}

// groupRuns says that some process of the group is there and is not a zombie (proc_pid_stat(5)).
func groupRuns(group int) bool {
	if errors.Is(syscall.Kill(-group, 0), syscall.ESRCH) {
		return false
	}
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return true
	}
	for _, path := range stats {
		data, err := os.ReadFile(path)
		if err != nil {
			continue // it has just ended
		}
		_, rest, _ := strings.Cut(string(data), ") ") // the name before it may contain anything
		if f := strings.Fields(rest); len(f) > 2 && f[0] != "Z" && f[2] == strconv.Itoa(group) {
			return true
		}
	}
	return false
}

// namespaceNames lists the named network namespaces (ip-netns(8) keeps them as files there).
func namespaceNames() ([]string, error) {
	entries, err := os.ReadDir("/run/netns")
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("testbed: namespaces: %w", err)
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name()
	}
	return names, nil
}

var testbedName = regexp.MustCompile(`^wb([0-9]+)[a-z]+(-.*)?$`)

// sweepStale removes the leftovers of testbeds whose program was killed before it could close them. Their processes died with the program,
// but their namespaces and folders did not.
func sweepStale(ctx context.Context) error {
	names, err := namespaceNames()
	if err != nil {
		return err
	}
	for _, name := range names {
		if stale(name) {
			out, err := exec.CommandContext(ctx, "ip", "netns", "delete", name).CombinedOutput()
			if err != nil && !strings.Contains(string(out), "No such file") { // another program has removed it
				return fmt.Errorf("testbed: stale namespace %s: %w: %s", name, err, out)
			}
		}
	}
	dirs, err := os.ReadDir(os.TempDir())
	if err != nil {
		return fmt.Errorf("testbed: %w", err)
	}
	for _, d := range dirs {
		if d.IsDir() && stale(d.Name()) {
			if err := removeTree(filepath.Join(os.TempDir(), d.Name())); err != nil {
				return fmt.Errorf("testbed: stale folder: %w", err)
			}
		}
	}
	return nil
}

// stale says that the name belongs to a testbed whose program is gone.
func stale(name string) bool {
	m := testbedName.FindStringSubmatch(name)
	if m == nil {
		return false
	}
	pid, err := strconv.Atoi(m[1])
	return err == nil && errors.Is(syscall.Kill(pid, 0), syscall.ESRCH)
}
