package daemon

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// borderTimeout bounds the reading of all namespaces' counters for one scrape.
const borderTimeout = 2 * time.Second

// borderCounters count what was dropped at the borders between routers, this host and its external networks.
type borderCounters struct {
	read func(ctx context.Context) map[string]uint64
	desc *prometheus.Desc
}

func newBorderCounters(read func(ctx context.Context) map[string]uint64) borderCounters {
	return borderCounters{read, prometheus.NewDesc("weft_border_dropped_packets_total",
		"Packets that a border between routers, this host and its external networks has dropped, by the reason.", []string{"reason"}, nil)}
}

// Describe implements prometheus.Collector.
func (b borderCounters) Describe(c chan<- *prometheus.Desc) { c <- b.desc }

// Collect implements prometheus.Collector. The kernel counts, and is read once for each scrape.
func (b borderCounters) Collect(c chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), borderTimeout)
	defer cancel()
	for reason, n := range b.read(ctx) {
		c <- prometheus.MustNewConstMetric(b.desc, prometheus.CounterValue, float64(n), reason)
	}
}
