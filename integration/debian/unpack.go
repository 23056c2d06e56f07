// Package debian unpacks Debian packages into a folder, so that tests can run programs that must not be installed on the machine: cloud-init
// would configure the machine when it boots, and ifupdown its interfaces.
//
// Invariants: nothing is installed, no script of a package runs, and nothing is written outside of the cache folder.
package debian

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// limit bounds a download.
const limit = 5 * time.Minute

// Unpack returns the root of a tree with the files of these packages, without those that they depend on. It is made once and kept in the
// user's cache folder; remove it to get newer packages. It fails if no Debian mirror is reachable.
func Unpack(ctx context.Context, packages ...string) (root string, err error) {
	user, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("debian: no cache folder (set XDG_CACHE_HOME): %w", err)
	}
	cache := filepath.Join(user, "weft", "debian")
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return "", fmt.Errorf("debian: cache folder: %w", err)
	}
	root = filepath.Join(cache, fmt.Sprintf("%s-%x", packages[0], sha256.Sum256([]byte(strings.Join(packages, " "))))[:len(packages[0])+9])
	unlock, err := lock(filepath.Join(cache, "lock"))
	if err != nil {
		return "", err
	}
	defer unlock()
	if _, err := os.Stat(root); err == nil {
		return root, nil
	}
	temp, err := os.MkdirTemp(cache, ".unpack-")
	if err != nil {
		return "", fmt.Errorf("debian: %w", err)
	}
	defer os.RemoveAll(temp)
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	if err := unpack(ctx, temp, packages); err != nil {
		return "", err
	}
	if err := os.Rename(filepath.Join(temp, "root"), root); err != nil {
		return "", fmt.Errorf("debian: %w", err)
	}
	return root, nil
}

// unpack downloads the packages into temp, and makes root in it.
func unpack(ctx context.Context, temp string, packages []string) error {
	// apt's own download user may not write here, so apt downloads as root.
	download := append([]string{"download", "-q", "-o", "APT::Sandbox::User=root"}, packages...)
	if err := run(ctx, temp, "apt-get", download...); err != nil { // a machine may have no package lists yet, or old ones
		if err := run(ctx, temp, "apt-get", "update", "-q"); err != nil {
			return err
		}
		if err := run(ctx, temp, "apt-get", download...); err != nil {
			return fmt.Errorf("%w; is a Debian mirror reachable?", err)
		}
	}
	debs, err := filepath.Glob(filepath.Join(temp, "*.deb"))
	if err != nil || len(debs) != len(packages) {
		return errors.Join(err, fmt.Errorf("debian: %d packages were downloaded, expected %d", len(debs), len(packages)))
	}
	for _, deb := range debs {
		if err := run(ctx, temp, "dpkg-deb", "--extract", deb, filepath.Join(temp, "root")); err != nil {
			return err
		}
	}
	return nil
}

// lock keeps others from making the same tree. The operating system ends it with its holder.
func lock(name string) (unlock func(), err error) {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("debian: %w", err)
	}
	for err = unix.EINTR; err == unix.EINTR; { // signals of Go's own scheduler interrupt it
		err = unix.Flock(int(f.Fd()), unix.LOCK_EX)
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("debian: lock %s: %w", name, err)
	}
	return func() { f.Close() }, nil
}

func run(ctx context.Context, dir, name string, args ...string) error {
	var stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Stderr, cmd.WaitDelay = dir, &stderr, 5*time.Second
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("debian: %s %s: %w: %s", name, strings.Join(args, " "), err, strings.TrimSpace(stderr.String()))
	}
	return nil
}
