package vm

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"syscall"
	"time"
)

// folderPrefix is the beginning of the name of a virtual machine's folder. The pid of its program follows.
const folderPrefix = "weftvm"

var folderName = regexp.MustCompile(`^` + folderPrefix + `([0-9]+)-`)

// sweepStale removes the folders of virtual machines whose program was killed before it could close them. QEMU died with the program, but
// the folder did not.
func sweepStale() error {
	folders, err := filepath.Glob(filepath.Join(os.TempDir(), folderPrefix+"*"))
	if err != nil {
		return fmt.Errorf("vm: %w", err)
	}
	for _, f := range folders {
		m := folderName.FindStringSubmatch(filepath.Base(f))
		if m == nil {
			continue
		}
		pid, err := strconv.Atoi(m[1])
		if err != nil || !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
			continue
		}
		if err := os.RemoveAll(f); err != nil {
			return fmt.Errorf("vm: stale folder: %w", err)
		}
	}
	return nil
}

// fetchPrefix is the beginning of the name of a folder in the cache in which a kernel is being made.
const fetchPrefix = "fetch-"

// sweepFetches removes the leftovers of killed fetches: folders that are older than any fetch takes.
func sweepFetches(cache string) error {
	folders, err := filepath.Glob(filepath.Join(cache, fetchPrefix+"*"))
	if err != nil {
		return fmt.Errorf("vm: %w", err)
	}
	for _, f := range folders {
		if time.Since(modified(f)) < 2*fetchTimeout {
			continue
		}
		if err := os.RemoveAll(f); err != nil {
			return fmt.Errorf("vm: stale folder: %w", err)
		}
	}
	return nil
}
