package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// node is a device file. Opening it loads its module, e.g. /dev/net/tun.
type node struct {
	path         string
	mode         uint32
	major, minor uint32
}

// parseNodes reads depmod(8)'s modules.devname: lines of "tun net/tun c10:200".
func parseNodes(devname string) ([]node, error) {
	var nodes []node
	for line := range strings.Lines(devname) {
		f := strings.Fields(line)
		if len(f) == 0 || strings.HasPrefix(f[0], "#") {
			continue
		}
		if len(f) != 3 || len(f[2]) < 2 || !filepath.IsLocal(f[1]) {
			return nil, fmt.Errorf("modules.devname: %q: want module, path and number", strings.TrimSpace(line))
		}
		mode, ok := map[byte]uint32{'c': unix.S_IFCHR, 'b': unix.S_IFBLK}[f[2][0]]
		major, minor, cut := strings.Cut(f[2][1:], ":")
		ma, err := strconv.ParseUint(major, 10, 32)
		mi, err2 := strconv.ParseUint(minor, 10, 32)
		if err := errors.Join(err, err2); !ok || !cut || err != nil {
			return nil, fmt.Errorf("modules.devname: %q: want c or b and major:minor, error %v", strings.TrimSpace(line), err)
		}
		nodes = append(nodes, node{filepath.Join("/dev", f[1]), mode | 0o600, uint32(ma), uint32(mi)})
	}
	return nodes, nil
}

// makeNodes makes the device files of modules that are not loaded yet, as udev or kmod would at boot.
func makeNodes() error {
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		return fmt.Errorf("uname: %w", err)
	}
	text, err := os.ReadFile(filepath.Join("/lib/modules", unix.ByteSliceToString(name.Release[:]), "modules.devname"))
	if err != nil {
		return err
	}
	nodes, err := parseNodes(string(text))
	if err != nil {
		return err
	}
	for _, n := range nodes {
		if err := os.MkdirAll(filepath.Dir(n.path), 0o755); err != nil {
			return err
		}
		if err := unix.Mknod(n.path, n.mode, int(unix.Mkdev(n.major, n.minor))); err != nil && err != unix.EEXIST {
			return fmt.Errorf("make %s: %w", n.path, err)
		}
	}
	return nil
}
