//go:build integration

package dhcp

import (
	"fmt"
	"log/slog"
	"runtime"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"weft/hostnet/object"
	"weft/hostnet/packetsocket/packetsockettest"
)

// BenchmarkPorts measures what a thousand served ports cost: the time to start and to end them all, and the memory of this
// process for each.
func BenchmarkPorts(b *testing.B) {
	const ports = 1000
	changes := make([]object.Change, ports)
	for i := range changes {
		a := netlink.NewLinkAttrs()
		a.Name = fmt.Sprintf("tap%d", i)
		link := &netlink.Veth{LinkAttrs: a, PeerName: fmt.Sprintf("peer%d", i)}
		if err := netlink.LinkAdd(link); err != nil {
			b.Fatal(err)
		}
		changes[i] = object.Change{Op: object.Create, Desired: testBinding(a.Name)}
	}
	x := packetsockettest.Mux(b)
	for b.Loop() {
		d := New(x.Open, slog.New(slog.DiscardHandler))
		before, begin := memory(), time.Now()
		for _, err := range d.Apply(b.Context(), changes) {
			if err != nil {
				b.Fatal(err)
			}
		}
		served := time.Now()
		b.ReportMetric(float64(memory()-before)/ports, "B/port")
		begun := time.Now()
		if err := d.Close(); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(served.Sub(begin).Microseconds())/ports, "µs-to-begin/port")
		b.ReportMetric(float64(time.Since(begun).Microseconds())/ports, "µs-to-end/port")
	}
}

// memory is the heap and stack memory of the process in bytes, after unused memory was given back.
func memory() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc + m.StackInuse
}
