package control

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"weft/integration/metriclint"
)

func TestMetricsAreWhatPrometheusExpects(t *testing.T) {
	t.Parallel()
	metriclint.Check(t, "weft_controller_", func(r prometheus.Registerer) { newMetrics(r, func() float64 { return 0 }) })
}
