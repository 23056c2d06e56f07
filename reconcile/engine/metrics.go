package engine

import (
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"weft/model/desired"
)

// metrics are the engine's metrics, in the registry that it was given.
type metrics struct {
	duration  *prometheus.HistogramVec
	repaired  *prometheus.CounterVec
	writes    *prometheus.CounterVec
	failures  *prometheus.CounterVec
	damped    *prometheus.CounterVec
	processed prometheus.Gauge
	lag       prometheus.Gauge
	cacheAge  prometheus.Gauge
	restarts  prometheus.Counter
	held      prometheus.Gauge
	objects   prometheus.Gauge
	gateways  *prometheus.GaugeVec
	warnings  *prometheus.GaugeVec
	rejected  *prometheus.GaugeVec
}

func newMetrics(r prometheus.Registerer) *metrics {
	counters := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	}
	gauge := func(name, help string) prometheus.Gauge {
		return prometheus.NewGauge(prometheus.GaugeOpts{Name: name, Help: help})
	}
	m := &metrics{
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "weft_reconcile_duration_seconds",
			Help:    "Duration of one stage of a reconcile pass.",
			Buckets: prometheus.ExponentialBuckets(0.0001, 2.5, 14)}, []string{"stage"}),
		repaired: counters("weft_drift_repaired_total", "Objects found changed by somebody else and repaired.", "driver"),
		writes:   counters("weft_host_writes_total", "Changes carried out on the host.", "driver"),
		damped:   counters("weft_drift_damped_total", "Repairs after which the next one waits, for somebody else keeps changing the object.", "driver"),
		failures: counters("weft_host_failures_total", "Changes that the host refused or did not show afterwards.", "driver"),
		processed: gauge("weft_processed_revision",
			"etcd revision up to which the node config is programmed or listed as an exception."),
		lag:      gauge("weft_processed_revision_lag", "Revisions of the node config received and not yet processed."),
		cacheAge: gauge("weft_cache_age_seconds", "Time since etcd last answered about the node config."),
		restarts: prometheus.NewCounter(prometheus.CounterOpts{Name: "weft_watch_restarts_total",
			Help: "How often the node config had to be listed again."}),
		held:    gauge("weft_held", "1 while the node holds its last good state and waits for an accept."),
		objects: gauge("weft_objects", "Objects compiled from the node config."),
		gateways: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "weft_gateway_routers",
			Help: "Centralized routers on this host, by what they are here."}, []string{"state"}),
		rejected: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "weft_port_rejected_frames",
			Help: "Frames that a port sent, or would have received, and that were rejected, since weftd began to count."}, []string{"port", "reason"}),
		warnings: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "weft_warnings",
			Help: "What looks wrong on this host though nothing failed, by reason."}, []string{"reason"}),
	}
	r.MustRegister(m.duration, m.repaired, m.writes, m.failures, m.damped, m.processed, m.lag, m.cacheAge, m.restarts, m.held, m.objects, m.gateways, m.warnings, m.rejected)
	return m
}

// since records a stage's duration. It returns the time now, at which the next stage starts.
func (m *metrics) since(stage string, start time.Time) time.Time {
	now := time.Now()
	m.duration.WithLabelValues(stage).Observe(now.Sub(start).Seconds())
	return now
}

// showRejected shows an item's counts of rejected frames. Ports that behave have none.
func (m *metrics) showRejected(it *itemState) {
	if it.key.Kind != desired.KindPort {
		return // routers and floating addresses are in the metric of the border
	}
	for _, r := range it.rejectedFrames() {
		m.rejected.WithLabelValues(portName(it), r.Reason).Set(float64(r.Frames))
	}
}

// hideRejected forgets those of an item that goes.
func (m *metrics) hideRejected(it *itemState) {
	if it != nil && len(it.rejected) > 0 {
		m.rejected.DeletePartialMatch(prometheus.Labels{"port": portName(it)})
	}
}

// portName is "alpha/web" for an item whose title is "Port alpha/web".
func portName(it *itemState) string {
	_, name, _ := strings.Cut(it.title, " ")
	return name
}
