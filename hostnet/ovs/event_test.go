package ovs

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/ovn-kubernetes/libovsdb/ovsdb"

	"weft/hostnet/object"
	"weft/hostnet/ovs/openflow"
)

// waiting is the state of an event box: what it would report, and which of its wakers are set.
type waiting struct {
	keys, devices     string
	resync            bool
	bridges, sessions bool
}

func (b *eventBox) waiting() (w waiting) {
	e, _ := b.take()
	return b.shown(e)
}

func (b *eventBox) shown(e object.Event) (w waiting) {
	slices.Sort(e.Devices)
	w.keys, w.devices, w.resync = strings.Join(keyNames(e.Keys), " "), strings.Join(e.Devices, " "), e.Resync
	for c, set := range map[chan struct{}]*bool{b.bridges: &w.bridges, b.sessions: &w.sessions} {
		select {
		case <-c:
			*set = true
		default:
		}
	}
	return w
}

// told is what the box reports of all changes so far. A last change of the bridge br-mark, which is reported after them, shows that
// they are all in it.
func (m *memory) told() waiting {
	m.t.Helper()
	m.marks++
	m.set(tableBridge, "br-mark", ovsdb.Row{"datapath_type": fmt.Sprint(m.marks)})
	mark := object.Key{Kind: object.KindBridge, Name: "br-mark"}
	var all object.Event
	for !slices.Contains(all.Keys, mark) {
		<-m.d.events.wake
		e, _ := m.d.events.take()
		all.Keys, all.Devices, all.Resync = append(all.Keys, e.Keys...), append(all.Devices, e.Devices...), all.Resync || e.Resync
	}
	all.Keys = slices.DeleteFunc(all.Keys, func(k object.Key) bool { return k == mark })
	slices.SortFunc(all.Keys, object.Key.Compare)
	slices.Sort(all.Devices)
	all.Keys, all.Devices = slices.Compact(all.Keys), slices.Compact(all.Devices)
	return m.d.events.shown(all)
}

