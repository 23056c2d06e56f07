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

// TestDev runs the control plane in the foreground and sends intent through it: what it allots is what get shows, and
// deleting frees it.
func TestDev(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithTimeout(t.Context(), 2*time.Minute)
	defer stop()
	said, out := io.Pipe()
	done := make(chan int, 1)
	go func() {
		done <- execute(ctx, streams{strings.NewReader(""), out, io.Discard},
			[]string{"weft", "dev", "--no-host", "--dir", t.TempDir(), "--listen", "http://127.0.0.1:0"})
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

	weft := func(stdin string, args ...string) (stdout string) {
		t.Helper()
		var out, errOut bytes.Buffer
		args = append(append([]string{"weft"}, args...), "--endpoints", endpoint)
		if code := execute(ctx, streams{strings.NewReader(stdin), &out, &errOut}, args); code != 0 {
			t.Fatalf("%v: exit %d: %s", args, code, errOut.String())
		}
		return out.String()
	}
	weft(devManifest, "apply", "-f", "-")
	weft("", "wait", "port", "alpha/web-1", "--for=accepted", "--timeout=1m")
	if got := weft("", "get", "port", "-p", "alpha"); !strings.Contains(got, "2001:db8::") || !strings.Contains(got, "10.1.0.") {
		t.Errorf("nothing allotted:\n%s", got)
	}
	weft("", "delete", "port", "alpha/web-1")
	weft("", "wait", "port", "alpha/web-1", "--for=deleted", "--timeout=1m")
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
kind: Network
metadata: {project: alpha, name: blue}
spec: {type: vlan, physicalNetwork: physnet1, subnets: [{cidr: 10.1.0.0/24}, {cidr: "2001:db8::/64"}]}
---
apiVersion: weft/v1
kind: Port
metadata: {project: alpha, name: web-1}
spec: {network: blue}
`
