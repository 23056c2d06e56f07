package routing

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestSharedTablesAreRaised: the bounds are only raised, depending on the machine's memory. Where the files do not exist (in
// other network namespaces, on kernels without IPv6), none is made.
func TestSharedTablesAreRaised(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name       string
		have, want map[string]string
		memory     uint64
		raised     int
	}{
		{"defaults", map[string]string{"ipv4/3": "1024", "ipv4/2": "512", "ipv4/1": "128", "ipv6/3": "1024", "ipv6/2": "512", "ipv6/1": "128"},
			map[string]string{"ipv4/3": "65536", "ipv4/2": "32768", "ipv4/1": "8192", "ipv6/3": "65536", "ipv6/2": "32768", "ipv6/1": "8192"}, 4 << 30, 6},
		{"somebody's larger one stays", map[string]string{"ipv4/3": "2000000", "ipv4/2": "512", "ipv4/1": "99999"},
			map[string]string{"ipv4/3": "2000000", "ipv4/2": "8192", "ipv4/1": "99999"}, 1 << 20, 1},
		{"a large machine", map[string]string{"ipv4/3": "1024", "conntrack": "262144"}, map[string]string{"ipv4/3": "1048576", "conntrack": "4194304"}, 1 << 40, 2},
		{"connections in another namespace", map[string]string{"conntrack": "1"}, map[string]string{"conntrack": "1"}, 4 << 30, 0},
		{"another namespace", nil, nil, 4 << 30, 0},
	} {
		root := t.TempDir()
		file := func(name string) string {
			family, n, found := strings.Cut(name, "/")
			if !found {
				return filepath.Join(root, "netfilter", "nf_conntrack_max")
			}
			return filepath.Join(root, family, "neigh", "default", "gc_thresh"+n)
		}
		for name, value := range c.have {
			if err := os.MkdirAll(filepath.Dir(file(name)), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file(name), []byte(value+"\n"), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		raised, err := raiseTables(root, c.memory)
		if err != nil || len(raised) != c.raised {
			t.Errorf("%s: raised %v (%v), want %d", c.name, raised, err, c.raised)
		}
		for name, want := range c.want {
			if b, err := os.ReadFile(file(name)); err != nil || strings.TrimSpace(string(b)) != want {
				t.Errorf("%s: %s holds %q (%v), want %s", c.name, name, b, err, want)
			}
		}
		if again, err := raiseTables(root, c.memory); err != nil || len(again) != 0 {
			t.Errorf("%s: raised again %v (%v)", c.name, again, err)
		}
	}
}
