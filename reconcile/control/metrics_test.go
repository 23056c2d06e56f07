package control

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"weft/etcdschema"
	"weft/integration/metriclint"
	"weft/model"
)

func TestMetricsAreWhatPrometheusExpects(t *testing.T) {
	t.Parallel()
	metriclint.Check(t, "weft_controller_", func(r prometheus.Registerer) { newMetrics(r, func() float64 { return 0 }) })
}

// The metrics of address pools follow the statuses. What is gone is not shown any more: a family, a pool, the leadership.
func TestPoolMetricsFollowTheStatuses(t *testing.T) {
	t.Parallel()
	m := newPoolMetrics()
	key := func(name string) etcdschema.Key {
		return etcdschema.StatusKey(model.ID{Project: model.ClusterProject, Kind: model.KindAddressPool, Name: name})
	}
	both := &etcdschema.Status{AddressPool: &etcdschema.AddressPoolStatus{
		IPv4: &etcdschema.AddressCount{Size: 10, Used: 7, Held: 2, Free: 1}, IPv6: &etcdschema.AddressCount{Size: 1 << 63, Used: 3},
	}}
	registry := prometheus.NewRegistry()
	registry.MustRegister(m.size, m.used, m.held)
	values := func() map[string]float64 {
		t.Helper()
		families, err := registry.Gather()
		if err != nil {
			t.Fatal(err)
		}
		out := map[string]float64{}
		for _, f := range families {
			for _, one := range f.GetMetric() { // the labels are in the order of their names
				out[f.GetName()+" "+one.GetLabel()[1].GetValue()+" "+one.GetLabel()[0].GetValue()] = one.GetGauge().GetValue()
			}
		}
		return out
	}
	shown := func(what string, want int) {
		t.Helper()
		if got := values(); len(got) != 3*want {
			t.Errorf("%s: shown are %v, expected %d of each", what, got, want)
		}
	}
	m.show(key("a"), both)
	m.show(key("b"), both)
	shown("two pools of both families", 4)
	for name, want := range map[string]float64{"size": 10, "used": 7, "held": 2} {
		if got := values()["weft_controller_address_pool_"+name+" a ipv4"]; got != want {
			t.Errorf("%s is %v, expected %v", name, got, want)
		}
	}
	m.show(key("a"), &etcdschema.Status{AddressPool: &etcdschema.AddressPoolStatus{IPv4: both.AddressPool.IPv4}})
	shown("a family is gone", 3)
	m.show(etcdschema.StatusKey(model.ID{Project: "alpha", Kind: model.KindPort, Name: "a"}), &etcdschema.Status{})
	shown("a port", 3)
	m.show(key("a"), nil)
	shown("a pool is gone", 2)
	m.forgetAll()
	shown("another leads", 0)
}
