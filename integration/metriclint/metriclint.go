// Package metriclint checks a package's metrics as promtool check metrics does: names, types and help texts.
package metriclint

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
)

// Check fails the test for every metric from register that promtool would complain about, or that does not begin with prefix. It first
// gives values to metrics with labels, because a metric that was never counted is not shown.
func Check(t testing.TB, prefix string, register func(prometheus.Registerer)) {
	t.Helper()
	r := &recorder{Registry: prometheus.NewRegistry()}
	register(r)
	for _, c := range r.collectors {
		use(c)
	}
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	if len(families) < len(r.collectors) {
		t.Errorf("%d collectors show %d metrics: give values to all", len(r.collectors), len(families))
	}
	problems, err := promlint.NewWithMetricFamilies(families).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
	for _, f := range families {
		if name := f.GetName(); len(name) < len(prefix) || name[:len(prefix)] != prefix {
			t.Errorf("%s does not begin with %s", name, prefix)
		}
	}
}

// recorder is a registry that records what was registered.
type recorder struct {
	*prometheus.Registry
	collectors []prometheus.Collector
}

// Register implements prometheus.Registerer.
func (r *recorder) Register(c prometheus.Collector) error {
	r.collectors = append(r.collectors, c)
	return r.Registry.Register(c)
}

// MustRegister implements prometheus.Registerer.
func (r *recorder) MustRegister(all ...prometheus.Collector) {
	for _, c := range all {
		if err := r.Register(c); err != nil {
			panic(err)
		}
	}
}

// maxLabels is more than any of Weft's metrics has.
const maxLabels = 5

// use gives a value to a metric with labels, however many it has.
func use(c prometheus.Collector) {
	for n := range maxLabels {
		values := make([]string, n)
		switch v := c.(type) { // a wrong number of values is an error, and makes no metric
		case *prometheus.CounterVec:
			_, _ = v.GetMetricWithLabelValues(values...)
		case *prometheus.GaugeVec:
			_, _ = v.GetMetricWithLabelValues(values...)
		case *prometheus.HistogramVec:
			_, _ = v.GetMetricWithLabelValues(values...)
		}
	}
}
