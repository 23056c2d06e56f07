//go:build integration

package scenario

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"weft/etcdschema"
	"weft/integration/testbed"
	"weft/integration/timescale"
)

// damage HOST COMMAND…: records what the host has repaired so far, and then breaks something by hand.
func damage(ts *testscript.TestScript, neg bool, args []string) {
	positive(ts, neg, "damage")
	usage(ts, args, 2, -1, "damage host command…")
	hurt(ts, args[0])
	in(ts, false, args)
}

// hurt records what the host has repaired so far.
func hurt(ts *testscript.TestScript, host string) {
	w := of(ts)
	before, err := counters(w, host, repairedCounter)
	ts.Check(err)
	w.repaired[host] = before
	w.damaged[host] = time.Now()
}

const repairedCounter = "weft_drift_repaired_total"

// awaitRepaired waits until the host has counted more repairs of each driver than before its last damage, and has nothing left to do.
// Then it waits until the host's report counts them too.
func awaitRepaired(ts *testscript.TestScript, args []string) {
	w := of(ts)
	words, options := split(args, "within")
	node, drivers := words[0], words[1:]
	at, ok := w.damaged[node]
	if !ok {
		ts.Fatalf("await repaired: nothing was damaged on %s", node)
	}
	var now map[string]uint64
	ts.Check(poll(w.testbed.Context(), func() (done bool, why string) {
		var err error
		if now, err = counters(w, node, repairedCounter); err != nil {
			return false, err.Error()
		}
		for _, d := range drivers {
			if now[d] <= w.repaired[node][d] {
				return false, fmt.Sprintf("%s has repaired no more than %d of %s", node, now[d], d)
			}
		}
		return idle(w, node)
	}))
	measured(ts, node+": repaired", at, options["within"])
	ts.Check(awaitReport(w.testbed.Context(), w, node, "does not report its repairs", func(r etcdschema.NodeReport) bool {
		for _, d := range drivers {
			if r.Repaired[d] < now[d] {
				return false
			}
		}
		return true
	}))
}

// awaitReachable pings until the target answers at every address. The time starts at the last damage.
func awaitReachable(ts *testscript.TestScript, args []string) {
	w := of(ts)
	words, options := split(args, "within")
	g, addresses := guestNamed(ts, words[0]), targets(ts, words[1])
	var at time.Time
	for _, t := range w.damaged {
		if t.After(at) {
			at = t
		}
	}
	if at.IsZero() && options["within"] != "" {
		ts.Fatalf("await reachable: nothing was damaged, so there is no time to measure")
	}
	for _, a := range addresses {
		ts.Check(poll(w.testbed.Context(), func() (bool, string) {
			_, err := g.Run(w.testbed.Context(), "ping", "-n", "-c", "1", "-W", "0.2", a)
			return err == nil, fmt.Sprintf("no answer of %s at %s: %v", words[1], a, err)
		}))
	}
	if !at.IsZero() {
		measured(ts, words[1]+": reachable", at, options["within"])
	}
}

// measured prints how long something took since a damage, and fails if that was longer than the limit.
func measured(ts *testscript.TestScript, what string, since time.Time, limit string) {
	took := time.Since(since).Round(time.Millisecond)
	ts.Logf("%s after %v", what, took)
	fmt.Fprintf(ts.Stdout(), "after %v\n", took)
	if most := timescale.Within(duration(ts, limit, 0)); most != 0 && took > most {
		ts.Fatalf("%s only after %v; at most %v may pass", what, took, most)
	}
}

// idle says whether weftd's plan is empty, and else what is in it.
func idle(w *world, node string) (ok bool, why string) {
	h, err := w.testbed.Host(node)
	if err != nil {
		return false, err.Error()
	}
	plan, err := ask(w.testbed.Context(), h, "/plan")
	if err != nil {
		return false, err.Error()
	}
	return strings.TrimSpace(plan) == "nothing to do", node + " has still to do:\n" + plan
}

// counters reads one of weftd's counters, by driver, from its debug socket.
func counters(w *world, node, name string) (map[string]uint64, error) {
	h, err := w.testbed.Host(node)
	if err != nil {
		return nil, err
	}
	text, err := ask(w.testbed.Context(), h, "/metrics")
	if err != nil {
		return nil, err
	}
	all := map[string]uint64{}
	for line := range strings.Lines(text) {
		// weft_drift_repaired_total{driver="ovs"} 3
		rest, ok := strings.CutPrefix(strings.TrimSpace(line), name+`{driver="`)
		if !ok {
			continue
		}
		driver, number, _ := strings.Cut(rest, `"} `)
		n, err := strconv.ParseFloat(number, 64)
		if err != nil {
			return nil, fmt.Errorf("%s: /metrics: %q: %w", node, line, err)
		}
		all[driver] = uint64(n)
	}
	return all, nil
}

// poll asks until it is done, for at most a minute. It polls, because weftd's debug socket has no events.
func poll(ctx context.Context, cond func() (done bool, why string)) error {
	ctx, cancel := context.WithTimeout(ctx, timescale.Bound(testbed.AwaitTimeout))
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		done, why := cond()
		if done {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("waited in vain: %s: %w", why, ctx.Err())
		}
	}
}
