package testbed

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Keepalived is keepalived in the guest, with the configuration in a file. It is not started yet. Its log is its output.
func (g *Guest) Keepalived(config string) *Process {
	return g.testbed.process("keepalived "+g.Name, g.Namespace, nil, "keepalived", "--dont-fork", "--log-console", "--log-detail", "--vrrp",
		"--use-file", config, "--pid", g.keepalivedFile("pid"), "--vrrp_pid", g.keepalivedFile("vrrp"))
}

func (g *Guest) keepalivedFile(name string) string {
	return filepath.Join(g.dir, "keepalived."+name)
}

// KeepalivedChild is the process id of keepalived's second process, which has the addresses.
func (g *Guest) KeepalivedChild() (int, error) {
	text, err := os.ReadFile(g.keepalivedFile("vrrp"))
	if err != nil {
		return 0, fmt.Errorf("testbed: guest %s: %w", g.Name, err)
	}
	return strconv.Atoi(strings.TrimSpace(string(text)))
}
