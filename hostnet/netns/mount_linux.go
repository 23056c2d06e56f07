package netns

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// maxMounts bounds how many stacked mounts are removed from one name.
const maxMounts = 16

// makeDirectory makes the directory if it is missing. Its mode is the one that iproute2 uses, so everybody may read it. Without
// chmod the umask of a systemd unit would keep others out.
func makeDirectory(dir string) error {
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return fmt.Errorf("directory of network namespaces: %w", err)
	}
	err := os.Mkdir(dir, 0o755)
	switch {
	case errors.Is(err, fs.ErrExist):
		return nil
	case err == nil:
		err = os.Chmod(dir, 0o755)
	}
	if err != nil {
		return fmt.Errorf("directory of network namespaces: %w", err)
	}
	return nil
}

// shareDirectory makes the directory a shared mount of its own, as iproute2 does (ip-netns(8)). Names that one mount namespace
// adds or removes are then added or removed in all. So no other mount namespace keeps a removed namespace alive.
func shareDirectory(dir string) error {
	if err := makeDirectory(dir); err != nil {
		return err
	}
	err := unix.Mount("", dir, "none", unix.MS_SHARED|unix.MS_REC, "")
	if errors.Is(err, unix.EINVAL) { // not a mount yet
		if err = unix.Mount(dir, dir, "none", unix.MS_BIND|unix.MS_REC, ""); err == nil {
			err = unix.Mount("", dir, "none", unix.MS_SHARED|unix.MS_REC, "")
		}
	}
	if err != nil {
		return fmt.Errorf("make %s a shared mount (needs CAP_SYS_ADMIN): %w", dir, err)
	}
	return nil
}

// unshareDirectory removes the directory's own mount, if it is one.
func unshareDirectory(dir string) error {
	err := unix.Unmount(dir, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW)
	if err != nil && !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("unmount %s: %w", dir, err)
	}
	return nil
}

// makeMountPoint makes the empty file that a namespace is mounted on. A file that is left from a maker that was killed half way
// is used again. If a namespace is mounted there, the error is ErrExists.
func makeMountPoint(path string) error {
	f, err := os.OpenFile(path, os.O_RDONLY|os.O_CREATE|os.O_EXCL, 0)
	if err == nil {
		return f.Close()
	}
	if !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("make its mount point: %w", err)
	}
	if isNamespace(path) {
		return ErrExists
	}
	i, err := os.Lstat(path)
	if err != nil {
		return fmt.Errorf("look at its mount point: %w", err)
	}
	if !i.Mode().IsRegular() || i.Size() != 0 {
		return fmt.Errorf("%s is not a namespace and not an empty file: remove it", path)
	}
	return nil
}

// unmountNamespace unmounts all namespaces from the path and removes the empty file below.
func unmountNamespace(path string) error {
	for range maxMounts {
		if !isNamespace(path) {
			break
		}
		if err := unix.Unmount(path, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW); err != nil {
			return fmt.Errorf("unmount: %w", err)
		}
	}
	i, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("look at its mount point: %w", err)
	case !i.Mode().IsRegular() || i.Size() != 0:
		return fmt.Errorf("%s is not an empty file: it is left where it is", path)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove its mount point: %w", err)
	}
	return nil
}

// isNamespace says whether a namespace is mounted at the path.
func isNamespace(path string) bool {
	var s unix.Statfs_t
	return unix.Statfs(path, &s) == nil && s.Type == unix.NSFS_MAGIC
}
