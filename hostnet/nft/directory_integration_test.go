//go:build integration

package nft

import (
	"testing"

	"weft/hostnet/netns"
	"weft/hostnet/object"
)

// TestInDirectory drives namespaces that Weft makes itself.
func TestInDirectory(t *testing.T) {
	t.Parallel()
	dir, err := netns.OpenDirectory(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	const name = object.NamespacePrefix + "router-x"
	t.Cleanup(func() {
		if err := dir.Dismantle(object.NamespacePrefix); err != nil {
			t.Error(err)
		}
		_ = dir.Close()
	})
	d := newDriver(t, InDirectory(dir))
	events := watched(t, d)
	for range 2 {
		s, err := dir.Make(name, func() error { return nil })
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		apply(t, d, routerTable(name), mapping(name, "192.0.2.10", "10.0.0.5"))
		if err := dir.Remove(name); err != nil {
			t.Fatal(err)
		}
		awaitGone(t, d, events, routerTable(name).Key())
	}
}
