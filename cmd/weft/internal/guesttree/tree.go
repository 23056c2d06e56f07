// Package guesttree writes what a guest is configured with into its files. A Tree is mounted on this machine, and its guest does not run.
// The files of a Running guest are reached by its agent.
//
// Invariants:
//   - A tree is hostile. Nothing outside of it is read or written, whatever links it contains (os.Root). What is no regular file is neither
//     opened nor replaced.
//   - A file is replaced as a whole, or not at all. There is one exception: a running guest whose agent runs no commands.
//   - Files that others wrote are not replaced without force. There are two exceptions, because everybody expects them: etc/hostname is
//     one value, and in root's authorized_keys only the lines between two marks are replaced.
//   - A second run changes nothing. Files that Weft wrote before and that are not needed any more are removed.
package guesttree

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"syscall"

	"github.com/google/uuid"

	"weft/hostnet/guestconfig"
)

// maxFile bounds the files that are read, in bytes. All of them are small where nobody means harm.
const maxFile = 1 << 20

// Tree is a guest's tree.
type Tree struct{ root *os.Root }

// Open opens a tree. The caller closes it.
func Open(dir string) (*Tree, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	if info, err := root.Stat("etc"); err != nil || !info.IsDir() {
		return nil, errors.Join(fmt.Errorf("%s has no folder etc: name the root of a guest's files", dir), root.Close())
	}
	return &Tree{root}, nil
}

// Close closes the tree.
func (t *Tree) Close() error { return t.root.Close() }

// Plan computes what is to be written. An empty style means the one that the tree has. Without force, a file that Weft did not write and
// that is in the way is an error.
func (t *Tree) Plan(ctx context.Context, g guestconfig.Guest, style string, force bool) (Plan, error) {
	return plan(ctx, t, g, style, force)
}

func (t *Tree) noun() string { return "the tree" }

// existing is a file as it is; there is false if there is none.
type existing struct {
	there    bool
	data     []byte
	mode     fs.FileMode
	uid, gid int
}

// read reads a regular file. It never waits for a FIFO, and never opens a device.
func (t *Tree) read(_ context.Context, name string) (existing, error) {
	info, err := t.root.Lstat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return existing{}, nil
	case err != nil:
		return existing{}, err
	case !info.Mode().IsRegular():
		return existing{}, fmt.Errorf("%s is not a regular file (%s): remove it, or mount the tree that it leads to", name, info.Mode().Type())
	case info.Size() > maxFile:
		return existing{}, fmt.Errorf("%s has %d bytes, more than %d: it is not what it should be", name, info.Size(), maxFile)
	}
	f, err := t.root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return existing{}, err
	}
	defer f.Close()
	if now, err := f.Stat(); err != nil || !os.SameFile(info, now) {
		return existing{}, errors.Join(err, fmt.Errorf("%s has changed meanwhile: end what writes to the tree", name))
	}
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil || len(data) > maxFile {
		return existing{}, errors.Join(err, fmt.Errorf("%s could not be read whole", name))
	}
	e := existing{there: true, data: data, mode: info.Mode().Perm(), uid: -1, gid: -1}
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		e.uid, e.gid = int(st.Uid), int(st.Gid)
	}
	return e, nil
}

func (t *Tree) has(_ context.Context, name string) (bool, error) {
	_, err := t.root.Stat(name)
	return err == nil, nil
}

func (t *Tree) hasLink(_ context.Context, name string) (bool, error) {
	_, err := t.root.Lstat(name)
	return err == nil, nil
}

func (t *Tree) list(_ context.Context, folder string, limit int) (names []string, err error) {
	f, err := t.root.Open(folder)
	if err != nil {
		return nil, nil
	}
	defer f.Close()
	entries, _ := f.ReadDir(limit)
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names, nil
}

// Apply does what the plan says, file by file, in its order.
func (t *Tree) Apply(_ context.Context, p Plan) error {
	for _, c := range p.Files {
		var err error
		switch {
		case c.unchanged():
		case c.New == nil:
			err = t.root.Remove(c.Path)
		default:
			err = t.write(c)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", c.Path, err)
		}
	}
	return nil
}

// write puts a file into its place by renaming it. A link in that place is replaced, not followed. Owner and group stay.
func (t *Tree) write(c Change) error {
	folder := path.Dir(c.Path)
	if err := t.root.MkdirAll(folder, c.folderMode()); err != nil {
		return err
	}
	temp := path.Join(folder, ".weft-inject-"+uuid.NewString())
	f, err := t.root.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if c.old.there {
		err = f.Chown(c.old.uid, c.old.gid)
	}
	_, writeErr := f.Write(c.New)
	if err = errors.Join(err, writeErr, f.Chmod(c.Mode), f.Sync(), f.Close()); err == nil {
		err = t.root.Rename(temp, c.Path)
	}
	if err != nil {
		return errors.Join(err, t.root.Remove(temp))
	}
	return nil
}

// Change is one file as it will be.
type Change struct {
	Path string
	New  []byte // nil if the file is removed
	Mode fs.FileMode
	old  existing
}

// unchanged says that the file is as it should be, and that nobody else may read it than should.
func (c Change) unchanged() bool {
	if c.New == nil {
		return !c.old.there
	}
	return c.old.there && bytes.Equal(c.old.data, c.New) && c.old.mode&^c.Mode == 0
}

// Did says in one word what Apply does.
func (c Change) Did() string {
	switch {
	case c.unchanged():
		return "unchanged"
	case c.New == nil:
		return "removed"
	case c.old.there:
		return "configured"
	}
	return "created"
}

// folderMode is the mode of the file's folder if it has to be made.
func (c Change) folderMode() fs.FileMode {
	if c.Mode&0o077 == 0 && c.Path == keysPath {
		return 0o700 // sshd refuses others (StrictModes)
	}
	return 0o755
}
