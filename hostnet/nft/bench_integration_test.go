//go:build integration

package nft

import (
	"context"
	"fmt"
	"net/netip"
	"os/exec"
	"strings"
	"testing"
	"time"

	"weft/hostnet/object"
)

// many are n mappings, each with its own addresses.
func many(ns string, n int) []object.Change {
	changes := make([]object.Change, n)
	for i := range changes {
		m := mapping(ns, netip.AddrFrom4([4]byte{198, 18, byte(i >> 8), byte(i)}).String(),
			netip.AddrFrom4([4]byte{10, 1, byte(i >> 8), byte(i)}).String())
		changes[i] = object.Change{Op: object.Create, Desired: m}
	}
	return changes
}

// BenchmarkAssociate measures adding one floating address beside n others, from Apply to reading it back. The namespace has few
// connections, because removing an address walks through all of them.
func BenchmarkAssociate(b *testing.B) {
	for _, n := range []int{10, 10000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			spaces := newSpaces(b)
			ns := spaces.add(true)
			d := newDriver(b, spaces)
			watched(b, d)
			apply(b, d, routerTable(ns))
			commit(b, d, many(ns, n)...)
			m := mapping(ns, "192.0.2.10", "10.0.0.5")
			var create, remove time.Duration
			for b.Loop() {
				start := time.Now()
				commit(b, d, object.Change{Op: object.Create, Desired: m})
				middle := time.Now()
				commit(b, d, object.Change{Op: object.Delete, Observed: m})
				create, remove = create+middle.Sub(start), remove+time.Since(middle)
			}
			b.ReportMetric(float64(create.Microseconds())/float64(b.N), "µs/create")
			b.ReportMetric(float64(remove.Microseconds())/float64(b.N), "µs/remove")
		})
	}
}

// BenchmarkLoad adds 10,000 mappings to an empty table. It compares that with nft, which adds the same elements to a table
// without a watcher.
func BenchmarkLoad(b *testing.B) {
	const n = 10000
	var ours, floor time.Duration
	for b.Loop() {
		spaces, others := newSpaces(b), newSpaces(b)
		ns, bare := spaces.add(true), others.add(true)
		d := newDriver(b, spaces)
		watched(b, d)
		apply(b, d, routerTable(ns))
		apply(b, newDriver(b, others), routerTable(bare))
		changes := many(ns, n)
		start := time.Now()
		commit(b, d, changes...)
		ours += time.Since(start)

		var script strings.Builder
		for _, way := range []string{"floating4", "fixed4"} {
			fmt.Fprintf(&script, "add element inet weft %s {\n", way)
			for _, c := range changes {
				m := c.Desired.(*object.NATMapping)
				key, value := m.Floating, m.Fixed
				if way == "fixed4" {
					key, value = value, key
				}
				fmt.Fprintf(&script, "%s : %s,\n", key, value)
			}
			script.WriteString("}\n")
		}
		cmd := exec.Command("ip", "netns", "exec", bare, "nft", "-f", "-")
		cmd.Stdin = strings.NewReader(script.String())
		start = time.Now()
		if out, err := cmd.CombinedOutput(); err != nil {
			b.Fatalf("nft -f: %v\n%s", err, out)
		}
		floor += time.Since(start)
	}
	b.ReportMetric(ours.Seconds()*1000/float64(b.N), "ms/load")
	b.ReportMetric(floor.Seconds()*1000/float64(b.N), "ms/nft-f")
	b.ReportMetric(ours.Seconds()/floor.Seconds(), "ratio")
}

// BenchmarkAdopt reads a table of 10,000 mappings at the start.
func BenchmarkAdopt(b *testing.B) {
	spaces := newSpaces(b)
	ns := spaces.add(true)
	d := newDriver(b, spaces)
	apply(b, d, routerTable(ns))
	commit(b, d, many(ns, 10000)...)
	for b.Loop() {
		fresh := newDriver(b, spaces)
		if err := fresh.Sync(context.Background()); err != nil {
			b.Fatal(err)
		}
	}
}
