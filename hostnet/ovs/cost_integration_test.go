//go:build integration

package ovs

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"weft/hostnet/object"
)

// BenchmarkOneChange measures one change beside so many ports that are there already: the creation of a port until its
// OpenFlow number is known, its flows until the switch has reported them back, and a flow deleted by a stranger until
// the event. Run it with -benchtime 20x.
func BenchmarkOneChange(b *testing.B) {
	for _, beside := range []int{1, 100, 1000} {
		b.Run(fmt.Sprintf("beside=%d", beside), func(b *testing.B) { benchmarkBeside(b, beside) })
	}
}

// maxRounds is how many devices are made beforehand to be plugged one by one.
const maxRounds = 50

func benchmarkBeside(b *testing.B, beside int) {
	bed := newBed(b)
	bed.sync()
	bed.watch()
	bed.must(create(ourBridge()))
	bed.live("br-int")
	bed.veths(beside + maxRounds)
	var ports, flows []object.Change
	for i := range beside {
		ports = append(ports, create(guest(fmt.Sprintf("tap%d", i))))
		flows = append(flows, create(flowSet(uint64(i), someFlows(uint32(i+1), 25)...)))
	}
	start := time.Now()
	bed.must(ports...)
	b.ReportMetric(float64(time.Since(start).Milliseconds()), "all-ports-ms")
	start = time.Now()
	bed.must(flows...)
	b.ReportMetric(float64(time.Since(start).Milliseconds()), "all-flows-ms")
	var port, set, drift, bundle time.Duration
	for n := 0; b.Loop(); n++ {
		if n == maxRounds {
			b.Fatalf("more than %d rounds: set -benchtime", maxRounds)
		}
		i := beside + n
		start = time.Now()
		bed.must(create(guest(fmt.Sprintf("tap%d", i))))
		port += time.Since(start)
		start = time.Now()
		bed.must(create(flowSet(uint64(i), someFlows(uint32(i+1), 25)...)))
		set += time.Since(start)

		from := bed.seen()
		start = time.Now()
		one, err := newFlowMod(modDelete, object.CookieOwner|uint64(i), someFlows(uint32(i+1), 1)[0])
		if err != nil {
			b.Fatal(err)
		}
		if err := bed.d.flows.bundle(b.Context(), "br-int", []flowMod{one}); err != nil {
			b.Fatal(err)
		}
		bundle += time.Since(start)
		start = time.Now()
		bed.await(from, "deleted flow", about(flowSetKey("br-int", object.CookieOwner|uint64(i))))
		drift += time.Since(start)
	}
	for unit, d := range map[string]time.Duration{"port-ms": port, "flows-ms": set, "bare-bundle-ms": bundle, "event-after-bundle-ms": drift} {
		b.ReportMetric(float64(d.Microseconds())/1000/float64(b.N), unit)
	}
}

// veths makes pairs tap0, tap1, … with one run of ip.
func (b *bed) veths(n int) {
	b.t.Helper()
	var batch strings.Builder
	for i := range n {
		fmt.Fprintf(&batch, "link add tap%d type veth peer name p%d\n", i, i)
	}
	file := filepath.Join(b.RunDir, "batch")
	if err := os.WriteFile(file, []byte(batch.String()), 0o600); err != nil {
		b.t.Fatal(err)
	}
	if _, err := b.Exec(b.t.Context(), "ip", "-batch", file); err != nil {
		b.t.Fatal(err)
	}
}
