package engine

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"weft/integration/metriclint"
)

func TestMetricsAreWhatPrometheusExpects(t *testing.T) {
	t.Parallel()
	metriclint.Check(t, "weft_", func(r prometheus.Registerer) { newMetrics(r) })
}
