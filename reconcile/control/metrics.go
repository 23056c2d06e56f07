package control

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"weft/reconcile/control/cache"
	"weft/reconcile/control/claim"
)

// metrics are the metrics of a controller. The gauge of the cache's age is computed when it is read.
type metrics struct {
	stages       *prometheus.HistogramVec
	allocations  *prometheus.CounterVec
	transactions *prometheus.CounterVec
	drift        prometheus.Counter
	restarts     prometheus.Counter
	statuses     prometheus.Counter
	refused      *prometheus.CounterVec
	distrusted   prometheus.Gauge
	held         prometheus.Gauge
	leader       prometheus.Gauge
	queue        prometheus.Gauge
	pools        *poolMetrics
}

func newMetrics(r prometheus.Registerer, age func() float64) *metrics {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: "weft_controller_" + name, Help: help})
	}
	gauge := func(name, help string) prometheus.Gauge {
		return prometheus.NewGauge(prometheus.GaugeOpts{Name: "weft_controller_" + name, Help: help})
	}
	m := &metrics{
		stages: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "weft_controller_reconcile_duration_seconds", Help: "Duration of a transaction by stage (plan, commit).",
			Buckets: prometheus.ExponentialBuckets(0.0001, 2, 16),
		}, []string{"stage"}),
		allocations: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "weft_controller_allocations_total", Help: "Claims made, by space.",
		}, []string{"space"}),
		transactions: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "weft_controller_transactions_total", Help: "Transactions by result (committed, lost, failed).",
		}, []string{"result"}),
		drift:    counter("drift_repaired_total", "Keys of node configs that others had changed and that were put right."),
		restarts: counter("watch_restarts_total", "Times that everything was listed again."),
		statuses: counter("status_writes_total", "Statuses written."),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "weft_controller_reports_refused_total", Help: "Keys that nodes wrote below their prefixes and that were not taken in, by node and reason (unknown, too-large, unreadable).",
		}, []string{"node", "reason"}),
		distrusted: gauge("nodes_distrusted", "Nodes that report what is not taken in or not believed; the controllers' status names them."),
		held:       gauge("held", "1 while mass-change protection holds the controllers: nothing is written until an accept."),
		leader:     gauge("leader", "1 while this replica leads."),
		queue:      gauge("queue_length", "Work items waiting."),
		pools:      newPoolMetrics(),
	}
	cacheAge := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "weft_controller_cache_age_seconds", Help: "Time since etcd was last heard of; -1 before the first time.",
	}, age)
	if r != nil {
		r.MustRegister(m.stages, m.allocations, m.transactions, m.drift, m.restarts, m.statuses, m.refused, m.distrusted, m.held,
			m.leader, m.queue, cacheAge, m.pools.size, m.pools.used, m.pools.held)
	}
	return m
}

// committed counts the claims that a transaction has made.
func (m *metrics) committed(tx *cache.Transaction) {
	m.transactions.WithLabelValues("committed").Inc()
	for k, w := range tx.Writes {
		if cache.Area(k) == "claim" && w.Data != nil && !w.Held {
			m.allocations.WithLabelValues(claim.SpaceOf(k)).Inc()
		}
	}
}

func (m *metrics) stage(name string, since time.Time) {
	m.stages.WithLabelValues(name).Observe(time.Since(since).Seconds())
}
