package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"strings"
	"testing"
	"time"
)

// TestDev runs the control plane in the foreground and sends intent through it. get shows what was allocated, and deleting frees it.
func TestDev(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithTimeout(t.Context(), 2*time.Minute)
	defer stop()
	said, out := io.Pipe()
	done := make(chan int, 1)
	dir := t.TempDir() // before the cleanup that ends the command, because cleanups run in reverse order
	go func() {
		done <- execute(ctx, streams{strings.NewReader(""), out, io.Discard},
			[]string{"weft", "dev", "--no-host", "--dir", dir, "--listen", "http://127.0.0.1:0"})
		out.Close()
	}()
	t.Cleanup(func() { stop(); go io.Copy(io.Discard, said); <-done })
	endpoint := ""
	for lines := bufio.NewScanner(said); lines.Scan(); {
		if _, after, ok := strings.Cut(lines.Text(), "WEFT_ENDPOINTS="); ok {
			endpoint = after
			break
		}
	}
	if endpoint == "" {
		t.Fatal("it ended without naming its endpoint")
	}
	go io.Copy(io.Discard, said)

	weft := func(stdin string, exit int, args ...string) (stdout string) {
		t.Helper()
		var out, errOut bytes.Buffer
		args = append(append([]string{"weft"}, args...), "--endpoints", endpoint)
		if code := execute(ctx, streams{strings.NewReader(stdin), &out, &errOut}, args); code != exit {
			t.Fatalf("%v: exit %d: %s%s", args, code, out.String(), errOut.String())
		}
		return out.String()
	}
	expect := func(got string, want ...string) {
		t.Helper()
		for _, w := range want {
			if !strings.Contains(got, w) {
				t.Errorf("expected %q in:\n%s", w, got)
			}
		}
	}
	weft(devManifest, 0, "apply", "-f", "-")
	weft("", 0, "wait", "port", "alpha/web-1", "--for=accepted", "--timeout=1m")
	expect(weft("", 0, "get", "port", "-p", "alpha"), "2001:db8::", "10.1.0.")
	expect(weft("", 0, "status"), "controllers: dev leads", "h1     NeverSeen")

	weft(devManifest, 0, "diff", "-f", "-")
	moved := strings.Replace(devManifest, "{network: blue}", "{network: blue, host: h1, addresses: [10.1.0.77]}", 1)
	expect(weft(moved, 1, "diff", "-f", "-"), "~ Port alpha/web-1\n    spec.addresses: none -> [\"10.1.0.77\"]\n    spec.host: none -> h1\n",
		"  + address 10.1.0.77  (Port alpha/web-1)\n", "released and kept from reuse", "host h1\n", "  + Network alpha/blue\n  + Port alpha/web-1\n")
	expect(weft(moved, 1, "diff", "-f", "-", "-o", "json"), `"claim": "address 10.1.0.77"`)
	expect(weft(devManifest, 1, "diff", "-f", "-", "--delete"), "- Port alpha/web-1\n")
	taken := strings.Replace(moved, "name: web-1", "name: web-2", 1)
	weft(moved, 0, "apply", "-f", "-")
	weft("", 0, "wait", "port", "alpha/web-1", "--for=accepted", "--timeout=1m")
	expect(weft(taken, 2, "diff", "-f", "-"), "+ Port alpha/web-2\n    Invalid\n    spec.addresses[0]: address 10.1.0.77 belongs to Port alpha/web-1 already")
	weft("kind: Port", 2, "diff", "-f", "-")

	weft("", 0, "delete", "port", "alpha/web-1")
	weft("", 0, "wait", "port", "alpha/web-1", "--for=deleted", "--timeout=1m")
}

const devManifest = `
apiVersion: weft/v1
kind: Project
metadata: {name: alpha}
---
apiVersion: weft/v1
kind: PhysicalNetwork
metadata: {name: physnet1}
spec: {vlanRanges: [{minimum: 100, maximum: 199}]}
---
apiVersion: weft/v1
kind: Host
metadata: {name: h1}
spec: {physicalNetworks: [{name: physnet1, interface: eth1}]}
---
apiVersion: weft/v1
kind: Network
metadata: {project: alpha, name: blue}
spec: {type: vlan, physicalNetwork: physnet1, subnets: [{cidr: 10.1.0.0/24}, {cidr: "2001:db8::/64"}]}
---
apiVersion: weft/v1
kind: Port
metadata: {project: alpha, name: web-1}
spec: {network: blue}
`
