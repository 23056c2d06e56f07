package scale

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// clockTick is USER_HZ, the unit of /proc/<pid>/stat on every Linux architecture Go runs on.
const clockTick = 100

// ProcessorTime is the user and system time of a process (proc(5), fields 14 and 15 of stat).
func ProcessorTime(pid int) (time.Duration, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(data), ") ")
	f := strings.Fields(rest)
	if len(f) < 13 {
		return 0, fmt.Errorf("/proc/%d/stat has %d fields", pid, len(f))
	}
	user, err := strconv.Atoi(f[11])
	if err != nil {
		return 0, err
	}
	system, err := strconv.Atoi(f[12])
	return time.Duration(user+system) * time.Second / clockTick, err
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
