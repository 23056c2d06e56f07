package ovs

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"

	"weft/hostnet/object"
)

// testdata/monitor.txt is what ovs-ofctl 3.1 printed while two flows were added, one changed and both deleted.
func TestMonitorReader(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("testdata/monitor.txt")
	if err != nil {
		t.Fatal(err)
	}
	ready := 0
	var got []flowEvent
	m := monitorReader{ready: func() { ready++ }, on: func(e []flowEvent) { got = append(got, e...) }}
	if err := m.read(bytes.NewReader(text)); err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, e := range got {
		verb := map[bool]string{false: "is", true: "gone"}[e.deleted]
		actions, err := renderActions(e.flow.Flow.Actions)
		if err != nil || e.flow.Flow.Match != (object.Match{EthType: etherIPv4}) || e.flow.Flow.Table != 60 {
			t.Errorf("flow %s: %v", e.flow.Flow, err)
		}
		lines = append(lines, fmt.Sprintf("%s %d %s", verb, e.flow.Flow.Priority, actions))
	}
	want := []string{"is 1 output:1", "is 2 drop", "is 1 output:2", "gone 2 drop", "gone 1 output:2"}
	if strings.Join(lines, "\n") != strings.Join(want, "\n") || ready != 1 {
		t.Errorf("ready %d times, events:\n%s", ready, strings.Join(lines, "\n"))
	}
	// If the text is cut anywhere, the reader never invents an event.
	for cut := 0; cut < len(text); cut += 7 {
		n := 0
		m := monitorReader{ready: func() {}, on: func(e []flowEvent) { n += len(e) }}
		if err := m.read(bytes.NewReader(text[:cut])); err == nil && n > len(want) {
			t.Fatalf("cut at %d: %d events", cut, n)
		}
	}
}

func FuzzMonitorReader(f *testing.F) {
	text, err := os.ReadFile("testdata/monitor.txt")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Fuzz(func(t *testing.T, text []byte) {
		m := monitorReader{ready: func() {}, on: func([]flowEvent) {}}
		_ = m.read(bytes.NewReader(text)) // must not panic
	})
}

// merged is a dump that the switch has answered with.
func merged(t *testing.T, v *flowCache, dump flowDump) {
	t.Helper()
	if err := v.merge(nil, dump); err != nil {
		t.Fatal(err)
	}
}

func TestCacheMergesDumpAndMonitor(t *testing.T) {
	t.Parallel()
	flow := func(priority uint16, port uint32) switchFlow {
		return switchFlow{object.CookieOwner | 1, object.Flow{Table: 10, Priority: priority, Actions: []object.Action{object.Output{Port: port}}}}
	}
	v := newFlowCache("")
	merged(t, v, listDump{flow(1, 1), flow(2, 1), flow(3, 1)})
	v.beginDump()
	// While the switch is asked, the monitor reports a change, a removal and an addition. The dump is older.
	v.apply([]flowEvent{{flow: flow(1, 9)}, {deleted: true, flow: flow(2, 1)}, {flow: flow(4, 9)}})
	merged(t, v, listDump{flow(1, 1), flow(2, 1)})
	got, _ := v.flows(object.CookieOwner | 1)
	if missing, extra := object.FlowDelta(got, []object.Flow{flow(1, 9).Flow, flow(4, 9).Flow}); len(missing)+len(extra) > 0 {
		t.Errorf("missing %v, extra %v", missing, extra)
	}
}

func TestCacheSilencesExpectedCookies(t *testing.T) {
	t.Parallel()
	mine, other := object.CookieOwner|1, object.CookieOwner|2
	f := object.Flow{Table: 10, Priority: 1}
	v := newFlowCache("")
	v.expect([]uint64{mine})
	if told, _ := v.apply([]flowEvent{{flow: switchFlow{mine, f}}}); len(told) != 0 {
		t.Errorf("told of %#x, which Apply expects", told)
	}
	// A flow that replaces another one is reported for both cookies.
	if told, _ := v.apply([]flowEvent{{flow: switchFlow{other, f}}}); len(told) != 1 || told[0] != other {
		t.Errorf("told of %#x", told)
	}
	wrong := flowChange{cookie: mine, desired: []object.Flow{f}}
	if err := v.accept(wrong, false); err == nil {
		t.Error("a flow that another cookie took counts as in place")
	}
	_ = v.accept(wrong, true)
	if told, _ := v.apply([]flowEvent{{flow: switchFlow{mine, f}}}); len(told) != 2 {
		t.Errorf("told of %#x after giving up", told)
	}
}

// TestALateRemovalTakesNothingElse: the removal of a flow that another cookie has replaced already does not remove the new one.
func TestALateRemovalTakesNothingElse(t *testing.T) {
	t.Parallel()
	mine, other := object.CookieOwner|1, object.CookieOwner|2
	f := object.Flow{Table: 10, Priority: 1}
	v := newFlowCache("")
	v.apply([]flowEvent{{flow: switchFlow{mine, f}}, {flow: switchFlow{other, f}}, {deleted: true, flow: switchFlow{mine, f}}})
	if _, there := v.flows(other); !there || len(v.cookies()) != 1 {
		t.Errorf("cookies %#x", v.cookies())
	}
	v.apply([]flowEvent{{deleted: true, flow: switchFlow{other, f}}})
	if len(v.cookies()) != 0 {
		t.Errorf("cookies %#x", v.cookies())
	}
}
