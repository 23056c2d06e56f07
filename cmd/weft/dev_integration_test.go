//go:build integration

package main

import (
	"bufio"
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"weft/hostnet/ovs/ovstest"
)

// TestDevWiresAPort runs everything in one namespace with a real Open vSwitch, and declares a port until it is
// programmed.
func TestDevWiresAPort(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	host := ovstest.Start(t)
	run := func(args ...string) string {
		t.Helper()
		out, err := host.Exec(ctx, args...)
		if err != nil {
			t.Fatalf("%v: %v\n%s", args, err, out)
		}
		return out
	}
	run("ip", "link", "set", "lo", "up")
	for _, name := range []string{"eth1", "tap0"} {
		run("ip", "link", "add", name, "type", "veth", "peer", "name", name+"-peer")
		run("ip", "link", "set", name, "up")
		run("ip", "link", "set", name+"-peer", "up")
	}

	dir := t.TempDir()
	dev := exec.CommandContext(ctx, "ip", "netns", "exec", host.Namespace, "weft", "dev", "--node", "h1", "--dir", dir,
		"--ovs-rundir", host.RunDir, "--datapath-type", "netdev")
	var said bytes.Buffer
	dev.Stderr = &said
	dev.Cancel = func() error { return dev.Process.Signal(os.Interrupt) }
	dev.WaitDelay = 10 * time.Second
	out, err := dev.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := dev.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() && !strings.HasPrefix(lines.Text(), "Ctrl-C") {
	}

	manifest := filepath.Join(dir, "all.yaml")
	text := strings.Replace(devManifest, "{network: blue}", "{network: blue, host: h1, device: tap0}", 1)
	if err := os.WriteFile(manifest, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	run("weft", "apply", "-f", manifest)
	t.Log(run("weft", "wait", "port", "alpha/web-1", "--timeout", "60s"))
	plan := func() string { return run("weft", "host", "plan", "--debug", "unix:"+filepath.Join(dir, "weftd.sock")) }
	for end := time.Now().Add(30 * time.Second); plan() != "nothing to do\n"; { // the flow monitor may still be coming up
		if time.Now().After(end) {
			t.Fatalf("once programmed, the plan is\n%s", plan())
		}
	}
	if got := run("weft", "status"); !strings.Contains(got, "h1     Ready") {
		t.Errorf("status\n%s", got)
	}
	if err := dev.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := dev.Wait(); err != nil {
		t.Errorf("ended with %v\n%s", err, said.String())
	}
}
