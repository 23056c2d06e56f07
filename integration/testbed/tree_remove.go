package testbed

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// removeTree removes a folder with everything in it. The hosts' network namespaces are mounted there. It unmounts them first, the topmost
// mount before those below it. A namespace ends when no process is in it.
func removeTree(folder string) error {
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return fmt.Errorf("testbed: mounts below %s: %w", folder, err)
	}
	var points []string
	for line := range strings.Lines(string(mounts)) {
		// proc_pid_mountinfo(5): the fifth field is the mount point.
		if f := strings.Fields(line); len(f) > 4 && strings.HasPrefix(f[4], folder+"/") {
			points = append(points, f[4])
		}
	}
	slices.Sort(points)
	var errs []error
	for _, p := range slices.Backward(points) {
		if err := unix.Unmount(p, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW); err != nil && !errors.Is(err, unix.EINVAL) {
			errs = append(errs, fmt.Errorf("testbed: unmount %s: %w", p, err))
		}
	}
	return errors.Join(append(errs, os.RemoveAll(folder))...)
}
