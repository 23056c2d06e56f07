package guesttree

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"
	"syscall"
)

// look asks for all files that Weft may read or write, by one stat(1) in the guest. Its exit status only says that not all are there.
func (r *Running) look(ctx context.Context) error {
	names := places()
	args := []string{"-c", "%f %u %g %n", "--"}
	for _, name := range names {
		args = append(args, "/"+name)
	}
	o, err := r.agent.Run(ctx, smallLimit, "stat", args...)
	if err != nil {
		return fmt.Errorf("stat in the guest: %w", err)
	}
	r.seen = seenOf(string(o.Out), names)
	if _, ok := r.seen["etc"]; !ok {
		return fmt.Errorf("`stat -c '%%f %%u %%g %%n' /etc` does not show the folder in the guest (exit status %d): it must be the stat of "+
			"coreutils or busybox: %s", o.Code, o.Err)
	}
	return nil
}

// seenOf reads what stat(1) has written. Lines that are of none of the names are left out.
func seenOf(out string, names []string) map[string]stat {
	asked := map[string]bool{}
	for _, name := range names {
		asked[name] = true
	}
	seen := map[string]stat{}
	for line := range strings.Lines(out) {
		fields := strings.SplitN(strings.TrimSuffix(line, "\n"), " ", 4)
		if len(fields) != 4 {
			continue
		}
		mode, err := strconv.ParseUint(fields[0], 16, 32)
		uid, err2 := strconv.ParseUint(fields[1], 10, 31)
		gid, err3 := strconv.ParseUint(fields[2], 10, 31)
		name, below := strings.CutPrefix(fields[3], "/")
		if errors.Join(err, err2, err3) == nil && below && asked[name] {
			seen[name] = stat{fileMode(uint32(mode)), int(uid), int(gid)}
		}
	}
	return seen
}

// fileMode reads the mode of stat(2).
func fileMode(mode uint32) fs.FileMode {
	permissions := fs.FileMode(mode & 0o777)
	switch mode & syscall.S_IFMT {
	case syscall.S_IFREG:
		return permissions
	case syscall.S_IFDIR:
		return permissions | fs.ModeDir
	case syscall.S_IFLNK:
		return permissions | fs.ModeSymlink
	}
	return permissions | fs.ModeIrregular
}

// places are all names that a plan may look at.
func places() (names []string) {
	known := map[string]bool{}
	add := func(list ...string) {
		for _, name := range list {
			if !known[name] {
				known[name] = true
				names = append(names, name)
			}
		}
	}
	add("etc", hostnamePath, path.Dir(keysPath), keysPath, mainPath)
	for _, m := range marks() {
		add(m.file)
	}
	for _, s := range styles() {
		add(s.folder)
		for i := range maxNICs {
			add(s.written(i))
		}
	}
	return names
}
