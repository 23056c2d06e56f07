package guesttree

import (
	"context"
	"fmt"
	"io/fs"
	"path"
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
		var mode uint32
		var s stat
		fields := strings.SplitN(strings.TrimSuffix(line, "\n"), " ", 4)
		if len(fields) != 4 || !asked[strings.TrimPrefix(fields[3], "/")] {
			continue
		}
		if _, err := fmt.Sscanf(strings.Join(fields[:3], " "), "%x %d %d", &mode, &s.uid, &s.gid); err != nil || s.uid < 0 || s.gid < 0 {
			continue
		}
		s.mode = fs.FileMode(mode & 0o777)
		switch mode & syscall.S_IFMT {
		case syscall.S_IFREG:
		case syscall.S_IFDIR:
			s.mode |= fs.ModeDir
		case syscall.S_IFLNK:
			s.mode |= fs.ModeSymlink
		default:
			s.mode |= fs.ModeIrregular
		}
		seen[strings.TrimPrefix(fields[3], "/")] = s
	}
	return seen
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
