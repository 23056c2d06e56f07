//go:build integration

package scenario

import (
	"encoding/json"
	"maps"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// weftd HOST [--flag…]: kills the host's weftd and starts it with these flags instead, as an upgrade does.
func weftd(ts *testscript.TestScript, neg bool, args []string) {
	positive(ts, neg, "weftd")
	usage(ts, args, 1, -1, "weftd host [--flag…]")
	h, err := of(ts).testbed.Host(args[0])
	ts.Check(err)
	ts.Check(h.RestartWeftd(args[1:]...))
	ts.Check(h.AwaitReady(of(ts).testbed.Context()))
}

// annotate KEY JSON: adds the fields of the JSON object to the JSON object at the key, with etcdctl.
func annotate(ts *testscript.TestScript, neg bool, args []string) {
	positive(ts, neg, "annotate")
	usage(ts, args, 2, 2, "annotate key json-object")
	b := of(ts).testbed
	text, err := b.Etcdctl(b.Context(), "get", "--print-value-only", args[0])
	ts.Check(err)
	var object, fields map[string]json.RawMessage
	if err := json.Unmarshal([]byte(strings.TrimSpace(text)), &object); err != nil {
		ts.Fatalf("annotate: %s holds %q: %v", args[0], text, err)
	}
	ts.Check(json.Unmarshal([]byte(args[1]), &fields))
	maps.Copy(object, fields)
	value, err := json.Marshal(object)
	ts.Check(err)
	_, err = b.Etcdctl(b.Context(), "put", args[0], "--", string(value))
	ts.Check(err)
}

// as USER weft|etcdctl ARG…: runs the command with that user's certificate. "@file" as last argument is replaced by the file's content.
// "<file" is the command's stdin.
func as(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, args, 3, -1, "as user weft|etcdctl argument…")
	if args[1] != "weft" && args[1] != "etcdctl" {
		ts.Fatalf("as: %q is neither weft nor etcdctl", args[1])
	}
	words, stdin := args[2:], ""
	if last := words[len(words)-1]; len(last) > 1 && last[0] == '<' {
		words, stdin = words[:len(words)-1], ts.ReadFile(last[1:])
	}
	b := of(ts).testbed
	out, err := b.As(b.Context(), args[0], stdin, args[1], fileArgument(ts, words)...)
	outcome(ts, neg, out, err)
}

// fileArgument replaces a last argument "@file" by the file's content.
func fileArgument(ts *testscript.TestScript, args []string) []string {
	if len(args) == 0 {
		return args
	}
	if last := args[len(args)-1]; len(last) > 1 && last[0] == '@' {
		return append(args[:len(args)-1:len(args)-1], "--", ts.ReadFile(last[1:]))
	}
	return args
}

// secure: replaces etcd by one with TLS. Every program that is started later has a certificate of its own.
func secure(ts *testscript.TestScript, neg bool, args []string) {
	positive(ts, neg, "secure")
	usage(ts, args, 0, 0, "secure")
	b := of(ts).testbed
	ts.Check(b.Etcd().Secure(b.Context()))
}

// etcd N: replaces etcd by one with N members e1…eN, each in a namespace of its own.
func members(ts *testscript.TestScript, neg bool, args []string) {
	positive(ts, neg, "etcd")
	usage(ts, args, 1, 1, "etcd members")
	b := of(ts).testbed
	ts.Check(b.Etcd().Members(b.Context(), number(ts, args[0])))
}
