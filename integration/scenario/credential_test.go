//go:build integration

package scenario

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	clientv3 "go.etcd.io/etcd/client/v3"

	"weft/integration/timescale"
)

// refusals are the texts with which etcd refuses for lack of permission.
var refusals = []string{"permission denied", "user is not found", "invalid user", "user name not found", "user name is empty"}

// deniedTimeout is the time after which a command counts as permitted if etcd has not refused it, e.g. a watch.
const deniedTimeout = 15 * time.Second

// denied USER ARG…: runs etcdctl with the user's certificate. etcd must refuse it for lack of permission, and show no key. A last
// argument "<file" is etcdctl's stdin.
func denied(ts *testscript.TestScript, neg bool, args []string) {
	positive(ts, neg, "denied")
	usage(ts, args, 2, -1, "denied user etcdctl-argument…")
	b := of(ts).testbed
	words, stdin := args[1:], ""
	if last := words[len(words)-1]; len(last) > 1 && last[0] == '<' {
		words, stdin = words[:len(words)-1], ts.ReadFile(last[1:])
	}
	ctx, cancel := context.WithTimeout(b.Context(), timescale.Bound(deniedTimeout))
	defer cancel()
	out, err := b.As(ctx, args[0], stdin, "etcdctl", words...)
	switch {
	case err == nil:
		ts.Fatalf("%s may do that: %s", args[0], out)
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		ts.Fatalf("%s was not refused within %v: %s", args[0], timescale.Bound(deniedTimeout), out)
	case strings.Contains(out, "/weft/"):
		ts.Fatalf("%s was refused, but told: %s", args[0], out)
	}
	for _, r := range refusals {
		if strings.Contains(err.Error(), r) {
			return
		}
	}
	ts.Fatalf("%s failed, but for another reason than permission: %v", args[0], err)
}

// dump FILE: writes the content of etcd, with a line for each key and the digest of its value. It leaves out what hosts and controllers
// write by themselves over time.
func dump(ts *testscript.TestScript, neg bool, args []string) {
	positive(ts, neg, "dump")
	usage(ts, args, 1, 1, "dump file")
	b := of(ts).testbed
	ctx, cancel := context.WithTimeout(b.Context(), timescale.Bound(10*time.Second))
	defer cancel()
	resp, err := b.Etcd().Client().Etcd().Get(ctx, "\x00", clientv3.WithFromKey())
	ts.Check(err)
	var out strings.Builder
	for _, kv := range resp.Kvs {
		key := string(kv.Key)
		if strings.HasPrefix(key, "/weft/v1/actual/") && strings.HasSuffix(key, "/node") || strings.HasPrefix(key, "/weft/v1/election/") ||
			key == "/weft/v1/status/_control" { // names nodes that write something other than a report
			continue
		}
		fmt.Fprintf(&out, "%s %x\n", key, sha256.Sum256(kv.Value))
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(out.String()), 0o644))
}
