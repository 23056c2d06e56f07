package vm

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
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
	if runtime.GOARCH != "amd64" {
		return Kernel{}, fmt.Errorf("vm: the rig knows amd64 only, this is %s", runtime.GOARCH)
	}
	cache, err := cacheFolder()
	if err != nil {
		return Kernel{}, err
	}
	return once(ctx, cache, cachedKernel, func(ctx context.Context, cache string) (Kernel, error) {
		if log != nil {
			log("fetching Debian's kernel into %s (70 MB, once)", cache)
		}
		ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
		defer cancel()
		return fetchKernel(ctx, cache)
	})
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

// fetchKernel makes the cache's folder of a kernel. It makes the folder under another name and then renames it, so that the folder is
// there complete or not at all. If two programs fetch at once, the second uses the folder of the first.
func fetchKernel(ctx context.Context, cache string) (Kernel, error) {
	if err := sweepFetches(cache); err != nil {
		return Kernel{}, err
	}
	temp, err := os.MkdirTemp(cache, fetchPrefix)
	if err != nil {
		return Kernel{}, fmt.Errorf("vm: %w", err)
	}
	defer os.RemoveAll(temp)
	root := filepath.Join(temp, "root")
	release, err := unpackKernel(ctx, temp, root)
	if err != nil {
		return Kernel{}, err
	}
	final := filepath.Join(cache, release)
	if err := os.Rename(root, final); err != nil && !errors.Is(err, os.ErrExist) {
		return Kernel{}, fmt.Errorf("vm: keep kernel: %w", err)
	}
	k, ok := cachedKernel(cache)
	if !ok {
		return k, fmt.Errorf("vm: %s is there and holds no %s: remove it", final, imageName)
	}
	return k, nil
}
