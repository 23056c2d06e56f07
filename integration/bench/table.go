package main

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// series is the measurements of one thing in one state.
type series []time.Duration

// quantile is the nearest-rank quantile of the series; 0 when nothing was measured.
func (s series) quantile(q float64) time.Duration {
	if len(s) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(s))
	i := int(math.Ceil(q*float64(len(sorted)))) - 1
	return sorted[max(i, 0)]
}

func (s series) p50() time.Duration { return s.quantile(0.5) }
func (s series) p99() time.Duration { return s.quantile(0.99) }

// row is one line of the table. Value and Goal are ready to print.
type row struct {
	what   string
	ports  int // on the host; or floating addresses
	p50    time.Duration
	p99    time.Duration
	value  string // instead of p50 and p99
	versus string // the ratio or difference to the floor
	goal   string
}

// table collects rows in the order in which they were measured.
type table struct{ rows []row }

func (t *table) add(r row) {
	t.rows = append(t.rows, r)
	progress("%s, %d: %s %s", r.what, r.ports, r.cells(), r.versus)
}

func (r row) cells() string {
	if r.value != "" {
		return r.value
	}
	return ms(r.p50) + " / " + ms(r.p99)
}

// growth adds, for each thing measured in the first and the last state, how much its median grew.
func (t *table) growth(sizes []int) {
	first, last := sizes[0], sizes[len(sizes)-1]
	for _, r := range t.rows {
		if r.ports != first || r.p50 == 0 {
			continue
		}
		for _, l := range t.rows {
			if l.what == r.what && l.ports == last && first != last {
				t.rows = append(t.rows, row{what: "growth of " + r.what, ports: last,
					value: fmt.Sprintf("%.2f", float64(l.p50)/float64(r.p50)), goal: growthGoal(r.what)})
				break
			}
		}
	}
}

func growthGoal(what string) string {
	if strings.HasPrefix(what, "(b)") || strings.HasPrefix(what, "(h)") {
		return "≤ 1.5"
	}
	return ""
}

func (t *table) print(w io.Writer) {
	tw := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintln(tw, "WHAT\tBESIDE\tP50 / P99\tVERSUS\tGOAL")
	for _, r := range t.rows {
		fmt.Fprintf(tw, "%s\t%d\t%s\t%s\t%s\n", r.what, r.ports, r.cells(), r.versus, r.goal)
	}
	tw.Flush()
}

func ms(d time.Duration) string {
	return fmt.Sprintf("%.1f ms", float64(d)/float64(time.Millisecond))
}

func ratio(a, b time.Duration) float64 {
	if b == 0 {
		return math.NaN()
	}
	return float64(a) / float64(b)
}
