package rtnl

import (
	"os"
	"path/filepath"
	"testing"
)

func TestBridgeNetfilterSettings(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	if on := bridgeNetfilter(filepath.Join(folder, "absent")); on != "" {
		t.Errorf("without the module: %q", on)
	}
	for name, value := range map[string]string{"bridge-nf-call-iptables": "1\n", "bridge-nf-call-ip6tables": "0\n", "bridge-nf-call-arptables": "1\n", "bridge-nf-filter-vlan-tagged": "1\n"} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(value), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const want = "net.bridge.bridge-nf-call-arptables, net.bridge.bridge-nf-call-iptables"
	if on := bridgeNetfilter(folder); on != want {
		t.Errorf("on: %q, expected %q", on, want)
	}
}
