// Package netns is the only way to network namespaces: it makes, removes, lists, opens and watches them, and runs code inside.
//
// Invariants: code runs inside on a thread that is locked for as long, and a thread that could not switch back is never used
// again; a namespace appears under its name complete, or not at all; nothing that is not a namespace is ever unmounted, and no
// file is removed but an empty one or a namespace's own; nothing reads /sys/class/net, which shows the namespace that sysfs was
// mounted in and not the calling thread's.
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

// DefaultDir is where iproute2 keeps named namespaces: what is made there is there for `ip netns`.
const DefaultDir = "/run/netns"

// ErrNotFound is wrapped by errors about a namespace that is not there.
var ErrNotFound = errors.New("no such network namespace")

// ErrExists is wrapped by Make's error when the name is taken.
var ErrExists = errors.New("a network namespace of that name exists already")

// Directory is the namespaces that have a name: files below one directory with namespaces mounted on them. Its methods may be
// called by any goroutine; two calls for the same name at the same time must not be.
type Directory struct {
	dir  string
	home *Space
}

// OpenDirectory remembers the calling thread's network namespace as the host's own (Home). The directory is made when the
// first namespace is, or when it is watched. Call Close at the end.
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

// Home is the host's own namespace; its name is "". It must not be closed.
func (d *Directory) Home() *Space { return d.home }

// Close closes Home. Namespaces stay as they are.
func (d *Directory) Close() error { return d.home.Close() }

// List names the namespaces that begin with the prefix, in order. What is not a namespace is left out.
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

// Make makes a namespace, runs prepare inside, and only then gives it its name. prepare must not start goroutines that are to
// run inside. The error wraps ErrExists if the name is taken. The caller closes what is returned.
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

// makeHere moves the calling thread into a new namespace, mounts it, and comes back; back is false if it could not.
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

// Remove takes the name away. The namespace itself ends with everything in it when nobody has it open any more; the kernel
// does that in its own time. A namespace that is not there is no error.
func (d *Directory) Remove(name string) error {
	if err := checkName(name); err != nil {
		return err
	}
	if err := unmountNamespace(d.path(name)); err != nil {
		return fmt.Errorf("network namespace %s: %w", name, err)
	}
	return nil
}

// Dismantle removes every namespace that begins with the prefix, and the directory's own mount if that leaves it empty: what
// takes Weft off a host calls it.
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

// checkName refuses what is not one file name.
func checkName(name string) error {
	if name == "" || name == "." || name == ".." || len(name) > unix.NAME_MAX || strings.ContainsAny(name, "/\x00") {
		return fmt.Errorf("network namespace %q: must be one file name of at most %d bytes", name, unix.NAME_MAX)
	}
	return nil
}
