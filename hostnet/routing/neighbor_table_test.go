package routing

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestNeighborTablesAreRaised: upward only, by the machine's memory, and where there is none, as in other network namespaces
// and on kernels without IPv6, nothing is made.
func TestNeighborTablesAreRaised(t *testing.T) {
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
		{"a large machine", map[string]string{"ipv4/3": "1024"}, map[string]string{"ipv4/3": "1048576"}, 1 << 40, 1},
		{"another namespace", nil, nil, 4 << 30, 0},
	} {
		root := t.TempDir()
		file := func(name string) string {
			family, n, _ := strings.Cut(name, "/")
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
		raised, err := raiseNeighborTables(root, c.memory)
		if err != nil || len(raised) != c.raised {
			t.Errorf("%s: raised %v (%v), want %d", c.name, raised, err, c.raised)
		}
		for name, want := range c.want {
			if b, err := os.ReadFile(file(name)); err != nil || strings.TrimSpace(string(b)) != want {
				t.Errorf("%s: %s holds %q (%v), want %s", c.name, name, b, err, want)
			}
		}
		if again, err := raiseNeighborTables(root, c.memory); err != nil || len(again) != 0 {
			t.Errorf("%s: raised again %v (%v)", c.name, again, err)
		}
	}
}
