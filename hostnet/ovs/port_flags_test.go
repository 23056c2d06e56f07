package ovs

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"weft/hostnet/object"
	"weft/hostnet/ovs/openflow"
)

// TestPortFlagsAreSeenAndTakenOff: flags that somebody has set on a port by OpenFlow are a difference, and an update clears them.
func TestPortFlagsAreSeenAndTakenOff(t *testing.T) {
	t.Parallel()
	m, l := watched(t)
	all := []object.Object{ourBridge(), guest("tapx"), uplinkOf("br-int", "ethx"), someSession()}
	m.must(create(all[1]), create(all[2]), create(all[3]))
	numbers := map[string]uint16{"br-int": openflow.PortLocal}
	for _, device := range []string{"tapx", "ethx", "wb1", "wq1"} {
		p, _ := m.d.database().read().port(device)
		numbers[device] = p.number()
	}
	for i, device := range []string{"br-int", "tapx", "ethx", "wb1", "wq1"} {
		o, from := all[min(i, 3)], l.seen()
		port := openflow.Port{Number: numbers[device], Name: device, Config: 1<<2 | openflow.PortDown}
		m.flows.configure("br-int", port)
		l.await(from, device, about(o.Key()))
		if d := o.Diff(m.observe(o.Key())); len(d) != 1 || !strings.Contains(d[0].String(), "no-receive") || strings.Contains(d[0].String(), "down") {
			t.Errorf("%s: %v", device, d)
		}
		m.must(m.updated(o))
		if err := m.d.readPorts(t.Context(), "br-int", m.d.flowCacheOf("br-int"), nil); err != nil {
			t.Fatal(err)
		}
		same(t, o, m.observe(o.Key()))
	}
	m.flows.configure("br-int", openflow.Port{Number: numbers["tapx"], Name: "tapx", Config: 4})
	m.flows.fail(errors.New("no answer"))
	if err := m.apply(m.updated(all[1]))[0]; !strings.Contains(errorText(err), "taking off what somebody set on ports: no answer") {
		t.Errorf("error %v", err)
	}
}

// TestPortTable: only a change of a flag counts. A port's up and down is its device's.
func TestPortTable(t *testing.T) {
	t.Parallel()
	var table portTable
	const flag = openflow.PortConfig(1 << 2)
	if table.set(0, openflow.Port{Number: 1, Config: flag}) || table.config(1) != "" {
		t.Error("a port counts before all ports are read")
	}
	number := func(ports []openflow.Port) (all []uint16) {
		for _, p := range ports {
			all = append(all, p.Number)
		}
		return all
	}
	if got := number(table.replace([]openflow.Port{{Number: 1}, {Number: 2, Config: flag}, {Number: 3, Config: openflow.PortDown}})); !slices.Equal(got, []uint16{2}) {
		t.Errorf("at first %v differ", got)
	}
	if got := number(table.replace([]openflow.Port{{Number: 1, Config: flag}, {Number: 2, Config: flag}})); !slices.Equal(got, []uint16{1}) {
		t.Errorf("then %v differ", got)
	}
	for i, c := range []struct {
		reason  openflow.PortReason
		port    openflow.Port
		changed bool
		config  string
	}{
		{2, openflow.Port{Number: 1, Config: flag | openflow.PortDown}, false, "no-receive"},
		{2, openflow.Port{Number: 1}, true, ""},
		{2, openflow.Port{Number: 1, Config: flag}, true, "no-receive"},
		{openflow.PortDeleted, openflow.Port{Number: 1}, false, ""},
		{0, openflow.Port{Number: 1}, false, ""},
	} {
		if changed := table.set(c.reason, c.port); changed != c.changed || table.config(1) != c.config {
			t.Errorf("step %d: changed %v, flags %q", i, changed, table.config(1))
		}
	}
}
