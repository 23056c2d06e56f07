package daemon

import (
	"context"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"weft/hostnet/packetsocket"
	"weft/integration/metriclint"
)

func TestMetricsAreWhatPrometheusExpects(t *testing.T) {
	t.Parallel()
	metriclint.Check(t, "weft_", func(r prometheus.Registerer) {
		r.MustRegister(newBorderCounters(func(context.Context) map[string]uint64 { return map[string]uint64{"source": 1} }))
		r.MustRegister(packetSocketCounters(&packetsocket.Mux{})...)
	})
}
