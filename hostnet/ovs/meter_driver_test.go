package ovs

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"weft/hostnet/object"
	"weft/hostnet/ovs/openflow"
)

func meter(id, rate uint32) *object.Meter {
	return &object.Meter{OwnerUID: guestUID, Bridge: "br-int", ID: id, Unit: object.MeterKbps, Rate: rate, Burst: rate / 2}
}

// metered is a flow set with a flow that names the meter, and one that does not.
func metered(n uint64, id uint32) *object.FlowSet {
	flows := someFlows(uint32(n), 2)
	flows[0].Actions = []object.Action{object.ApplyMeter{ID: id}, object.Goto{Table: 20}}
	return flowSet(n, flows...)
}

// TestMetersLive: a meter is made, changed in place without touching its flows, and removed. Ours are those with ids of ours.
func TestMetersLive(t *testing.T) {
	t.Parallel()
	m := withBridge(t)
	m.flows.setMeter("br-int", meterMod{openflow.MeterAdd, object.Meter{ID: object.LastMeter + 1, Unit: object.MeterKbps, Rate: 5}})
	first, set := meter(3, 10000), metered(1, 3)
	m.must(create(first), create(set)) // the driver makes meters before flows
	same(t, first, m.observe(first.Key()))
	same(t, set, m.observe(set.Key()))
	then := meter(3, 20000)
	tries, _ := m.flows.counts()
	m.must(object.Change{Op: object.Update, Desired: then, Observed: m.observe(first.Key())})
	same(t, then, m.observe(first.Key()))
	if now, _ := m.flows.counts(); now != tries {
		t.Error("a bundle was sent for a new rate")
	}
	var commands []openflow.MeterCommand
	for _, mod := range m.flows.meterMods {
		commands = append(commands, mod.command)
	}
	if !slices.Equal(commands, []openflow.MeterCommand{openflow.MeterAdd, openflow.MeterModify}) {
		t.Errorf("the commands are %v", commands)
	}
	foreign := meterKey("br-int", object.LastMeter+1)
	all, alone := m.ours(first.Key(), foreign, meterKey("br-none", 3), object.Key{Kind: object.KindMeter, Name: "br-int/x"})
	if !slices.Equal(alone, []string{first.Key().String()}) || !slices.Contains(all, first.Key().String()) || slices.Contains(all, foreign.String()) {
		t.Errorf("ours are %v, and when asked alone %v", all, alone)
	}
	bare := flowSet(1, someFlows(1, 2)...)
	// The driver removes meters after flows, so that nothing is removed with them.
	m.must(remove(m.observe(first.Key())), object.Change{Op: object.Update, Desired: bare, Observed: m.observe(set.Key())})
	if o := m.observe(first.Key()); o != nil {
		t.Errorf("there is %+v", o)
	}
	same(t, bare, m.observe(set.Key()))
	m.must(remove(first)) // a second time is nothing
	if left := slices.Collect(maps.Keys(m.flows.meterOf["br-int"])); !slices.Equal(left, []uint32{object.LastMeter + 1}) {
		t.Errorf("left are the meters %v", left)
	}
}

// TestMetersThatFail: what is refused, ignored by the switch, or cannot be is an error of that meter alone.
func TestMetersThatFail(t *testing.T) {
	t.Parallel()
	m := withBridge(t)
	m.flows.refuseMeter = func(mod meterMod) error {
		if mod.meter.ID == 9 {
			return errors.New("out of meters")
		}
		return nil
	}
	nowhere, zero, high, idle := meter(1, 1000), meter(0, 1000), meter(object.LastMeter+1, 1000), meter(5, 1000)
	nowhere.Bridge, idle.Rate = "br-none", 0
	good := meter(4, 1000)
	all := []*object.Meter{meter(9, 1000), nowhere, zero, high, idle, good}
	want := []string{"meter br-int/9: out of meters", "bridge br-none is not there or not ours", "the id is not one of ours", "the id is not one of ours",
		"would let nothing pass", ""}
	var changes []object.Change
	for _, o := range all {
		changes = append(changes, create(o))
	}
	for i, err := range m.apply(changes...) {
		if want[i] == "" && err != nil || want[i] != "" && (err == nil || !strings.Contains(err.Error(), want[i])) {
			t.Errorf("%s: %v, expected %q", all[i].Key(), err, want[i])
		}
	}
	same(t, good, m.observe(good.Key()))
	m.flows.ignore = true
	for text, c := range map[string]object.Change{
		"it was made and is not in the switch": create(meter(6, 1000)),
		"burst: 500 → 1000":                    {Op: object.Update, Desired: meter(4, 2000), Observed: good},
		"is still in the switch":               remove(good),
	} {
		if err := m.apply(c)[0]; err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("a switch that does nothing: %v, expected %q", err, text)
		}
	}
	m.flows.ignore = false
	m.flows.fail(errSwitchLost)
	if err := m.apply(create(meter(7, 1000)))[0]; !errors.Is(err, errSwitchLost) {
		t.Errorf("without a switch: %v", err)
	}
}

// TestUnusedMeterIsAnError: flows that name a meter are done only when the switch counts them as the meter's.
func TestUnusedMeterIsAnError(t *testing.T) {
	t.Parallel()
	m := withBridge(t)
	m.must(create(meter(3, 1000)), create(meter(6, 1000)))
	m.flows.unused[3] = true
	errs := m.apply(create(metered(1, 3)), create(metered(2, 6)), create(flowSet(4, someFlows(4, 1)...)))
	if errs[0] == nil || !strings.Contains(errs[0].Error(), "no flow uses meter 3") || errs[1] != nil || errs[2] != nil {
		t.Errorf("errors %v", errs)
	}
}

// TestRemovedMeterIsTold: somebody removes a meter, and its flows go with it. Both are told at once. A meter that somebody changes is
// found with the next Sync.
func TestRemovedMeterIsTold(t *testing.T) {
	t.Parallel()
	m, l := watched(t)
	limit, set := meter(3, 1000), metered(1, 3)
	m.must(create(limit), create(set))
	from := l.seen()
	m.flows.setMeter("br-int", meterMod{openflow.MeterDelete, *limit})
	l.await(from, "for the meter", about(limit.Key()))
	l.await(from, "for its flows", about(set.Key()))
	if o := m.observe(limit.Key()); o != nil {
		t.Errorf("there is %+v", o)
	}
	m.must(create(limit))
	m.must(object.Change{Op: object.Update, Desired: set, Observed: m.observe(set.Key())})
	same(t, set, m.observe(set.Key()))
	other := *limit
	other.Rate = 7
	m.flows.setMeter("br-int", meterMod{openflow.MeterModify, other})
	same(t, limit, m.observe(limit.Key())) // nobody tells
	for range 2 {                          // the first one takes what Watch has just read
		if err := m.d.Sync(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if d := limit.Diff(m.observe(limit.Key())); len(d) != 1 || d[0].Field != "rate" {
		t.Errorf("after a Sync the differences are %v", d)
	}
}
