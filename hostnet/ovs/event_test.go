package ovs

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"weft/hostnet/object"
	"weft/hostnet/ovsdb"
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
	m.set(ovsdb.TableBridge, "br-mark", ovsdb.Columns{"datapath_type": fmt.Sprint(m.marks)})
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
	m.somebody(ovsdb.Insert(ovsdb.TableController, "c", ovsdb.Columns{"target": "tcp:1"}),
		ovsdb.Mutate(ovsdb.TableBridge, ovsdb.WhereName("br-two"), ovsdb.Include("controller", named("c"))))
	tapx, _ := m.d.database().read().port("tapx")
	const ofTap, ofPeer, ofSession = "ovs-port/tapx uplink/tapx", "bfd-session/wb1 ovs-port/wq1 uplink/wq1",
		"bfd-session/wb1 ovs-port/wb1 uplink/wb1"
	m.told()
	for _, c := range []struct {
		name string
		do   func()
		want waiting
	}{
		{"a bridge's column", func() { m.set(ovsdb.TableBridge, "br-int", ovsdb.Columns{"fail_mode": "standalone"}) },
			waiting{keys: "bridge/br-int"}},
		{"a bridge's owner", func() {
			m.set(ovsdb.TableBridge, "br-two", ovsdb.Columns{"external_ids": ovsdb.Map{GoMap: map[any]any{}}})
		}, waiting{keys: "bridge/br-two", bridges: true}},
		{"a controller's target", func() {
			m.somebody(ovsdb.Update(ovsdb.TableController, ovsdb.WhereAll(), ovsdb.Columns{"target": "tcp:2"}))
		}, waiting{resync: true}},
		{"a port's tag", func() { m.set(ovsdb.TablePort, "tapx", ovsdb.Columns{"tag": 1}) }, waiting{keys: ofTap, devices: "tapx"}},
		{"an interface's column", func() { m.set(ovsdb.TableInterface, "tapx", ovsdb.Columns{"mtu_request": 1400}) },
			waiting{keys: ofTap, devices: "tapx"}},
		{"a guest's carrier", func() { m.set(ovsdb.TableInterface, "tapx", ovsdb.Columns{"link_state": "down"}) }, waiting{}},
		{"an uplink's carrier", func() { m.set(ovsdb.TableInterface, "ethx", ovsdb.Columns{"link_state": "down"}) }, waiting{sessions: true}},
		{"an uplink's number", func() { m.set(ovsdb.TableInterface, "ethx", ovsdb.Columns{"ofport": 77}) },
			waiting{keys: "ovs-port/ethx uplink/ethx", devices: "ethx", sessions: true}},
		{"a session's state", func() {
			m.set(ovsdb.TableInterface, "wb1", ovsdb.Columns{"bfd_status": ovsdb.Map{GoMap: map[any]any{"state": "up"}}})
		}, waiting{keys: ofSession, devices: "wb1", sessions: true}},
		{"a session's wire", func() { m.set(ovsdb.TableInterface, "wq1", ovsdb.Columns{"type": "internal"}) },
			waiting{keys: ofPeer, devices: "wq1", sessions: true}},
		{"a port goes to another bridge", func() {
			id := named(tapx.port.UUID)
			lose := ovsdb.Mutate(ovsdb.TableBridge, ovsdb.WhereName("br-int"), ovsdb.Exclude("ports", id))
			m.somebody(lose, ovsdb.Mutate(ovsdb.TableBridge, ovsdb.WhereName("br-two"), ovsdb.Include("ports", id)))
		}, waiting{keys: "bridge/br-int bridge/br-two " + ofTap, devices: "tapx"}},
		{"a new port", func() { m.plug("br-int", "vnet8", nil) }, waiting{keys: "bridge/br-int ovs-port/vnet8 uplink/vnet8", devices: "vnet8"}},
		{"a bridge goes", func() {
			m.somebody(m.db.MutateRoot(ovsdb.Exclude("bridges", named(m.db.read().bridges["br-two"].UUID))))
		}, waiting{keys: "bridge/br-two ovs-port/br-two ovs-port/tapx uplink/br-two uplink/tapx", devices: "br-two tapx", bridges: true}},
	} {
		c.do()
		db := m.d.database()
		if err := db.AwaitCarriedOut(t.Context(), db.Root().NextCfg); err != nil {
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
