//go:build integration

package ovs

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"weft/hostnet/object"
	"weft/hostnet/ovs/openflow"
	"weft/hostnet/ovs/ovstest"
	"weft/integration/need"
)

// BenchmarkOneChange measures one change beside a number of existing ports: creating a port until its OpenFlow number is known,
// its flows until the switch has reported them back, and a flow that somebody else deletes until the event. Run it with
// -benchtime 20x.
func BenchmarkOneChange(b *testing.B) {
	for _, beside := range []int{1, 100, 1000} {
		b.Run(fmt.Sprintf("beside=%d", beside), func(b *testing.B) { benchmarkBeside(b, beside) })
	}
}

// maxRounds is the number of devices that are made beforehand and then plugged one by one.
const maxRounds = 50

func benchmarkBeside(b *testing.B, beside int) {
	tb := newTestbed(b)
	tb.sync()
	tb.watch()
	tb.must(create(ourBridge()))
	tb.live("br-int")
	tb.veths(beside + maxRounds)
	var ports, flows []object.Change
	for i := range beside {
		ports = append(ports, create(guest(fmt.Sprintf("tap%d", i))))
		flows = append(flows, create(flowSet(uint64(i), someFlows(uint32(i+1), 25)...)))
	}
	start := time.Now()
	tb.must(ports...)
	b.ReportMetric(float64(time.Since(start).Milliseconds()), "all-ports-ms")
	start = time.Now()
	tb.must(flows...)
	b.ReportMetric(float64(time.Since(start).Milliseconds()), "all-flows-ms")
	var port, set, drift, bundle time.Duration
	for n := 0; b.Loop(); n++ {
		if n == maxRounds {
			b.Fatalf("more than %d rounds: set -benchtime", maxRounds)
		}
		i := beside + n
		start = time.Now()
		tb.must(create(guest(fmt.Sprintf("tap%d", i))))
		port += time.Since(start)
		start = time.Now()
		tb.must(create(flowSet(uint64(i), someFlows(uint32(i+1), 25)...)))
		set += time.Since(start)

		from := tb.seen()
		start = time.Now()
		one, err := newFlowMod(modDelete, object.CookieOwner|uint64(i), someFlows(uint32(i+1), 1)[0])
		if err != nil {
			b.Fatal(err)
		}
		if err := tb.d.flows.bundle(b.Context(), "br-int", []flowMod{one}); err != nil {
			b.Fatal(err)
		}
		bundle += time.Since(start)
		start = time.Now()
		tb.await(from, "deleted flow", about(flowSetKey("br-int", object.CookieOwner|uint64(i))))
		drift += time.Since(start)
	}
	for unit, d := range map[string]time.Duration{"port-ms": port, "flows-ms": set, "bare-bundle-ms": bundle, "event-after-bundle-ms": drift} {
		b.ReportMetric(float64(d.Microseconds())/1000/float64(b.N), unit)
	}
}

// BenchmarkFlowChange measures a change of one flow set of 20 flows that creates no port, on a host at rest. It measures the time
// until the switch has reported it back, and for comparison one turn of the switch's main loop (a barrier).
func BenchmarkFlowChange(b *testing.B) {
	for _, beside := range []int{1, 100, 1000} {
		b.Run(fmt.Sprintf("beside=%d", beside), func(b *testing.B) { benchmarkFlowChange(b, newTestbed(b), "netdev", beside) })
	}
}

// BenchmarkFlowChangeKernelDatapath is BenchmarkFlowChange on the kernel's datapath, whose ports ovs-vswitchd does not poll.
// It fails where the kernel lacks the openvswitch module: integration/vm/vmexec runs it on one that has it.
func BenchmarkFlowChangeKernelDatapath(b *testing.B) {
	for _, beside := range []int{1, 100, 1000} {
		b.Run(fmt.Sprintf("beside=%d", beside), func(b *testing.B) {
			if err := need.AwaitVswitchd(b.Context()); err != nil {
				b.Fatal(err)
			}
			h, err := ovstest.Launch(b.Context(), ovstest.Config{KernelDatapath: true})
			if err != nil {
				b.Fatal(err)
			}
			b.Cleanup(h.Stop)
			benchmarkFlowChange(b, newTestbedOn(b, h, "system"), "system", beside)
		})
	}
}

func benchmarkFlowChange(b *testing.B, tb *testbed, datapath string, beside int) {
	tb.sync()
	tb.watch()
	bridge := ourBridge()
	bridge.DatapathType = datapath
	tb.must(create(bridge))
	tb.live("br-int")
	tb.veths(beside)
	var ports, flows []object.Change
	for i := range beside {
		ports = append(ports, create(guest(fmt.Sprintf("tap%d", i))))
		flows = append(flows, create(flowSet(uint64(i), someFlows(uint32(i+1), 20)...)))
	}
	tb.must(ports...)
	tb.must(flows...)
	conn := tb.d.flows.(*direct).to("br-int").conn
	var change, turn []time.Duration
	for n := 0; b.Loop(); n++ {
		desired := flowSet(0, someFlows(uint32(beside+2+n), 20)...)
		start := time.Now()
		tb.must(object.Change{Op: object.Update, Desired: desired, Observed: tb.observe(desired.Key())})
		change = append(change, time.Since(start))
		start = time.Now()
		end := conn.ids(1)
		if err := conn.exchange(b.Context(), openflow.AppendBarrier(nil, end), &exchange{end: end}); err != nil {
			b.Fatal(err)
		}
		turn = append(turn, time.Since(start))
	}
	for unit, all := range map[string][]time.Duration{"change-p50-ms": change, "turn-p50-ms": turn} {
		slices.Sort(all)
		b.ReportMetric(float64(all[len(all)/2].Microseconds())/1000, unit)
	}
}

// veths makes pairs tap0, tap1, … with one run of ip.
func (b *testbed) veths(n int) {
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
