//go:build integration

package scenario

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"weft/etcdschema"
	"weft/integration/testbed"
)

const holdUsage = `await writes-held [reason-regexp] | await writes-resumed | await held host [reason-regexp] | await unheld host
	| await ports host count | await distrusted host [reason-regexp] | await trusted host
	| await carried-out`

// awaitHold waits for mass-change protection: the controllers' (writes-held), and a node's (held).
func awaitHold(ts *testscript.TestScript, condition string, rest []string) (known bool) {
	w := of(ts)
	ctx := w.testbed.Context()
	switch {
	case condition == "writes-held" && len(rest) <= 1:
		ts.Check(awaitWrites(ctx, w, strings.Join(rest, ""), true))
	case condition == "writes-resumed" && len(rest) == 0:
		ts.Check(awaitWrites(ctx, w, "", false))
	case condition == "distrusted" && len(rest) >= 1 && len(rest) <= 2:
		ts.Check(awaitDistrust(ctx, w, rest[0], strings.Join(rest[1:], ""), true))
	case condition == "carried-out" && len(rest) == 0:
		ts.Check(w.testbed.Await(ctx, []etcdschema.Prefix{etcdschema.NodeOrder(etcdschema.ControlNode)}, func(v *testbed.View) (bool, string) {
			return len(v.Items) == 0, "an order to the controllers is not carried out"
		}))
	case condition == "trusted" && len(rest) == 1:
		ts.Check(awaitDistrust(ctx, w, rest[0], "", false))
	case condition == "held" && len(rest) >= 1 && len(rest) <= 2:
		re, err := regexp.Compile(strings.Join(rest[1:], ""))
		ts.Check(err)
		ts.Check(awaitReport(ctx, w, rest[0], "does not hold because of "+re.String(), func(r etcdschema.NodeReport) bool {
			return r.Held != "" && re.MatchString(r.Held)
		}))
	case condition == "unheld" && len(rest) == 1:
		ts.Check(awaitReport(ctx, w, rest[0], "still holds", func(r etcdschema.NodeReport) bool { return r.Held == "" }))
	case condition == "ports" && len(rest) == 2:
		n := number(ts, rest[1])
		ts.Check(awaitReport(ctx, w, rest[0], "has not "+rest[1]+" ports", func(r etcdschema.NodeReport) bool { return r.Ports == n }))
	default:
		return false
	}
	return true
}

// awaitWrites waits until the controllers say that they write nothing, for a reason that matches, or that they write again.
func awaitWrites(ctx context.Context, w *world, reason string, on bool) error {
	re, err := regexp.Compile(reason)
	if err != nil {
		return err
	}
	return w.testbed.Await(ctx, []etcdschema.Prefix{etcdschema.StatusPrefix()}, func(v *testbed.View) (bool, string) {
		s, _, ok := testbed.Lookup[etcdschema.ControlStatus](v, etcdschema.ControlStatusKey())
		switch {
		case !ok:
			return false, "no controller has led"
		case on && s.Held == nil:
			return false, "the controllers write"
		case on:
			return re.MatchString(s.Held.Reason), "the controllers write nothing: " + s.Held.Reason
		case s.Held != nil:
			return false, "the controllers write nothing: " + s.Held.Reason
		}
		return true, ""
	})
}

// awaitDistrust waits until the controllers say that they do not believe a node, for a reason that matches, or that they believe it
// again.
func awaitDistrust(ctx context.Context, w *world, node, reason string, distrusted bool) error {
	re, err := regexp.Compile(reason)
	if err != nil {
		return err
	}
	return w.testbed.Await(ctx, []etcdschema.Prefix{etcdschema.StatusPrefix()}, func(v *testbed.View) (bool, string) {
		s, _, ok := testbed.Lookup[etcdschema.ControlStatus](v, etcdschema.ControlStatusKey())
		said := strings.Join(s.Distrusted[node], "; ")
		return ok && distrusted == (said != "") && re.MatchString(said), fmt.Sprintf("%s is distrusted for %q", node, said)
	})
}

// repeat FROM TO FILE INTO: writes FILE into INTO once for each number. {n} in it becomes the number.
func repeat(ts *testscript.TestScript, neg bool, args []string) {
	positive(ts, neg, "repeat")
	usage(ts, args, 4, 4, "repeat from to file into")
	text := ts.ReadFile(args[2])
	var out strings.Builder
	for n := number(ts, args[0]); n <= number(ts, args[1]); n++ {
		out.WriteString("---\n" + strings.ReplaceAll(text, "{n}", strconv.Itoa(n)))
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[3]), []byte(out.String()), 0o644))
}

// remember NAME… REGEXP: sets environment variables, in order, to what the expression's groups match in the last command's stdout.
func remember(ts *testscript.TestScript, neg bool, args []string) {
	positive(ts, neg, "remember")
	usage(ts, args, 2, 20, "remember variable… regexp")
	names, pattern := args[:len(args)-1], args[len(args)-1]
	re, err := regexp.Compile("(?m)" + pattern)
	ts.Check(err)
	found := re.FindStringSubmatch(ts.ReadFile("stdout"))
	if len(found) < 1+len(names) {
		ts.Fatalf("remember: %s is not in the output", fmt.Sprintf("%q", pattern))
	}
	for i, name := range names {
		ts.Setenv(name, found[1+i])
	}
}
