package vm

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// Kernel is an unpacked kernel in the cache folder.
type Kernel struct {
	// Release is as uname -r shows it.
	Release string
	// Image is the file that QEMU boots.
	Image string
	// Root is the folder whose lib/modules holds the kernel's modules.
	Root string
}

const fetchTimeout = 10 * time.Minute // 70 MB by a slow line

// FindKernel returns the newest kernel of the cache folder. If there is none, it fetches Debian's standard kernel: it downloads and
// unpacks it, and never installs it. Remove the folder (os.UserCacheDir()/weft/vm) to get a newer one. log receives a line when something
// takes time; may be nil.
func FindKernel(ctx context.Context, log func(format string, args ...any)) (Kernel, error) {
	return find(ctx, log, source{name: "Debian's kernel", cost: "70 MB", limit: fetchTimeout, look: cachedKernel, make: unpackKernel})
}

// Fetch puts the kernels of all kinds of virtual machines into the cache folder, unless they are there. log may be nil.
func Fetch(ctx context.Context, log func(format string, args ...any)) error {
	_, err := FindKernel(ctx, log)
	_, userErr := findUserMode(ctx, log)
	return errors.Join(err, userErr)
}

func cacheFolder() (string, error) {
	user, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("vm: no cache folder (set XDG_CACHE_HOME): %w", err)
	}
	cache := filepath.Join(user, "weft", "vm")
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return "", fmt.Errorf("vm: cache folder: %w", err)
	}
	return cache, nil
}

// imageName is written last, so a folder that has it is complete.
const imageName = "vmlinux"

func cachedKernel(cache string) (Kernel, bool) {
	images, _ := filepath.Glob(filepath.Join(cache, "[0-9]*", imageName)) // the pattern is right
	if len(images) == 0 {
		return Kernel{}, false
	}
	newest := slices.MaxFunc(images, func(a, b string) int { return modified(a).Compare(modified(b)) })
	root := filepath.Dir(newest)
	return Kernel{Release: filepath.Base(root), Image: newest, Root: root}, true
}

func modified(path string) time.Time {
	info, err := os.Stat(path)
	if err != nil {
		return time.Time{}
	}
	return info.ModTime()
}
