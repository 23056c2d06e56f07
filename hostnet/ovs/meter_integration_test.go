//go:build integration

package ovs

import (
	"strings"
	"testing"

	"weft/hostnet/object"
)

// meterAll makes the meters that the flows of a set name.
func (b *testbed) meterAll(set *object.FlowSet) {
	b.t.Helper()
	made := map[uint32]bool{0: true}
	var changes []object.Change
	for _, f := range set.Flows {
		if id := f.MeterOf(); !made[id] {
			made[id] = true
			changes = append(changes, create(meter(id, 1000+id)))
		}
	}
	b.must(changes...)
}

// TestMetersOnASwitch: all fields of meters are read back from a real switch, the highest ids and rates too. A new rate leaves the flows.
func TestMetersOnASwitch(t *testing.T) {
	t.Parallel()
	b := newWatchedTestbed(t)
	packets, most := meter(object.LastMeter, 100), meter(object.MeterID(0xfeff, object.MeterEgressRate), 20_000_000)
	packets.Unit, most.Burst = object.MeterPktps, 4_000_000
	limit, set := meter(3, 10000), metered(1, 3)
	for _, m := range []*object.Meter{packets, most, limit} {
		b.must(create(m))
		same(t, m, b.observe(m.Key()))
	}
	b.must(create(set))
	stats, err := b.d.flows.meterStats(t.Context(), "br-int")
	if err != nil || len(stats) != 3 {
		t.Fatalf("statistics %+v, %v", stats, err)
	}
	for _, s := range stats {
		if want := uint32(0); s.ID == 3 {
			if want = 1; s.Flows != want {
				t.Errorf("meter 3 has %d flows", s.Flows)
			}
		}
	}
	before := b.flows("br-int", "dump-flows", "--no-stats")
	then := meter(3, 20000)
	then.Unit = object.MeterPktps
	b.must(object.Change{Op: object.Update, Desired: then, Observed: b.observe(limit.Key())})
	same(t, then, b.observe(then.Key()))
	if after := b.flows("br-int", "dump-flows", "--no-stats"); after != before || !strings.Contains(after, "meter:3") {
		t.Errorf("a new rate has changed the flows:\n%s\nto\n%s", before, after)
	}
	for _, m := range []*object.Meter{packets, most} {
		b.must(remove(b.observe(m.Key())))
	}
	if text := b.meters(); !strings.Contains(text, "meter=3 ") || strings.Count(text, "meter=") != 1 {
		t.Errorf("left are %s", text)
	}
}

// TestMetersDamaged: a meter that somebody removes is told at once, together with its flows, and can be repaired. One that somebody
// changes, and a foreign one, are found with a Sync. Meters with higher ids stay.
func TestMetersDamaged(t *testing.T) {
	t.Parallel()
	b := newWatchedTestbed(t)
	limit, set := meter(3, 10000), metered(1, 3)
	b.must(create(limit), create(set))
	from := b.seen()
	b.flows("br-int", "del-meter", "meter=3")
	b.await(from, "for the meter", b.drifted(limit))
	b.await(from, "for its flows", b.drifted(set))
	b.must(create(limit))
	b.must(object.Change{Op: object.Update, Desired: set, Observed: b.observe(set.Key())})
	same(t, set, b.observe(set.Key()))
	b.flows("br-int", "mod-meter", "meter=3,kbps,burst,band=type=drop,rate=77,burst_size=88")
	b.flows("br-int", "add-meter", "meter=9,kbps,stats,band=type=drop,rate=77")
	b.flows("br-int", "add-meter", "meter=300000,kbps,band=type=drop,rate=77")
	b.sync()
	b.sync()
	if d := limit.Diff(b.observe(limit.Key())); len(d) != 2 || d[0].Observed != "77" || d[1].Observed != "88" {
		t.Errorf("a changed meter differs in %v", d)
	}
	foreign := b.observe(meterKey("br-int", 9))
	if foreign == nil || foreign.(*object.Meter).Strange == "" {
		t.Errorf("a foreign meter is %+v", foreign)
	}
	b.must(object.Change{Op: object.Update, Desired: limit, Observed: b.observe(limit.Key())}, remove(foreign))
	same(t, limit, b.observe(limit.Key()))
	if text := b.meters(); strings.Contains(text, "meter=9 ") || !strings.Contains(text, "meter=300000 ") {
		t.Errorf("left are %s", text)
	}
	if b.observe(meterKey("br-int", 300000)) != nil {
		t.Error("a meter with a high id is ours")
	}
}

// TestFlowsWithoutTheirMeter are refused by the switch.
func TestFlowsWithoutTheirMeter(t *testing.T) {
	t.Parallel()
	b := newWatchedTestbed(t)
	if err := b.apply(create(metered(1, 3)))[0]; err == nil || !strings.Contains(err.Error(), "the switch refuses it") {
		t.Errorf("error %v", err)
	}
}

// meters is what the switch itself says of the meters of br-int.
func (b *testbed) meters() string {
	b.t.Helper()
	return b.flows("br-int", "dump-meters")
}
