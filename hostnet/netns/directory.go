// Package netns is the only way to network namespaces. It makes, removes, lists, opens and watches them, and runs code inside.
//
// Invariants:
//   - Code inside runs on a locked thread. A thread that could not switch back is never used again.
//   - A namespace appears under its name complete, or not at all.
//   - Only namespaces are unmounted. Only empty files and the files of namespaces are removed.
//   - Nothing reads /sys/class/net, because it shows the namespace that sysfs was mounted in and not the calling thread's.
package netns

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// DefaultDir is where iproute2 keeps named namespaces. `ip netns` shows what is made there.
const DefaultDir = "/run/netns"

// ErrNotFound is wrapped by errors about a namespace that does not exist.
var ErrNotFound = errors.New("no such network namespace")

// ErrExists is wrapped by Make's error when the name is taken.
var ErrExists = errors.New("a network namespace of that name exists already")

// Directory is the namespaces with names: files in one directory with namespaces mounted on them. Any goroutine may call its
// methods. Two calls for the same name must not run at the same time.
type Directory struct {
	dir  string
	home *Space
}

// OpenDirectory remembers the calling thread's network namespace as the host's own (Home). The directory is made together with
// the first namespace, or when it is watched. Call Close at the end.
func OpenDirectory(dir string) (*Directory, error) {
	if dir == "" {
		dir = DefaultDir
	}
	if !filepath.IsAbs(dir) {
		return nil, fmt.Errorf("directory of network namespaces %q: must be an absolute path", dir)
	}
	home, err := Here()
	if err != nil {
		return nil, err
	}
	return &Directory{dir: dir, home: home}, nil
}

// Here opens the calling thread's own network namespace. The caller closes it.
func Here() (*Space, error) {
	s, err := openSpace("", threadNamespace)
	if err != nil {
		return nil, fmt.Errorf("the thread's own network namespace: %w", err)
	}
	return s, nil
}

// Home is the host's own namespace. Its name is "". It must not be closed.
func (d *Directory) Home() *Space { return d.home }

// Close closes Home. Namespaces stay as they are.
func (d *Directory) Close() error { return d.home.Close() }

// List lists the namespaces whose names have the prefix, in order. It leaves out what is not a namespace.
func (d *Directory) List(prefix string) ([]string, error) {
	entries, err := os.ReadDir(d.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list network namespaces: %w", err)
	}
	var names []string
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), prefix) && isNamespace(d.path(e.Name())) {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

// Open opens a namespace by its name. The error wraps ErrNotFound if there is none.
func (d *Directory) Open(name string) (*Space, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	s, err := openSpace(name, d.path(name))
	if err != nil {
		return nil, fmt.Errorf("network namespace %s: %w", name, err)
	}
	return s, nil
}

// Make makes a namespace, runs prepare inside, and only then gives it its name. prepare must not start goroutines that have to
// run inside. The error wraps ErrExists if the name is taken. The caller closes the result.
func (d *Directory) Make(name string, prepare func() error) (*Space, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	if err := shareDirectory(d.dir); err != nil {
		return nil, err
	}
	if err := makeMountPoint(d.path(name)); err != nil {
		return nil, fmt.Errorf("network namespace %s: %w", name, err)
	}
	err := onOwnThread(func() (error, bool) { return d.makeHere(name, prepare) })
	if err != nil {
		return nil, errors.Join(fmt.Errorf("network namespace %s: %w", name, err), os.Remove(d.path(name)))
	}
	return d.Open(name)
}

// makeHere moves the calling thread into a new namespace, mounts it, and moves the thread back. back is false if that failed.
func (d *Directory) makeHere(name string, prepare func() error) (err error, back bool) {
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("make: %w", err), true
	}
	if err = prepare(); err != nil {
		err = fmt.Errorf("prepare: %w", err)
	} else if err = unix.Mount(threadNamespace, d.path(name), "none", unix.MS_BIND, ""); err != nil {
		err = fmt.Errorf("mount at %s: %w", d.path(name), err)
	}
	return err, unix.Setns(d.home.fd(), unix.CLONE_NEWNET) == nil
}

// Remove removes the name. The namespace ends with everything in it when nobody has it open any more. The kernel does that in its
// own time. It is no error if the namespace does not exist.
func (d *Directory) Remove(name string) error {
	if err := checkName(name); err != nil {
		return err
	}
	if err := unmountNamespace(d.path(name)); err != nil {
		return fmt.Errorf("network namespace %s: %w", name, err)
	}
	return nil
}

// Dismantle removes every namespace whose name has the prefix. If the directory is then empty, it also removes the directory's
// own mount. It is called when Weft is removed from a host.
func (d *Directory) Dismantle(prefix string) error {
	names, err := d.List(prefix)
	if err != nil {
		return err
	}
	var errs []error
	for _, n := range names {
		errs = append(errs, d.Remove(n))
	}
	rest, err := os.ReadDir(d.dir)
	if err == nil && len(rest) == 0 {
		errs = append(errs, unshareDirectory(d.dir))
	}
	return errors.Join(errs...)
}

func (d *Directory) path(name string) string { return filepath.Join(d.dir, name) }

// checkName refuses anything but one file name.
func checkName(name string) error {
	if name == "" || name == "." || name == ".." || len(name) > unix.NAME_MAX || strings.ContainsAny(name, "/\x00") {
		return fmt.Errorf("network namespace %q: must be one file name of at most %d bytes", name, unix.NAME_MAX)
	}
	return nil
}
