//go:build integration

package scenario

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/rogpeppe/go-internal/testscript"

	"weft/integration/testbed"
	"weft/integration/timescale"
)

// load is one run of iperf3 (TCP at full speed) beside the script.
type load struct {
	cancel context.CancelFunc
	server chan error
	result chan loadResult
}

type loadResult struct {
	out string
	err error
}

// report is the part of iperf3's JSON that is used (iperf3(1), --json).
type report struct {
	Intervals []struct {
		Sum struct {
			Start float64 `json:"start"`
			Bytes float64 `json:"bytes"`
		} `json:"sum"`
	} `json:"intervals"`
	End struct {
		Received struct {
			BitsPerSecond float64 `json:"bits_per_second"`
		} `json:"sum_received"`
	} `json:"end"`
}

// iperfPort is where iperf3's server listens.
const iperfPort = 5201

const iperfUsage = "iperf start name guest guest [seconds=10] [via=address] | iperf stop name"

// iperf start NAME FROM TO [seconds=10] [via=ADDRESS]: starts TCP at full speed to the other guest's first address, or to an address that
// leads there. iperf stop NAME: waits for its end, and fails if the connection broke or stalled for standstill seconds. A shorter stall
// can come from TCP's own retransmission timer, when several connections share a busy switch.
func iperf(ts *testscript.TestScript, neg bool, args []string) {
	words, options := split(args, "seconds", "via")
	w := of(ts)
	switch {
	case len(words) == 4 && words[0] == "start":
		seconds := options["seconds"]
		if seconds == "" {
			seconds = "10"
		}
		positive(ts, neg, "iperf start")
		at := addressLike(ts, words[3], options["via"])
		via := options["via"]
		if via == "" {
			via = at
		}
		w.loads[words[1]] = startLoad(w.testbed.Context(), guestNamed(ts, words[2]), guestNamed(ts, words[3]), at, via, seconds)
		// The second connection is the one that is measured.
		ts.Check(guestNamed(ts, words[3]).Connected(w.testbed.Context(), iperfPort, 2))
	case len(words) == 2 && words[0] == "stop" && w.loads[words[1]] != nil:
		l := w.loads[words[1]]
		delete(w.loads, words[1])
		r := <-l.result
		l.stop()
		if r.err == nil {
			r.err = steady(ts, r.out)
		}
		outcome(ts, neg, "", r.err)
	default:
		ts.Fatalf("usage: %s", iperfUsage)
	}
}

func startLoad(ctx context.Context, from, to *testbed.Guest, address, via, seconds string) *load {
	ctx, cancel := context.WithTimeout(ctx, timescale.Bound(testbed.AwaitTimeout))
	l := &load{cancel, make(chan error, 1), make(chan loadResult, 1)}
	go func() {
		_, err := to.Run(ctx, "iperf3", "--server", "--one-off", "--bind", address)
		l.server <- err
	}()
	go func() {
		if err := to.Listening(ctx, iperfPort); err != nil {
			l.result <- loadResult{err: err}
			return
		}
		out, err := from.Run(ctx, "iperf3", "--client", via, "--time", seconds, "--json")
		l.result <- loadResult{out, err}
	}()
	return l
}

// stop ends what still runs, and waits for it.
func (l *load) stop() {
	l.cancel()
	<-l.server
}

// standstill is how many seconds in a row without a byte count as a broken connection.
const standstill = 3

// steady fails if no bytes arrived, or if the connection stalled. The rate is on stdout.
func steady(ts *testscript.TestScript, out string) error {
	var r report
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		return fmt.Errorf("iperf3: %w: %.200s", err, out)
	}
	if len(r.Intervals) == 0 {
		return fmt.Errorf("iperf3 measured nothing: %.200s", out)
	}
	still := 0
	for _, i := range r.Intervals {
		still++
		if i.Sum.Bytes > 0 {
			still = 0
		}
		if still == standstill {
			return fmt.Errorf("iperf3: nothing passed in %d seconds up to the one after %.0f s", still, i.Sum.Start)
		}
	}
	if r.End.Received.BitsPerSecond == 0 {
		return fmt.Errorf("iperf3: nothing was received: %.200s", out)
	}
	fmt.Fprintf(ts.Stdout(), "%.0f Mbit/s over %d s\n", r.End.Received.BitsPerSecond/1e6, len(r.Intervals))
	return nil
}
