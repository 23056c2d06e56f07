package main

import (
	"slices"
	"testing"

	"golang.org/x/sys/unix"
)

func TestParseNodes(t *testing.T) {
	t.Parallel()
	got, err := parseNodes("# Device nodes to trigger on-demand module loading.\ntun net/tun c10:200\nbtrfs btrfs-control c10:234\nx loop9 b7:9\n")
	want := []node{{"/dev/net/tun", unix.S_IFCHR | 0o600, 10, 200}, {"/dev/btrfs-control", unix.S_IFCHR | 0o600, 10, 234},
		{"/dev/loop9", unix.S_IFBLK | 0o600, 7, 9}}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("nodes %+v, error %v, want %+v", got, err, want)
	}
	for _, bad := range []string{"tun net/tun", "tun net/tun c10", "tun net/tun p10:200", "tun ../tun c10:200", "tun net/tun cx:1"} {
		if got, err := parseNodes(bad); err == nil {
			t.Errorf("%q was read as %+v", bad, got)
		}
	}
}