// TestRowsAreEvents: each change of the database reports the objects and facts that depend on it, and nothing else.
func TestRowsAreEvents(t *testing.T) {
	t.Parallel()
	m := withBridge(t)
	other, mark := ourBridge(), ourBridge()
	other.Name, mark.Name = "br-two", "br-mark"
	m.must(create(other), create(mark), create(guest("tapx")), create(uplinkOf("br-int", "ethx")), create(someSession()))
	m.somebody(insertRow(tableController, "c", ovsdb.Row{"target": "tcp:1"}), addTo(tableBridge, byName("br-two"), "controller", named("c")))
	tapx, _ := m.d.database().read().port("tapx")
	const ofTap, ofWire, ofSession = "ovs-port/tapx uplink/tapx", "bfd-session/wb1 ovs-port/wq1 uplink/wq1", "bfd-session/wb1 ovs-port/wb1 uplink/wb1"
	m.told()
	for _, c := range []struct {
		name string
		do   func()
		want waiting
	}{
		{"a bridge's column", func() { m.set(tableBridge, "br-int", ovsdb.Row{"fail_mode": "standalone"}) }, waiting{keys: "bridge/br-int"}},
		{"a bridge's owner", func() { m.set(tableBridge, "br-two", ovsdb.Row{"external_ids": ovsdb.OvsMap{GoMap: map[any]any{}}}) },
			waiting{keys: "bridge/br-two", bridges: true}},
		{"a controller's target", func() {
			m.somebody(ovsdb.Operation{Op: ovsdb.OperationUpdate, Table: tableController, Where: []ovsdb.Condition{}, Row: ovsdb.Row{"target": "tcp:2"}})
		}, waiting{resync: true}},
		{"a port's tag", func() { m.set(tablePort, "tapx", ovsdb.Row{"tag": 1}) }, waiting{keys: ofTap, devices: "tapx"}},
		{"an interface's column", func() { m.set(tableInterface, "tapx", ovsdb.Row{"mtu_request": 1400}) }, waiting{keys: ofTap, devices: "tapx"}},
		{"a guest's carrier", func() { m.set(tableInterface, "tapx", ovsdb.Row{"link_state": "down"}) }, waiting{}},
		{"an uplink's carrier", func() { m.set(tableInterface, "ethx", ovsdb.Row{"link_state": "down"}) }, waiting{sessions: true}},
		{"an uplink's number", func() { m.set(tableInterface, "ethx", ovsdb.Row{"ofport": 77}) },
			waiting{keys: "ovs-port/ethx uplink/ethx", devices: "ethx", sessions: true}},
		{"a session's state", func() {
			m.set(tableInterface, "wb1", ovsdb.Row{"bfd_status": ovsdb.OvsMap{GoMap: map[any]any{"state": "up"}}})
		}, waiting{keys: ofSession, devices: "wb1", sessions: true}},
		{"a session's wire", func() { m.set(tableInterface, "wq1", ovsdb.Row{"type": "internal"}) },
			waiting{keys: ofWire, devices: "wq1", sessions: true}},
		{"a port goes to another bridge", func() {
			id := setOf(ovsdb.UUID{GoUUID: tapx.port.UUID})
			lose := addTo(tableBridge, byName("br-int"), "ports", id)
			lose.Mutations[0].Mutator = ovsdb.MutateOperationDelete
			m.somebody(lose, addTo(tableBridge, byName("br-two"), "ports", id))
		}, waiting{keys: "bridge/br-int bridge/br-two " + ofTap, devices: "tapx"}},
		{"a new port", func() { m.plug("br-int", "vnet8", nil) }, waiting{keys: "bridge/br-int ovs-port/vnet8 uplink/vnet8", devices: "vnet8"}},
		{"a bridge goes", func() {
			lose := addTo(tableRoot, whereUUID(m.db.root().UUID), "bridges", setOf(ovsdb.UUID{GoUUID: m.db.read().bridges["br-two"].UUID}))
			lose.Mutations[0].Mutator = ovsdb.MutateOperationDelete
			m.somebody(lose)
		}, waiting{keys: "bridge/br-two ovs-port/br-two ovs-port/tapx uplink/br-two uplink/tapx", devices: "br-two tapx", bridges: true}},
	} {
		c.do()
		if err := m.d.database().await(t.Context(), func() bool { return m.d.database().root().CurCfg == m.d.database().root().NextCfg }); err != nil {
			t.Fatal(err)
		}
		if got := m.told(); got != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
}

// TestEventsWaitTogether: what happens while nobody takes events is taken at once, each thing once.
func TestEventsWaitTogether(t *testing.T) {
	t.Parallel()
	b := newEventBox()
	if e, any := b.take(); any {
		t.Errorf("an empty box has %+v", e)
	}
	k := object.Key{Kind: object.KindBridge, Name: "br-int"}
	b.put(false, []object.Key{k}, "tapx")
	b.put(true, []object.Key{k}, "tapx", "tapy")
	b.put(false, nil)
	b.flowsChanged("br-int", []uint64{1, 2, 1})
	if w := b.waiting(); w != (waiting{keys: "bridge/br-int flow-set/br-int/0x1 flow-set/br-int/0x2", devices: "tapx tapy", resync: true}) {
		t.Errorf("%+v", w)
	}
	if e, any := b.take(); any {
		t.Errorf("taken twice: %+v", e)
	}
	for _, put := range []func(){func() { b.put(true, nil) }, func() { b.put(false, []object.Key{k}) }, func() { b.put(false, nil, "tapx") }} {
		put()
		if _, any := b.take(); !any {
			t.Error("something happened, and the box is empty")
		}
	}
	if len(b.wake) != 1 {
		t.Errorf("%d wake-ups wait, want one", len(b.wake))
	}
}

// TestWatchFollows: somebody's flows are events, the driver's own are not. A lost monitor makes the view stale until all is read.
func TestWatchFollows(t *testing.T) {
	t.Parallel()
	m, l := watched(t)
	set := flowSet(1, someFlows(1, 1)...)
	from := l.seen()
	m.must(create(set))
	alien := switchFlow{0xbeef, object.Flow{Table: 20, Priority: 1}}
	m.flows.put("br-int", alien)
	l.await(from, "somebody's flow", about(flowSetKey("br-int", 0xbeef)))
	if slices.ContainsFunc(l.events[from:], about(set.Key())) {
		t.Errorf("the driver's own flows are an event: %v", l.events[from:])
	}
	taken := switchFlow{0xbeef, set.Flows[0]}
	m.flows.put("br-int", taken) // it replaces ours
	l.await(from, "a replaced flow", func(e object.Event) bool { return about(set.Key())(e) && about(flowSetKey("br-int", 0xbeef))(e) })
	if m.observe(set.Key()) != nil {
		t.Error("a flow that somebody has replaced is still ours")
	}

	from = l.seen()
	_, dumps := m.flows.counts()
	m.flows.mu.Lock()
	m.flows.flows["br-int"] = nil // a restart of the switch
	lose := m.flows.lose
	m.flows.lose = make(chan struct{})
	m.flows.mu.Unlock()
	close(lose)
	l.await(from, "resync", m.based)
	if m.observe(flowSetKey("br-int", 0xbeef)) != nil {
		t.Error("the flows were not read again")
	}
	if _, now := m.flows.counts(); now != dumps+1 {
		t.Errorf("the flows were read %d times", now-dumps)
	}
	for i, want := range []int{1, 2} { // a Sync after the Resync need not read them again, the next one does
		if err := m.d.Sync(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, now := m.flows.counts(); now != dumps+want {
			t.Errorf("after %d syncs the flows were read %d times, want %d", i+1, now-dumps, want)
		}
	}
}

// TestStaleSaysWhy: what is missing until the view is current, in the order in which it comes.
func TestStaleSaysWhy(t *testing.T) {
	t.Parallel()
	m := withBridge(t)
	v := m.d.flowViewOf("br-int")
	for _, step := range []struct {
		do   func()
		want string
	}{
		{func() {}, "bridge br-int: the flow monitor is not in place"},
		{v.setFresh, "bridge br-int: the flow monitor is not in place"},
		{func() { v.setLive(true) }, "bridge br-int: the flows are being read"},
		{v.setFresh, "bridge br-int: nobody tells of the ports' configuration"},
		{func() { v.ports.setLive(true) }, ""},
		{func() { v.takeFresh() }, ""},
		{func() { v.setLive(false) }, "bridge br-int: the flow monitor is not in place"},
		{func() { m.d.db.close() }, "no connection to ovsdb-server"},
	} {
		if step.do(); m.d.Stale() != step.want {
			t.Errorf("stale: %q, want %q", m.d.Stale(), step.want)
		}
	}
	if err := m.d.Sync(t.Context()); err != nil || m.d.Stale() == "no connection to ovsdb-server" {
		t.Errorf("a Sync connects again: %v, stale %q", err, m.d.Stale())
	}
	if d := New(m.d.cfg); d.Stale() == "" {
		t.Error("a driver without connection is current")
	} else {
		d.Close()
	}
}

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
		if err := m.d.readPorts(t.Context(), "br-int", m.d.flowViewOf("br-int"), nil); err != nil {
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
