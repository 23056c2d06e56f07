// Package vmtest runs a test inside a virtual machine if the machine's kernel lacks what the test needs.
//
// Invariants: a test that cannot run fails, and none is skipped. The virtual machine ends with the test.
package vmtest

import (
	"context"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"

	"weft/integration/need"
	"weft/integration/timescale"
	"weft/integration/vm"
)

// Inside returns false if the running kernel has all that is needed. Then the test continues. Otherwise Inside runs the test, and no
// other test, in a virtual machine, waits for its end, and returns true. limit bounds it, for a machine of usual speed.
func Inside(t *testing.T, limit time.Duration, needs ...need.Need) bool {
	t.Helper()
	lacking, err := need.Lacking(needs)
	if err != nil {
		t.Fatal(err)
	}
	if len(lacking) == 0 {
		return false
	}
	if os.Getenv(vm.Variable) != "" {
		t.Fatalf("the virtual machine's kernel lacks %v too", lacking)
	}
	m := boot(t)
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), timescale.Bound(limit))
	defer cancel()
	var out strings.Builder
	code, err := m.Run(ctx, vm.Command{Stage: true, Stdout: &out, Stderr: &out,
		Args: []string{self, "-test.v", "-test.run=^" + t.Name() + "$", "-test.timeout=" + limit.String()}})
	// For go test, a name that matches nothing is a success.
	if err != nil || code != 0 || !strings.Contains(out.String(), "--- PASS: "+t.Name()+" ") {
		t.Fatalf("in the virtual machine: exit code %d, error %v\n%s", code, err, out.String())
	}
	return true
}

// boot starts user-mode Linux, where tests take a third of the time that they take under QEMU. QEMU replaces it if it does not start, and
// for the race detector, which needs more addresses than a program has in user-mode Linux (512 GiB).
func boot(t *testing.T) *vm.Machine {
	t.Helper()
	c := vm.Config{Kind: vm.UserMode, Log: t.Logf}
	if detectsRaces() {
		c.Kind = vm.QEMU
	}
	m, err := vm.Boot(t.Context(), c)
	if err != nil && c.Kind == vm.UserMode && t.Context().Err() == nil {
		t.Logf("user-mode Linux does not come up, QEMU takes its place: %v", err)
		c.Kind = vm.QEMU
		m, err = vm.Boot(t.Context(), c)
	}
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// detectsRaces says whether this program was built with -race.
func detectsRaces() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}
