package scale

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// ProcessorTime is the user and system time of a process with all its threads. It is read from the process's own clock, whose number
// clock_getcpuclockid(3) makes of the pid. /proc/<pid>/stat counts in steps of 10 ms, which is more than many ports take.
func ProcessorTime(pid int) (time.Duration, error) {
	const scheduled = 2 // the kernel's CPUCLOCK_SCHED: what the scheduler gave, in nanoseconds
	var t unix.Timespec
	if err := unix.ClockGettime(int32(^pid<<3|scheduled), &t); err != nil {
		return 0, fmt.Errorf("processor time of process %d: %w", pid, err)
	}
	return time.Duration(t.Nano()), nil
}

// Memory is the resident memory of a process in KiB: now, and the peak since the last call of ForgetPeak or since the start.
func Memory(pid int) (resident, peak int, err error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, 0, err
	}
	fields := map[string]*int{"VmRSS:": &resident, "VmHWM:": &peak}
	for line := range strings.Lines(string(data)) {
		f := strings.Fields(line)
		if len(f) < 2 || fields[f[0]] == nil {
			continue
		}
		if *fields[f[0]], err = strconv.Atoi(f[1]); err != nil {
			return 0, 0, fmt.Errorf("/proc/%d/status: %s %w", pid, f[0], err)
		}
	}
	if resident == 0 || peak == 0 {
		return 0, 0, fmt.Errorf("/proc/%d/status has no VmRSS or no VmHWM", pid)
	}
	return resident, peak, nil
}

// ForgetPeak resets the peak (proc(5), clear_refs).
func ForgetPeak(pid int) error {
	return os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", pid), []byte("5"), 0)
}
