package daemon

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"weft/hostnet/metadata"
)

// metadataCounters count what the metadata service did for all ports together, and what guests did with services of the host.
type metadataCounters struct {
	read                                    func() metadata.Stats
	requests, rejected, stacks, connections *prometheus.Desc
	attempts, bytes, relays                 *prometheus.Desc
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
		attempts: desc("weft_host_service_connections_total", "Connections of guests to services of the host, by the service and the result: "+
			"connected, failed (the service did not accept it within 3 s) or refused (there was no room for it).", "service", "result"),
		bytes:  desc("weft_host_service_bytes_total", "Bytes between guests and services of the host, by the service and the direction.", "service", "direction"),
		relays: desc("weft_host_service_connections", "Connections of guests to services of the host that are open."),
	}
}

// Describe implements prometheus.Collector.
func (m metadataCounters) Describe(c chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{m.requests, m.rejected, m.stacks, m.connections, m.attempts, m.bytes, m.relays} {
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
	c <- prometheus.MustNewConstMetric(m.relays, prometheus.GaugeValue, float64(s.Relays))
	for name, n := range s.Services {
		for result, count := range map[string]uint64{"connected": n.Connections, "failed": n.Failed, "refused": n.Refused} {
			c <- prometheus.MustNewConstMetric(m.attempts, prometheus.CounterValue, float64(count), name, result)
		}
		for direction, count := range map[string]uint64{"to_guests": n.ToGuests, "from_guests": n.FromGuests} {
			c <- prometheus.MustNewConstMetric(m.bytes, prometheus.CounterValue, float64(count), name, direction)
		}
	}
}
