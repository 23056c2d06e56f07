package daemon

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"weft/hostnet/metadata"
)

// metadataCounters count what the metadata service did for all ports together.
type metadataCounters struct {
	read                                    func() metadata.Stats
	requests, rejected, stacks, connections *prometheus.Desc
}

func newMetadataCounters(read func() metadata.Stats) metadataCounters {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc(name, help, labels, nil)
	}
	return metadataCounters{read: read,
		requests:    desc("weft_metadata_requests_total", "Requests of guests that the metadata service has answered, by the HTTP status code.", "code"),
		rejected:    desc("weft_metadata_rejected_total", "Frames and connections of guests that the metadata service has rejected, by the reason.", "reason"),
		stacks:      desc("weft_metadata_stacks", "Ports with a TCP/IP stack of the metadata service: those that asked in the last seconds."),
		connections: desc("weft_metadata_connections", "Connections that the metadata service remembers."),
	}
}

// Describe implements prometheus.Collector.
func (m metadataCounters) Describe(c chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{m.requests, m.rejected, m.stacks, m.connections} {
		c <- d
	}
}

// Collect implements prometheus.Collector.
func (m metadataCounters) Collect(c chan<- prometheus.Metric) {
	s := m.read()
	for code, n := range s.Requests {
		c <- prometheus.MustNewConstMetric(m.requests, prometheus.CounterValue, float64(n), strconv.Itoa(code))
	}
	for reason, n := range s.Rejected {
		c <- prometheus.MustNewConstMetric(m.rejected, prometheus.CounterValue, float64(n), string(reason))
	}
	c <- prometheus.MustNewConstMetric(m.stacks, prometheus.GaugeValue, float64(s.Stacks))
	c <- prometheus.MustNewConstMetric(m.connections, prometheus.GaugeValue, float64(s.Open))
}
