//go:build integration

package scenario

import (
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// ended is the program that a scenario ended last.
type ended struct {
	name string
	at   time.Time
}

// ending records that a program is about to be ended. For a program of Open vSwitch this counts as damage to the host.
func ending(ts *testscript.TestScript, name string) {
	w := of(ts)
	w.ended = ended{name, time.Now()}
	if kind, host, _ := strings.Cut(name, " "); kind == "vswitchd" || kind == "ovsdb" {
		hurt(ts, host)
	}
}

// awaitTakeover waits until a controller leads that is not the one ended last. Its name is on stdout.
func awaitTakeover(ts *testscript.TestScript, args []string) {
	w := of(ts)
	words, options := split(args, "within")
	old, ok := strings.CutPrefix(w.ended.name, "controller ")
	if !ok || len(words) > 0 {
		ts.Fatalf("await takeover [within=duration]: the last program ended was %q, no controller", w.ended.name)
	}
	leader, err := w.testbed.AwaitLeader(w.testbed.Context(), old)
	ts.Check(err)
	measured(ts, leader+" took over from "+old, w.ended.at, options["within"])
}
