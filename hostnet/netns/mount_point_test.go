package netns

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestNames: a name is exactly one file in the directory.
func TestNames(t *testing.T) {
	t.Parallel()
	d := &Directory{dir: t.TempDir()}
	for name, good := range map[string]bool{
		"weft-1": true, "..a": true, "a b": true, strings.Repeat("a", 255): true,
		"": false, ".": false, "..": false, "a/b": false, "../x": false, "/etc": false, "a\x00b": false, strings.Repeat("a", 256): false,
	} {
		if err := checkName(name); (err == nil) != good {
			t.Errorf("%q: %v", name, err)
		}
		if good {
			continue
		}
		prepared := false
		_, opened := d.Open(name)
		_, made := d.Make(name, func() error { prepared = true; return nil })
		if removed := d.Remove(name); opened == nil || made == nil || removed == nil || prepared {
			t.Errorf("%q: opened %v, made %v, removed %v", name, opened, made, removed)
		}
	}
	if left, err := os.ReadDir(d.dir); err != nil || len(left) > 0 {
		t.Errorf("left are %v, %v", left, err)
	}
}

// TestMountPoints: the empty file of a maker that was killed half way is used again and removed. Anything else belongs to
// somebody else.
func TestMountPoints(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := func(name string) string { return filepath.Join(dir, name) }
	if err := errors.Join(makeMountPoint(file("new")), makeMountPoint(file("new"))); err != nil {
		t.Errorf("made twice: %v", err)
	}
	if err := errors.Join(os.WriteFile(file("full"), []byte("x"), 0o600), os.Mkdir(file("dir"), 0o700), os.Symlink(file("full"), file("link"))); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"full", "dir", "link"} {
		if err := makeMountPoint(file(name)); err == nil || errors.Is(err, ErrExists) || !strings.Contains(err.Error(), "remove it") {
			t.Errorf("%s is taken for a mount point: %v", name, err)
		}
		if err := unmountNamespace(file(name)); err == nil || !strings.Contains(err.Error(), "is left where it is") {
			t.Errorf("%s is removed: %v", name, err)
		}
		if _, err := os.Lstat(file(name)); err != nil {
			t.Errorf("%s has gone: %v", name, err)
		}
	}
	if err := errors.Join(unmountNamespace(file("new")), unmountNamespace(file("new"))); err != nil {
		t.Errorf("removed twice: %v", err)
	}
	if _, err := os.Lstat(file("new")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the empty file is left: %v", err)
	}
	if err := makeMountPoint(file("no/such")); err == nil {
		t.Error("a mount point without its directory is made")
	}
}

// TestWhatIsListed: files that are not namespaces are not listed. A directory that does not exist has no namespaces.
func TestWhatIsListed(t *testing.T) {
	t.Parallel()
	d := &Directory{dir: t.TempDir()}
	if err := os.WriteFile(d.path("weft-file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, target := range map[string]string{"weft-1": "/proc/self/ns/net", "weft-0": "/proc/self/ns/net", "other": "/proc/self/ns/net", "weft-gone": "/nowhere"} {
		if err := os.Symlink(target, d.path(name)); err != nil {
			t.Fatal(err)
		}
	}
	if names, err := d.List("weft-"); err != nil || !slices.Equal(names, []string{"weft-0", "weft-1"}) {
		t.Errorf("listed are %v, %v", names, err)
	}
	if names, err := (&Directory{dir: d.path("none")}).List(""); err != nil || len(names) > 0 {
		t.Errorf("of no directory: %v, %v", names, err)
	}
	if _, err := (&Directory{dir: d.path("weft-file")}).List(""); err == nil {
		t.Error("a file is listed")
	}
	if _, err := d.Open("none"); !errors.Is(err, ErrNotFound) {
		t.Errorf("one that is not there: %v", err)
	}
}
