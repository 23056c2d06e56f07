package control

import (
	"github.com/prometheus/client_golang/prometheus"

	"weft/etcdschema"
)

// poolMetrics show how full the address pools are. The leader has them, with each status of a pool that it computes.
type poolMetrics struct {
	size, used, held *prometheus.GaugeVec
	shown            map[etcdschema.Key]string // names of the pools, by the key of their status
}

func newPoolMetrics() *poolMetrics {
	gauge := func(name, help string) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "weft_controller_address_pool_" + name, Help: help}, []string{"pool", "family"})
	}
	return &poolMetrics{
		size:  gauge("size", "Addresses that the address pool has to give: used, held and free ones, by pool and family (ipv4, ipv6)."),
		used:  gauge("used", "Addresses of the address pool that are in use, by pool and family."),
		held:  gauge("held", "Released addresses of the address pool that are kept from reuse for the hold time, by pool and family."),
		shown: map[etcdschema.Key]string{},
	}
}

// show takes over the counts of a status. Without counts the pool is not shown any more.
func (m *poolMetrics) show(k etcdschema.Key, s *etcdschema.Status) {
	if s == nil || s.AddressPool == nil {
		m.forget(k)
		return
	}
	id, ok := etcdschema.ParseID(k)
	if !ok {
		return
	}
	m.shown[k] = id.Name
	for family, c := range map[string]*etcdschema.AddressCount{"ipv4": s.AddressPool.IPv4, "ipv6": s.AddressPool.IPv6} {
		for gauge, value := range m.values(c) {
			if c == nil {
				gauge.DeleteLabelValues(id.Name, family)
				continue
			}
			gauge.WithLabelValues(id.Name, family).Set(value)
		}
	}
}

func (m *poolMetrics) values(c *etcdschema.AddressCount) map[*prometheus.GaugeVec]float64 {
	if c == nil {
		c = &etcdschema.AddressCount{}
	}
	return map[*prometheus.GaugeVec]float64{m.size: float64(c.Size), m.used: float64(c.Used), m.held: float64(c.Held)}
}

// forget removes a pool that is shown.
func (m *poolMetrics) forget(k etcdschema.Key) {
	name, ok := m.shown[k]
	if !ok {
		return
	}
	delete(m.shown, k)
	for _, gauge := range []*prometheus.GaugeVec{m.size, m.used, m.held} {
		gauge.DeletePartialMatch(prometheus.Labels{"pool": name})
	}
}

// forgetAll removes all pools, because another replica leads and has newer counts.
func (m *poolMetrics) forgetAll() {
	for k := range m.shown {
		m.forget(k)
	}
}
