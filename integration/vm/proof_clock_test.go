//go:build integration

package vm

import (
	"os/exec"
	"sync"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// clockTolerance is how far the clock that programs read may be from that of the kernel: its counter's steps, and some of the tolerance of
// user-mode/clock.h.
const clockTolerance = 20 * time.Microsecond

// kernelClock reads a clock by a system call. A program's usual way is the vDSO.
func kernelClock(t *testing.T, id int32) time.Duration {
	t.Helper()
	var ts unix.Timespec
	if _, _, e := unix.RawSyscall(unix.SYS_CLOCK_GETTIME, uintptr(id), uintptr(unsafe.Pointer(&ts)), 0); e != 0 {
		t.Fatalf("clock %d: %v", id, e)
	}
	return time.Duration(ts.Nano())
}

// proveClock reads the clocks in both ways, while forks take pages from the stacks that are written to. What a program reads lies between
// what the kernel says before and after.
func proveClock(t *testing.T) {
	earliest := kernelClock(t, unix.CLOCK_MONOTONIC)
	start := time.Now()
	latest := kernelClock(t, unix.CLOCK_MONOTONIC)
	var forks sync.WaitGroup
	defer forks.Wait()
	forks.Go(func() {
		for range 20 {
			if err := exec.Command("true").Run(); err != nil {
				t.Error(err)
			}
		}
	})
	last := time.Duration(0)
	for range 2000 {
		before, wallBefore := kernelClock(t, unix.CLOCK_MONOTONIC), kernelClock(t, unix.CLOCK_REALTIME)
		now := time.Now()
		after, wallAfter := kernelClock(t, unix.CLOCK_MONOTONIC), kernelClock(t, unix.CLOCK_REALTIME)
		since := now.Sub(start)
		if since < last {
			t.Fatalf("the monotonic clock went back from %v to %v", last, since)
		}
		last = since
		if latest+since < before-clockTolerance || earliest+since > after+clockTolerance {
			t.Fatalf("a program reads %v to %v after %v and before %v", earliest+since, latest+since, before, after)
		}
		if wall := time.Duration(now.UnixNano()); wall < wallBefore-clockTolerance || wall > wallAfter+clockTolerance {
			t.Fatalf("a program reads %v after %v and before %v", wall, wallBefore, wallAfter)
		}
	}
}
