//go:build integration

package ovstest

import (
	"os"
	"strings"
	"testing"
)

func TestHostLivesAndLeavesNothing(t *testing.T) {
	t.Parallel()
	h, err := Launch(t.Context(), Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.Stop)
	if _, err := h.VSCtl(t.Context(), "add-br", "br0", "--", "set", "bridge", "br0", "datapath_type=netdev"); err != nil {
		t.Fatal(err)
	}
	h.KillSwitch()
	if err := h.StartSwitch(t.Context()); err != nil {
		t.Fatal(err)
	}
	out, err := h.OFCtl(t.Context(), "br0", "dump-flows")
	if err != nil || !strings.Contains(out, "NORMAL") {
		t.Fatalf("dump of a fresh bridge: %q, %v", out, err)
	}
	h.KillServer()
	if err := h.StartServer(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.Stop()
	if _, err := os.Stat(h.RunDir); !os.IsNotExist(err) {
		t.Errorf("%s is left behind: %v", h.RunDir, err)
	}
}
